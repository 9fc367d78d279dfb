import type { NostrEvent } from './event.ts'
import { countRefusal, type RelayMetrics } from './metrics/metrics.ts'

/** What came of an event: the OK's two fields, and what was delivered in answer to it. */
export type Submitted = {
  readonly accepted: boolean
  readonly message: string
  readonly delivered: readonly NostrEvent[]
}

/** Is told what came of an event. */
export type Done = (outcome: Submitted) => void

/** A refusal, counted; `message` carries a NIP-01 prefix. */
export function refuse(metrics: RelayMetrics, message: string): Submitted {
  countRefusal(metrics.eventsRefused, message)
  return { accepted: false, message, delivered: [] }
}

export const duplicate = 'duplicate: this event is here already'
export const tooBusy = 'rate-limited: the relay is too busy now, try again later'
export const storageFault = 'error: the relay could not store this now, try again later'
/** What the OK of an event says whose signature was checked in vain. */
export const wrongSignature = 'invalid: the signature is not of this author'

import { hash } from 'node:crypto'
import type { NostrEvent } from '../event.ts'

/** An event as it came, its id right. What others need of it as bytes or text is made here, once. */
export type WireEvent<Event extends NostrEvent = NostrEvent> = {
  readonly event: Event
  /** id, author and signature, one after the other. */
  readonly bytes: Buffer
  readonly id: Buffer
  readonly pubkey: Buffer
  /** As `encodeEvent` has it. */
  readonly json: string
}

export const wireBytes = 128
export const pubkeyAt = 32
export const signatureAt = 64

/** Takes an event whose shape has been checked; `null` when its id is not its hash (NIP-01). */
export function wireEvent(event: NostrEvent): WireEvent | null {
  // The hash and the text that is stored and sent have the long parts in common.
  const tags = JSON.stringify(event.tags)
  const content = JSON.stringify(event.content)
  const hashed = `[0,"${event.pubkey}",${event.created_at},${event.kind},${tags},${content}]`
  return hash('sha256', hashed, 'hex') === event.id ? build(event, tags, content) : null
}

/** The same for an event whose id is known to be right. */
export function ownWireEvent(event: NostrEvent): WireEvent {
  return build(event, JSON.stringify(event.tags), JSON.stringify(event.content))
}

function build(event: NostrEvent, tags: string, content: string): WireEvent {
  const { id, pubkey, created_at, kind, sig } = event
  const bytes = Buffer.from(id + pubkey + sig, 'hex')
  return {
    event,
    bytes,
    id: bytes.subarray(0, pubkeyAt),
    pubkey: bytes.subarray(pubkeyAt, signatureAt),
    json: `{"id":"${id}","pubkey":"${pubkey}","created_at":${created_at},"kind":${kind},"tags":${tags},"content":${content},"sig":"${sig}"}`,
  }
}

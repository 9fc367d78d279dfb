import type { EventTemplate, VerifiedEvent } from '../../../relay/event.ts'
import type { Origin } from '../../../relay/host.ts'
import { startTime } from '../authors.ts'

export const someKey = 'a'.repeat(64)
export const otherKey = 'b'.repeat(64)

/** An event that passes for verified; its id is no hash. */
export function eventOf(parts: Partial<EventTemplate> & { id?: string; pubkey?: string } = {}): VerifiedEvent {
  const { id = 'f'.repeat(64), pubkey = someKey } = parts
  const event = { id, pubkey, kind: 1, created_at: startTime, tags: [], content: '', sig: '0'.repeat(128), ...parts }
  return event as unknown as VerifiedEvent
}

/** A client's connection; each call is another one. */
export function originOf(parts: Partial<Origin> = {}): Origin {
  return { source: 'client', ip: '192.0.2.1', authenticated: new Set(), ...parts }
}

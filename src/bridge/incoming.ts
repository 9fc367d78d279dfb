import type { NostrEvent } from '../../relay/event.ts'
import { kinds } from '../protocol/kinds.ts'

/** How far back commands are looked at, so that late ones are told so; beyond it they are left without an answer. */
export const lookBackSeconds = 3 * 86_400

/** How far ahead a command's time may be to be looked at: a clock that is wrong, not made-up years. */
const lookAheadSeconds = 86_400

const hex64 = /^[0-9a-f]{64}$/

/**
 * Whether another relay's event is a command or query addressed to us, as far as waiting and sorting need it: a relay may
 * send anything whatever it was asked. Its id and signature are checked where every event's are.
 */
export function isForUs(value: unknown, service: string, now: number): value is NostrEvent {
  if (typeof value !== 'object' || value === null) return false
  const { id, pubkey, created_at, kind, tags, content } = value as Record<string, unknown>
  if (kind !== kinds.command && kind !== kinds.query) return false
  if (typeof id !== 'string' || !hex64.test(id) || typeof pubkey !== 'string' || !hex64.test(pubkey)) return false
  if (typeof created_at !== 'number' || !Number.isSafeInteger(created_at)) return false
  if (created_at < now - lookBackSeconds || created_at > now + lookAheadSeconds) return false
  if (pubkey === service || typeof content !== 'string' || !Array.isArray(tags)) return false
  if (!tags.every(tag => Array.isArray(tag) && tag.every(part => typeof part === 'string'))) return false
  return tags.some(tag => tag[0] === 'p' && tag[1] === service)
}

import type { NostrEvent } from '../../relay/event.ts'
import type { Admission } from '../../relay/host.ts'
import { kinds } from '../protocol/kinds.ts'
import type { Room } from '../store/disk.ts'

const ours: ReadonlySet<number> = new Set([kinds.command, kinds.query, kinds.answer])

/**
 * The service's word on an event that its operator brings in: nothing is executed, and nobody but the service itself
 * makes events of its key.
 */
export function admitImported(
  event: Pick<NostrEvent, 'kind' | 'pubkey'>,
  servicePublicKey: string,
  room: Room,
): Admission {
  if (event.pubkey === servicePublicKey) return { kind: 'refuse', message: 'blocked: events of the service itself' }
  if (ours.has(event.kind)) return { kind: 'refuse', message: 'blocked: commands and queries are not imported' }
  if (room !== 'events') return { kind: 'refuse', message: 'error: the disk is short of space' }
  return { kind: 'store' }
}

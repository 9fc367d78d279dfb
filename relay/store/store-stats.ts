import { createPace } from '../pace.ts'
import { endKey, seqBytes } from './keys.ts'
import { recordJson, recordKind } from './record.ts'
import type { EventStore } from './store.ts'
import { countOfKind, storedKinds } from './stored-kinds.ts'
import { openWalk } from './walk.ts'

/** What a store holds. Times are of events' `created_at`, in Unix seconds. */
export type StoreStats = {
  readonly events: number
  readonly kinds: readonly { readonly kind: number; readonly events: number }[]
  readonly oldest: number | null
  readonly newest: number | null
}

const maxUint48 = 2 ** 48 - 1
const everything = { tags: new Map(), limit: Number.MAX_SAFE_INTEGER }
/** Of a turn of the event loop. */
const turnMs = 8

/** Counts by keys, without reading events. */
export function storeStats(store: EventStore): StoreStats {
  const kinds = [...storedKinds(store)]
    .map(kind => ({ kind, events: countOfKind(store, kind) }))
    .sort((a, b) => b.events - a.events || a.kind - b.kind)
  const events = kinds.reduce((sum, { events }) => sum + events, 0)
  return { events, kinds, oldest: timeAtEnd(store, 'oldest'), newest: timeAtEnd(store, 'newest') }
}

/** How many bytes of JSON there are of each kind, by reading every event that has not expired. */
export async function bytesByKind(store: EventStore, now: number): Promise<ReadonlyMap<number, number>> {
  const bytes = new Map<number, number>()
  const isOver = createPace(turnMs)
  const walk = openWalk(store, everything, { now, visible: () => true })
  for (;;) {
    if (isOver()) await new Promise(setImmediate)
    const record = walk.next(isOver)
    if (record === null) return bytes
    if (record === undefined) continue
    const { start, end } = recordJson(record)
    const kind = recordKind(record)
    bytes.set(kind, (bytes.get(kind) ?? 0) + end - start)
  }
}

function timeAtEnd({ databases: { byTime } }: EventStore, which: 'oldest' | 'newest'): number | null {
  const [key] =
    which === 'newest'
      ? byTime.getKeys({ limit: 1 })
      : byTime.getKeys({ start: endKey(Buffer.alloc(0), 0), reverse: true, limit: 1 })
  return key === undefined ? null : maxUint48 - key.readUIntBE(0, seqBytes)
}

import type { Filter } from '../query/filter.ts'
import { openScan, type Visible } from '../query/query.ts'
import { recordCreatedAt, recordId } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import { createVectorBuilder, type Vector } from './negentropy-vector.ts'

/** A vector of what a filter asks for, or why there is none. */
export type Loaded =
  | { readonly kind: 'vector'; readonly vector: Vector }
  | { readonly kind: 'too big' }
  | { readonly kind: 'no room' }

/** Room is asked for by so many events at once. */
const eventsPerTake = 4_096
/** Ends a step of a scan at its first look, which comes after some records, found or not. */
const always = () => true

/**
 * Loads ids and times of stored events, in steps of some microseconds; nothing else of an event is read. At most
 * `maxEvents`, and only as long as there is room for them; `take` and `giveBack` count it.
 */
export function* loadVector(
  store: EventStore,
  filter: Filter,
  options: {
    now: number
    visible: Visible
    maxEvents: number
    take(events: number): boolean
    giveBack(events: number): void
  },
): Generator<void, Loaded> {
  const { now, visible, maxEvents, take, giveBack } = options
  // What is read here is no sign of what clients will ask for.
  const quiet: EventStore = { ...store, keepAtHand: () => undefined }
  const asked = { ...filter, limit: Math.min(filter.limit, maxEvents + 1) }
  const scan = openScan(quiet, asked, { now, latest: store.latestSeq(), visible, seen: null })
  const builder = createVectorBuilder()
  let taken = 0
  for (let record = scan.next(always); record !== null; record = scan.next(always)) {
    if (record === undefined) {
      yield
      continue
    }
    const size = builder.size()
    if (size === maxEvents) return { kind: 'too big' }
    if (size === taken) {
      let more = Math.min(eventsPerTake, maxEvents - taken)
      while (!take(more)) {
        if (more === 1) return { kind: 'no room' }
        more = Math.ceil(more / 8)
      }
      taken += more
    }
    builder.add(recordCreatedAt(record), recordId(record), 0)
  }
  giveBack(taken - builder.size())
  return { kind: 'vector', vector: yield* builder.seal() }
}

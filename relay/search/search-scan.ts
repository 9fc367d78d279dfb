import type { Filter } from '../query/filter.ts'
import type { Scan } from '../query/query.ts'
import { chooseIndex, type Index } from '../query/query-index.ts'
import { endKey, indexKey, startKey } from '../store/keys.ts'
import { type RecordView, recordCreatedAt, recordId } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'

/** So many keys tell how often a word comes. */
const sampled = 256
const maxTime = 2 ** 48 - 2

/**
 * Chooses where the candidates for a search are: under the rarest of its rows, or, when even that is common and the filter
 * names authors, where theirs are. In steps, one for each row.
 */
export function* chooseRow(store: EventStore, filter: Filter, rows: readonly Buffer[]): Generator<void, Index> {
  const { since = 0, until = maxTime } = filter
  const { words } = store.databases
  let rarest: { row: Buffer; count: number; seconds: number } | undefined
  for (const row of rows) {
    const [start, end] = [startKey(row, Math.min(until, maxTime)), endKey(row, since)]
    const keys = [...words.getKeys({ start, end, limit: sampled })]
    const [first, last] = [keys[0], keys.at(-1)]
    const seconds = first === undefined || last === undefined ? 0 : timeOf(last, row) - timeOf(first, row)
    const isRarer =
      rarest === undefined ||
      keys.length < rarest.count ||
      (keys.length === rarest.count && keys.length === sampled && seconds > rarest.seconds)
    if (isRarer) rarest = { row, count: keys.length, seconds }
    // Where nothing is, nothing is found.
    if (keys.length === 0) break
    yield
  }
  const isCommon = rarest === undefined || rarest.count === sampled
  if (isCommon && filter.authors !== undefined) return yield* chooseIndex(store, filter)
  return { index: store.positions.words, prefixes: rarest === undefined ? [] : [rarest.row] }
}

/** The inverted time in a key. */
function timeOf(key: Buffer, row: Buffer): number {
  return key.readUIntBE(row.length, 6)
}

/** Whether an event stands under all of these rows. What was read before is then no longer valid. */
export function standsUnder(store: EventStore, rows: readonly Buffer[], seq: number, record: RecordView): boolean {
  const createdAt = recordCreatedAt(record)
  const id = recordId(record)
  const { words } = store.databases
  for (const row of rows) if (words.getBinaryFast(indexKey(row, createdAt, id, seq)) === undefined) return false
  return true
}

/** Searches for the most relevant first: one scan after another, of which each leaves out what the former gave. */
export function chainScans(
  tiers: readonly (readonly Buffer[])[],
  limit: number,
  open: (rows: readonly Buffer[], limit: number) => Scan,
): Scan {
  let left = limit
  let at = 0
  let scan: Scan | null = null
  let hasMore: boolean | undefined = false

  return {
    next: isOver => {
      for (;;) {
        const rows = tiers[at]
        if (rows === undefined) return null
        scan ??= open(rows, left)
        const record = scan.next(isOver)
        if (record === undefined) return undefined
        if (record !== null) {
          left--
          return record
        }
        const isLast = at === tiers.length - 1
        const more = scan.hasMore()
        scan = null
        if (left <= 0) {
          if (more === true) hasMore = true
          else if (!isLast || more === undefined) hasMore = undefined
          at = tiers.length
        } else {
          if (more === undefined) hasMore = undefined
          at++
        }
      }
    },
    hasMore: () => hasMore,
  }
}

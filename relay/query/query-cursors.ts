import { endKey, keyAfter, startKey } from '../store/keys.ts'
import type { Position, PositionIndex } from '../store/positions.ts'
import { recordCreatedAt } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import type { Filter } from './filter.ts'
import type { Index } from './query-index.ts'
import type { Work } from './work.ts'

/** Gives the numbers of events that may match, in order, and then `null`. */
export type Candidates = () => number | null

const maxTime = 2 ** 48 - 2
const looksBetweenYields = 16
const smallestPage = 4
const largestPage = 512
/** Of all cursors of a scan together, when there are not too many for the smallest page. */
const maxPositions = 4_096
/** Cursors may all come to the end of their pages at once. */
const positionsPerUnit = 8
const nowhere: Position = { time: 0, idHigh: 0, idLow: 0, seq: 0 }

/** One prefix of an index, read a page of positions at a time; cursors are ordered by that on which they stand. */
type Cursor = {
  readonly index: PositionIndex
  readonly prefix: Buffer
  start: Buffer
  readonly end: Buffer
  page: Position[]
  at: number
  pageSize: number
  readonly largestPage: number
  isLast: boolean
  position: Position
}

/** The events with these ids, in NIP-01's order. */
export function* listIds(store: EventStore, ids: readonly string[]): Generator<void, Candidates> {
  const found: { seq: number; createdAt: number; id: string }[] = []
  let looks = 0
  for (const id of ids.length === 1 ? ids : new Set(ids)) {
    const seq = store.seqOf(Buffer.from(id, 'hex'))
    const record = seq === undefined ? undefined : store.record(seq)
    if (seq !== undefined && record !== undefined) found.push({ seq, createdAt: recordCreatedAt(record), id })
    if (++looks % looksBetweenYields === 0) yield
  }
  if (found.length > 1) found.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1))
  let index = 0
  return () => found[index++]?.seq ?? null
}

/** The numbers of candidate events from an index, merged from one cursor per prefix. What is read is added to `work`. */
export function* mergeCursors(
  filter: Filter,
  choosing: Generator<void, Index>,
  work: Work,
): Generator<void, Candidates> {
  const { since = 0, until = maxTime, limit } = filter
  const { index, prefixes } = yield* choosing
  const heap: Cursor[] = []
  const largest = Math.max(smallestPage, Math.min(largestPage, Math.floor(maxPositions / prefixes.length)))
  for (const prefix of prefixes) {
    const cursor: Cursor = {
      index,
      prefix,
      start: startKey(prefix, Math.min(until, maxTime)),
      end: endKey(prefix, since),
      page: [],
      at: 0,
      // One more than is asked for tells whether there is more.
      pageSize: Math.max(smallestPage, Math.min(largest, Math.ceil((limit + 1) / prefixes.length))),
      largestPage: largest,
      isLast: false,
      position: nowhere,
    }
    if (refill(cursor, work)) heap.push(cursor)
    if (prefixes.length > 1) yield
  }
  if (heap.length > 1) heap.sort((a, b) => (isBefore(a, b) ? -1 : 1))
  return () => {
    const top = heap[0]
    if (top === undefined) return null
    const { seq } = top.position
    if (!advance(top, work)) {
      const last = heap.pop()
      if (last !== undefined && last !== top) heap[0] = last
    }
    if (heap.length > 1) siftDown(heap)
    return seq
  }
}

/** Goes on to the cursor's next position; `false` at its end. */
function advance(cursor: Cursor, work: Work): boolean {
  const next = cursor.page[++cursor.at]
  if (next === undefined) return refill(cursor, work)
  cursor.position = next
  return true
}

/** Reads the cursor's next page; `false` at its end. */
function refill(cursor: Cursor, work: Work): boolean {
  if (cursor.isLast) return false
  const { index, start, end, pageSize } = cursor
  cursor.page = index.read(start, end, pageSize)
  work.done += Math.ceil(cursor.page.length / positionsPerUnit)
  cursor.at = 0
  cursor.isLast = cursor.page.length < pageSize
  cursor.pageSize = Math.min(cursor.largestPage, pageSize * 4)
  const first = cursor.page[0]
  const last = cursor.page.at(-1)
  if (first === undefined || last === undefined) return false
  if (!cursor.isLast) cursor.start = keyAfter(cursor.prefix, last)
  cursor.position = first
  return true
}

function isBefore({ position: a }: Cursor, { position: b }: Cursor): boolean {
  if (a.time !== b.time) return a.time < b.time
  if (a.idHigh !== b.idHigh) return a.idHigh < b.idHigh
  if (a.idLow !== b.idLow) return a.idLow < b.idLow
  return a.seq < b.seq
}

function siftDown(heap: Cursor[]): void {
  let index = 0
  for (;;) {
    let smallest = index
    for (let child = 2 * index + 1; child <= 2 * index + 2; child++) {
      const candidate = heap[child]
      const best = heap[smallest]
      if (candidate !== undefined && best !== undefined && isBefore(candidate, best)) smallest = child
    }
    const here = heap[index]
    const there = heap[smallest]
    if (smallest === index || here === undefined || there === undefined) return
    heap[index] = there
    heap[smallest] = here
    index = smallest
  }
}

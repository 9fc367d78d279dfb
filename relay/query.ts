import type { Database } from 'lmdb'
import type { Filter } from './filter.ts'
import {
  authorKindPrefix,
  authorPrefix,
  endKey,
  kindPrefix,
  positionBytes,
  seqOfKey,
  startKey,
  tagPrefix,
} from './keys.ts'
import {
  recordCreatedAt,
  recordExpiration,
  recordHasTag,
  recordId,
  recordJson,
  recordKind,
  recordPubkey,
} from './record.ts'
import type { EventStore } from './store.ts'

/** A query under way. It holds no read transaction between steps: it resumes by key. */
export type Scan = {
  /**
   * Goes on until something is found, the end is reached (`null`), or `isOver` says that the slice is used up
   * (`undefined`: call again on a later turn). What comes is the event's JSON, valid until the next read only.
   */
  next(isOver: () => boolean): Buffer | null | undefined
}

/** Which records a reader may see, beyond the filter. */
export type Visible = (record: Buffer) => boolean

/** Gives the numbers of events that may match, in order, and then `null`. */
type Candidates = () => number | null
/** What comes before the first candidate, in steps: opening a thousand cursors takes longer than a slice. */
type Opening = Generator<void, Candidates>
type Index = { database: Database<Buffer, Buffer>; prefixes: Buffer[] }

const maxTime = 2 ** 48 - 2
const firstPage = 16
const largestPage = 512
/** More cursors than this are no help: one index with fewer, and a look at each event, is cheaper. */
const maxCursors = 1_000
const stepsBetweenLooks = 32

/** Begins a query: newest first, lower ids first in the same second, at most `filter.limit` of those up to `latest`. */
export function openScan(
  store: EventStore,
  filter: Filter,
  options: {
    now: number
    /** The store's latest number when the request came: what is later comes live. */
    latest: number
    visible: Visible
    /** Numbers that a former filter of the same request has given; what this one gives is added. */
    seen: Set<number> | null
  },
): Scan {
  const { now, latest, visible, seen } = options
  const test = recordTest(filter)
  const accept = (record: Buffer): boolean => {
    const expiration = recordExpiration(record)
    return (expiration === 0 || expiration > now) && test(record) && visible(record)
  }
  const opening = filter.ids === undefined ? mergeCursors(store, filter) : listIds(store, filter.ids)
  let candidates: Candidates | undefined
  let left = isEmpty(filter) ? 0 : filter.limit
  let previous = -1
  return {
    next: isOver => {
      while (candidates === undefined && left > 0) {
        const step = opening.next()
        if (step.done) candidates = step.value
        else if (isOver()) return undefined
      }
      if (candidates === undefined) return null
      for (let steps = 1; left > 0; steps++) {
        if (steps % stepsBetweenLooks === 0 && isOver()) return undefined
        const seq = candidates()
        if (seq === null) return null
        // An event with several of the values asked for stands in several cursors, at one position.
        if (seq > latest || seq === previous || seen?.has(seq)) continue
        previous = seq
        const record = store.record(seq)
        if (record === undefined || !accept(record)) continue
        left--
        seen?.add(seq)
        return recordJson(record)
      }
      return null
    },
  }
}

/** Whether the filter has a list without values, which nothing matches. */
function isEmpty({ ids, authors, kinds, tags }: Filter): boolean {
  return [ids, authors, kinds, ...tags.values()].some(list => list !== undefined && list.length === 0)
}

/** Whether a record is what the filter asks for; index keys hold only parts of values, so everything is looked at. */
function recordTest(filter: Filter): Visible {
  const { since = 0, until = maxTime } = filter
  const kinds = filter.kinds === undefined ? undefined : new Set(filter.kinds)
  const authors = filter.authors === undefined ? undefined : new Set(filter.authors)
  const ids = filter.ids === undefined ? undefined : new Set(filter.ids)
  const tags = [...filter.tags].map(([letter, values]) => ({
    letter: letter.charCodeAt(0),
    values: values.map(value => Buffer.from(value)),
  }))
  return record => {
    const createdAt = recordCreatedAt(record)
    if (createdAt < since || createdAt > until) return false
    if (kinds !== undefined && !kinds.has(recordKind(record))) return false
    if (authors !== undefined && !authors.has(recordPubkey(record).toString('hex'))) return false
    if (ids !== undefined && !ids.has(recordId(record).toString('hex'))) return false
    return tags.every(({ letter, values }) => recordHasTag(record, letter, values))
  }
}

/** The events with these ids, in NIP-01's order. */
function* listIds(store: EventStore, ids: readonly string[]): Opening {
  const found: { seq: number; createdAt: number; id: Buffer }[] = []
  for (const text of new Set(ids)) {
    const id = Buffer.from(text, 'hex')
    const seq = store.seqOf(id)
    const record = seq === undefined ? undefined : store.record(seq)
    if (seq !== undefined && record !== undefined) found.push({ seq, createdAt: recordCreatedAt(record), id })
    yield
  }
  found.sort((a, b) => b.createdAt - a.createdAt || Buffer.compare(a.id, b.id))
  let index = 0
  return () => found[index++]?.seq ?? null
}

type Cursor = {
  readonly database: Database<Buffer, Buffer>
  readonly prefixLength: number
  start: Buffer
  readonly end: Buffer
  page: Buffer[]
  at: number
  pageSize: number
  isLast: boolean
}

/** The numbers of candidate events from the most selective index, merged from one cursor per value. */
function* mergeCursors(store: EventStore, filter: Filter): Opening {
  const { since = 0, until = maxTime } = filter
  const { database, prefixes } = yield* chooseIndex(store, filter)
  const heap: Cursor[] = []
  for (const prefix of prefixes) {
    const cursor: Cursor = {
      database,
      prefixLength: prefix.length,
      start: startKey(prefix, Math.min(until, maxTime)),
      end: endKey(prefix, since),
      page: [],
      at: 0,
      pageSize: Math.max(4, Math.min(firstPage, Math.ceil((filter.limit * 2) / prefixes.length))),
      isLast: false,
    }
    if (refill(cursor)) heap.push(cursor)
    yield
  }
  heap.sort(compareCursors)
  return () => {
    const top = heap[0]
    if (top === undefined) return null
    const key = top.page[top.at]
    if (key === undefined) throw new Error('a cursor in the merge stands on a key')
    const seq = seqOfKey(key)
    top.at++
    if (top.at >= top.page.length && !refill(top)) {
      const last = heap.pop()
      if (last !== undefined && last !== top) heap[0] = last
    }
    siftDown(heap)
    return seq
  }
}

/** Reads the cursor's next page; `false` at its end. */
function refill(cursor: Cursor): boolean {
  if (cursor.isLast) return false
  const { start, end, pageSize } = cursor
  cursor.page = [...cursor.database.getKeys({ start, end, limit: pageSize })]
  cursor.at = 0
  cursor.isLast = cursor.page.length < pageSize
  cursor.pageSize = Math.min(largestPage, pageSize * 4)
  const last = cursor.page.at(-1)
  if (last === undefined) return false
  // The next key in byte order: the same with a zero byte behind it.
  cursor.start = Buffer.concat([last, Buffer.alloc(1)])
  return true
}

function compareCursors(a: Cursor, b: Cursor): number {
  const left = a.page[a.at]
  const right = b.page[b.at]
  if (left === undefined || right === undefined) throw new Error('a cursor in the merge stands on a key')
  return left.compare(
    right,
    b.prefixLength,
    b.prefixLength + positionBytes,
    a.prefixLength,
    a.prefixLength + positionBytes,
  )
}

function siftDown(heap: Cursor[]): void {
  let index = 0
  for (;;) {
    let smallest = index
    for (const child of [2 * index + 1, 2 * index + 2]) {
      const candidate = heap[child]
      const best = heap[smallest]
      if (candidate !== undefined && best !== undefined && compareCursors(candidate, best) < 0) smallest = child
    }
    const here = heap[index]
    const there = heap[smallest]
    if (smallest === index || here === undefined || there === undefined) return
    heap[index] = there
    heap[smallest] = here
    index = smallest
  }
}

/** tags (the letter with fewest values) > authors and kinds > authors > kinds > time. */
function* chooseIndex(store: EventStore, filter: Filter): Generator<void, Index> {
  const { byTag, byAuthorKind, byKind, byTime } = store.databases
  const authors =
    filter.authors === undefined ? undefined : [...new Set(filter.authors)].map(hex => Buffer.from(hex, 'hex'))
  const kinds = filter.kinds === undefined ? undefined : [...new Set(filter.kinds)]
  let fewest: { letter: string; values: readonly string[] } | undefined
  for (const [letter, values] of filter.tags) {
    if (fewest === undefined || values.length < fewest.values.length) fewest = { letter, values }
  }
  if (fewest !== undefined) {
    const { letter, values } = fewest
    return { database: byTag, prefixes: unique(values.map(value => tagPrefix(letter, value))) }
  }
  if (authors !== undefined && kinds !== undefined && authors.length * kinds.length <= maxCursors) {
    const prefixes = authors.flatMap(author => kinds.map(kind => authorKindPrefix(author, kind)))
    return { database: byAuthorKind, prefixes: unique(prefixes) }
  }
  if (authors !== undefined) {
    const prefixes = yield* authorKindsOf(byAuthorKind, authors)
    if (prefixes !== null) return { database: byAuthorKind, prefixes }
  }
  if (kinds !== undefined) return { database: byKind, prefixes: kinds.map(kindPrefix) }
  return { database: byTime, prefixes: [Buffer.alloc(0)] }
}

/** Every author and kind that there is for these authors; `null` when there are too many to merge. */
function* authorKindsOf(
  byAuthorKind: Database<Buffer, Buffer>,
  authors: readonly Buffer[],
): Generator<void, Buffer[] | null> {
  const prefixes: Buffer[] = []
  for (const author of unique(authors.map(authorPrefix))) {
    let start = authorKindPrefix(author, 0)
    const end = endKey(authorKindPrefix(author, 0xffff), 0)
    for (;;) {
      const [key] = byAuthorKind.getKeys({ start, end, limit: 1 })
      yield
      if (key === undefined) break
      if (prefixes.length >= maxCursors) return null
      const prefix = Buffer.from(key.subarray(0, 10))
      prefixes.push(prefix)
      const kind = prefix.readUInt16BE(8)
      if (kind === 0xffff) break
      start = authorKindPrefix(author, kind + 1)
    }
  }
  return prefixes
}

/** Two values with one prefix are one cursor, or their events would come twice. */
function unique(prefixes: readonly Buffer[]): Buffer[] {
  return [...new Map(prefixes.map(prefix => [prefix.toString('latin1'), prefix])).values()]
}

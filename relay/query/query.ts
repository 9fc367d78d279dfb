import { isIndexFilled } from '../search/search-index.ts'
import { chainScans, chooseRow, standsUnder } from '../search/search-scan.ts'
import { rowsByRelevance } from '../search/searched-text.ts'
import { type RecordView, recordCreatedAt, recordExpiration } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import type { Filter } from './filter.ts'
import { type Candidates, listIds, mergeCursors } from './query-cursors.ts'
import { chooseIndex } from './query-index.ts'
import { recordTest } from './query-test.ts'
import { isTimeUp, type Work, workOn } from './work.ts'

/** A query under way. It holds no read transaction between steps: it resumes by key. */
export type Scan = {
  /**
   * Goes on until something is found, the end is reached (`null`), or `isOver` says that the slice is used up
   * (`undefined`: call again on a later turn). What is found is valid until the next read only.
   */
  next(isOver: () => boolean): RecordView | null | undefined
  /** After the end: whether there is more that the filter asks for than was found; `undefined`: that was not looked for long enough. */
  hasMore(): boolean | undefined
}

/** Which records a reader may see, beyond the filter. */
export type Visible = (record: RecordView) => boolean

/** How many candidates beyond the limit are looked at to tell whether there is more. */
const looksBeyond = 64

/** A word may be in every event: a search looks at so many candidates, newest first, for each degree of relevance. */
const maxSearched = 50_000

type ScanOptions = {
  readonly now: number
  /** The store's latest number when the request came: what is later comes live. */
  readonly latest: number
  readonly visible: Visible
  /** Numbers that a former filter of the same request has given; what this one gives is added. */
  readonly seen: Set<number> | null
  /** Whether the order of what a search finds does not matter; finding all of it then takes no memory. */
  readonly unordered?: boolean
  /**
   * Whether so many more may be found as are of the same second as the last, where the limit is ours: who asks again with
   * `until` could get no further (NIP-67).
   */
  readonly ties?: number
}

/**
 * Begins a query: newest first, lower ids first in the same second, at most `filter.limit` of those up to `latest`. Of a
 * search (NIP-50) the most relevant come first.
 */
export function openScan(store: EventStore, filter: Filter, options: ScanOptions): Scan {
  if (filter.search === undefined) return openIndexScan(store, filter, options, [])
  const scan = openSearch(store, filter, rowsByRelevance(filter.search), options)
  if (isIndexFilled(store.databases.words)) return scan
  // There may be events that it does not know yet.
  return { next: scan.next, hasMore: () => scan.hasMore() || undefined }
}

function openSearch(
  store: EventStore,
  filter: Filter,
  tiers: readonly (readonly Buffer[])[],
  options: ScanOptions,
): Scan {
  if (options.unordered) return openIndexScan(store, filter, options, tiers.at(-1) ?? [])
  const seen = options.seen ?? new Set()
  return chainScans(tiers, filter.limit, (rows, limit) =>
    openIndexScan(store, { ...filter, limit }, { ...options, seen }, rows),
  )
}

/** `rows` of `relay.words` are those that an event has to stand under, too. */
function openIndexScan(store: EventStore, filter: Filter, options: ScanOptions, rows: readonly Buffer[]): Scan {
  const { now, latest, visible, seen } = options
  const test = recordTest(filter)
  // Each letter is looked for in all tags; and the record is copied from the store, and may be looked through by `visible`.
  const passes = filter.tags.size + 1
  const work: Work = { done: 0 }
  let opening: Generator<void, Candidates> | undefined
  let candidates: Candidates | undefined
  let left = filter.limit
  let ties = filter.isCapped === true && rows.length === 0 && filter.ids === undefined ? (options.ties ?? 0) : 0
  let lastTime = 0
  let previous = -1
  let searched = 0
  let hasMore: boolean | undefined
  let isDone = isEmpty(filter)
  if (isDone) hasMore = false
  else if (filter.ids !== undefined) opening = listIds(store, filter.ids)
  else {
    const choosing = rows.length === 0 ? chooseIndex(store, filter) : chooseRow(store, filter, rows)
    opening = mergeCursors(filter, choosing, work)
  }

  const isAsked = (record: RecordView): boolean => {
    const expiration = recordExpiration(record)
    return (expiration === 0 || expiration > now) && test(record) && visible(record)
  }

  /** The next event that is asked for, `null` at the end of the candidates, `undefined` after so many steps. */
  const step = (steps: number, isOver: () => boolean): RecordView | null | undefined => {
    while (candidates === undefined) {
      const opened = opening?.next()
      if (opened?.done) candidates = opened.value
      else if (isOver()) return undefined
    }
    for (let taken = 0; taken < steps; taken++) {
      if (isTimeUp(work, isOver)) return undefined
      const seq = candidates()
      work.done++
      if (seq === null || (rows.length > 0 && ++searched > maxSearched)) return null
      // An event with several of the values asked for stands in several cursors, at one position.
      if (seq > latest || seq === previous || seen?.has(seq)) continue
      previous = seq
      let record = store.record(seq)
      if (record === undefined) continue
      work.done += workOn(record, passes)
      if (!isAsked(record)) continue
      record = store.shown(seq, record)
      if (record === undefined) continue
      if (rows.length > 0) {
        work.done += rows.length
        if (!standsUnder(store, rows, seq, record)) continue
        record = store.record(seq)
        if (record === undefined) continue
      }
      store.keepAtHand(seq, record)
      return record
    }
    return undefined
  }

  /** One more than the limit, of which clients like to know (NIP-67); a look at a few candidates has to do. */
  const lookBeyond = (isOver: () => boolean): RecordView | null | undefined => {
    if (filter.limit === 0) return undefined
    work.done = 0
    const found = step(looksBeyond, isOver)
    return searched > maxSearched ? undefined : found
  }

  return {
    next: isOver => {
      if (isDone) return null
      if (left > 0) {
        const record = step(Number.POSITIVE_INFINITY, isOver)
        if (record !== null) {
          if (record !== undefined) {
            left--
            lastTime = recordCreatedAt(record)
            seen?.add(previous)
          }
          return record
        }
        hasMore = searched > maxSearched ? undefined : false
      } else {
        const record = lookBeyond(isOver)
        if (record && ties > 0 && recordCreatedAt(record) === lastTime) {
          ties--
          seen?.add(previous)
          return record
        }
        hasMore = record === undefined ? undefined : record !== null
      }
      isDone = true
      return null
    },
    hasMore: () => hasMore,
  }
}

/** Whether the filter has a list without values, which nothing matches. */
function isEmpty({ ids, authors, kinds, tags }: Filter): boolean {
  return [ids, authors, kinds, ...tags.values()].some(list => list !== undefined && list.length === 0)
}

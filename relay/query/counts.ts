import type { Client } from '../connection/client.ts'
import { wholeSpan } from '../connection/page.ts'
import type { Host } from '../host.ts'
import type { Limits } from '../limits.ts'
import type { RelayMetrics } from '../metrics/metrics.ts'
import { standsUnder } from '../search/search-scan.ts'
import { rowsByRelevance } from '../search/searched-text.ts'
import { type RecordView, recordId, recordPubkey } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import { type Filter, weightOf } from './filter.ts'
import { addAuthor, offsetFor, registerCount } from './hyperloglog.ts'
import type { Line } from './line.ts'
import { openScan } from './query.ts'
import { recordTest } from './query-test.ts'
import { mayMiss, visibleTo } from './readers.ts'
import type { Turns } from './turns.ts'
import { isTimeUp, type Work, workOn } from './work.ts'

/** The counts under way on one connection. */
export type Counts = {
  /** Answers a COUNT whose filters have been checked. */
  start(id: string, filters: readonly Filter[]): void
  stop(id: unknown): void
  stopAll(): void
  size(): number
  /** How many values their filters list. */
  listed(): number
}

type Entry = {
  readonly id: string
  readonly filters: readonly Filter[]
  stopped: boolean
  /** Ends it if it has not begun; `false` when it has. */
  leave(): boolean
}

/** What is said of a query that is given up. */
export const takesTooLong = 'blocked: this takes too long, ask for less'
const sliceMs = 2

/** Makes the counts of a connection. Each goes over the events in slices, as queries do, and keeps none of them in mind. */
export function createCounts(
  context: {
    store: EventStore
    host: Host
    limits: Limits
    metrics: RelayMetrics
    turns: Turns
    now(): number
    onError(error: unknown): void
  },
  { outlet, authenticated, offerAuth }: Client,
  /** Which these share with the connection's REQs. */
  line: Line,
): Counts {
  const { store, host, limits, metrics, turns, now, onError } = context
  const underWay = new Map<string, Entry>()

  const stop = (id: unknown) => {
    const entry = typeof id === 'string' ? underWay.get(id) : undefined
    if (typeof id !== 'string' || entry === undefined) return
    entry.stopped = true
    underWay.delete(id)
    if (entry.leave()) metrics.queriesUnderWay--
  }

  const start = (id: string, filters: readonly Filter[]) => {
    const entry: Entry = { id, filters, stopped: false, leave: () => false }
    underWay.set(id, entry)
    metrics.queriesUnderWay++
    entry.leave = line.join(() => run(entry))
  }

  const run = (entry: Entry): Promise<void> =>
    count(entry)
      .then(answer => {
        if (answer !== null) outlet.send(['COUNT', entry.id, answer])
      })
      .catch((error: unknown) => {
        onError(error)
        outlet.send(['CLOSED', entry.id, 'error: the relay failed at this query'])
      })
      .finally(() => {
        metrics.queriesUnderWay--
        if (!entry.stopped) underWay.delete(entry.id)
      })

  /** The answer, or `null` when the count was stopped. */
  const count = async (entry: Entry): Promise<object | null> => {
    const mayMissSome = mayMiss(entry.filters, host.restrictedKinds, authenticated)
    const options = {
      now: now(),
      latest: store.latestSeq(),
      visible: visibleTo(host.restrictedKinds, authenticated),
      seen: null,
      unordered: true,
    }
    const [first] = entry.filters
    const offset = entry.filters.length === 1 && first !== undefined ? offsetFor(first) : null
    const registers = offset === null ? null : new Uint8Array(registerCount)
    const earlier: { readonly test: (record: RecordView) => boolean; readonly passes: number }[] = []
    const work: Work = { done: 0 }
    // A search reads more, and what was read before is then no longer valid.
    const readsMore = entry.filters.some(({ search }) => search !== undefined)
    const isCounted = (found: RecordView): boolean => {
      const record = readsMore && earlier.length > 0 ? copyOf(found) : found
      return earlier.some(({ test, passes }) => {
        work.done += 1 + workOn(record, passes)
        return test(record)
      })
    }
    let found = 0
    let endMs = 0
    const isOver = () => performance.now() > endMs
    let workedMs = 0
    /** Whether to go on, after others had their turn; the first slice is one of these, too. */
    const nextSlice = async (): Promise<boolean> => {
      if (endMs > 0) workedMs += performance.now() - endMs + sliceMs
      if (workedMs > limits.querySeconds * 1_000 && !entry.stopped) {
        outlet.send(['CLOSED', entry.id, takesTooLong])
        return false
      }
      await turns()
      while (outlet.isBehind() && outlet.isOpen()) await outlet.whenDrained()
      endMs = performance.now() + sliceMs
      return !entry.stopped && outlet.isOpen()
    }
    if (!(await nextSlice())) return null
    for (const asked of entry.filters) {
      const filter = { ...asked, limit: Number.POSITIVE_INFINITY }
      const scan = openScan(store, filter, options)
      for (;;) {
        const record = scan.next(isOver)
        if (record === null) break
        if (record !== undefined && !isCounted(record)) {
          if (found === limits.maxCounted) return { count: found, approximate: true }
          found++
          if (registers !== null && offset !== null) addAuthor(registers, recordPubkey(record), offset)
        }
        if ((record === undefined || isTimeUp(work, isOver)) && !(await nextSlice())) return null
      }
      // A search for common words does not look at all events.
      if (scan.hasMore() !== false) return { count: found, approximate: true }
      earlier.push({ test: wholeTest(store, filter), passes: filter.tags.size })
      if (isOver() && !(await nextSlice())) return null
    }
    const answer = registers === null ? { count: found } : { count: found, hll: Buffer.from(registers).toString('hex') }
    if (!mayMissSome) return answer
    offerAuth()
    return { ...answer, approximate: true }
  }

  return {
    start,
    stop,
    stopAll: () => {
      for (const id of [...underWay.keys()]) stop(id)
    },
    size: () => underWay.size,
    listed: () => {
      let listed = 0
      for (const { filters } of underWay.values()) listed += weightOf(filters)
      return listed
    },
  }
}

function copyOf({ bytes, start, end }: RecordView): RecordView {
  return wholeSpan(Buffer.from(bytes.subarray(start, end)))
}

/** Whether a filter has counted a record: all that it asks for, ids and words included. */
function wholeTest(store: EventStore, filter: Filter): (record: RecordView) => boolean {
  const test = recordTest(filter)
  const ids = filter.ids === undefined ? null : new Set(filter.ids)
  const rows = filter.search === undefined ? [] : (rowsByRelevance(filter.search).at(-1) ?? [])
  return record => {
    if (!test(record) || !(ids === null || ids.has(recordId(record).toString('hex')))) return false
    if (rows.length === 0) return true
    const seq = store.seqOf(recordId(record))
    return seq !== undefined && standsUnder(store, rows, seq, record)
  }
}

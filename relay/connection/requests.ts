import type { Host } from '../host.ts'
import type { Limits } from '../limits.ts'
import type { RelayMetrics } from '../metrics/metrics.ts'
import { createPassingMap, type PassingMap } from '../passing-map.ts'
import { broadness } from '../query/broad.ts'
import { type Counts, createCounts, takesTooLong } from '../query/counts.ts'
import { type Filter, parseFilter, weightOf } from '../query/filter.ts'
import { createLine } from '../query/line.ts'
import { openScan } from '../query/query.ts'
import { isPartyTo, mayMiss, visibleTo } from '../query/readers.ts'
import type { Turns } from '../query/turns.ts'
import { recordJson } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import type { Subscription, Subscriptions } from '../subscriptions.ts'
import { createBucket } from './bucket.ts'
import type { Client } from './client.ts'
import { networkOf } from './connection-counter.ts'
import type { Span } from './page.ts'

/** The subscriptions and counts of one connection. */
export type Requests = {
  /** A REQ: answers with what is stored, EOSE, and then what comes, or with CLOSED. */
  request(id: string, values: readonly unknown[]): void
  /** A COUNT (NIP-45): answers with how many events there are, or with CLOSED. */
  countEvents(id: string, values: readonly unknown[]): void
  /** Ends the subscription and the count of this id. */
  close(id: unknown): void
  closeAll(): void
  /** How many there are of both. */
  count(): number
}

/** What a query has of a turn of the event loop, and has had of all. */
type Slice = { endMs: number; workedMs: number }

/** A subscription; `held` are live events that came before the stored ones were all sent. */
type Open = {
  readonly subscription: Subscription
  readonly weight: number
  held: Span[] | null
  closed: boolean
  /** Takes it out of those that are told of what comes. */
  unsubscribe(): void
  /** Ends its query if that has not begun. */
  giveUp(): void
}

const sliceMs = 2
/** Queries of a connection that are worked on at once. */
const maxUnderWay = 4
/** Of live events that a connection's subscriptions hold; nobody counts them among what waits for it. */
const maxHeldBytes = 1_048_576
/** A small event may be all that is left of a page of memory. */
const leastHeldBytes = 1_024

/** Serves the REQs and COUNTs of a connection. */
export function createRequests(
  context: {
    store: EventStore
    subscriptions: Subscriptions
    host: Host
    limits: Limits
    metrics: RelayMetrics
    ip: string
    /** Shared by all connections. */
    turns: Turns
    now(): number
    onError(error: unknown): void
  },
  client: Client,
  /** Reconciliations, which count as subscriptions. */
  openReconciliations: () => number,
): Requests {
  const { store, subscriptions, host, limits, metrics, turns, now, onError } = context
  const network = networkOf(context.ip)
  const { outlet, authenticated, sendChallenge, offerAuth } = client
  /** Made for the first: most connections of a relay that is closed to strangers never ask. */
  let open: PassingMap<string, Open> | null = null
  let counts: Counts | null = null
  const line = createLine(maxUnderWay)
  let heldBytes = 0
  const requestBucket = createBucket({ perSecond: limits.requestsPerSecond, burst: limits.requestsBurst })

  const count = () => (open?.size() ?? 0) + (counts?.size() ?? 0)

  const request = (id: string, values: readonly unknown[]) => {
    // A REQ with an id that is in use replaces the subscription, whatever becomes of the new one (NIP-01).
    closeSubscription(id)
    const filters = filtersOf('REQ', id, values)
    if (filters !== null) startSubscription(id, filters)
  }

  const countEvents = (id: string, values: readonly unknown[]) => {
    counts?.stop(id)
    const filters = filtersOf('COUNT', id, values)
    if (filters === null) return
    counts ??= createCounts(context, client, line)
    counts.start(id, filters)
  }

  /** What is asked for; `null` after an answer of CLOSED. */
  const filtersOf = (verb: 'REQ' | 'COUNT', id: string, values: readonly unknown[]): readonly Filter[] | null => {
    const refuse = (reason: string) => {
      outlet.send(['CLOSED', id, reason])
      return null
    }
    if (!requestBucket()) return refuse('rate-limited: too many requests, slow down')
    if (values.length === 0 || values.length > limits.maxFilters) {
      return refuse(`invalid: a ${verb} has 1 to ${limits.maxFilters} filters`)
    }
    const filters: Filter[] = []
    for (const value of values) {
      const parsed = parseFilter(value, {
        maxLimit: limits.maxLimit,
        maxValues: limits.maxFilterValues,
        maxTagKeys: limits.maxFilterTagKeys,
        searchedKinds: store.searchedKinds(),
      })
      if (!parsed.ok) return refuse(`${parsed.isUnknown ? 'unsupported' : 'invalid'}: ${parsed.reason}`)
      const broad = verb === 'REQ' ? broadness(parsed.filter, limits, now()) : null
      if (broad !== null) return refuse(broad)
      filters.push(parsed.filter)
    }
    if (authenticated.size === 0 && filters.every(asksForRestrictedOnly)) {
      sendChallenge()
      return refuse('auth-required: these kinds are for their parties only')
    }
    if (count() + openReconciliations() >= limits.maxSubscriptions) {
      return refuse(`rate-limited: at most ${limits.maxSubscriptions} subscriptions on a connection`)
    }
    if (verb === 'REQ' && subscriptions.countOf(network) >= limits.subscriptionsPerIp) {
      return refuse(`rate-limited: at most ${limits.subscriptionsPerIp} subscriptions of an address`)
    }
    let weight = weightOf(filters) + (counts?.listed() ?? 0)
    for (const other of open?.values() ?? []) weight += other.weight
    if (weight > limits.maxSubscribedValues) {
      return refuse(`rate-limited: at most ${limits.maxSubscribedValues} filter values on a connection`)
    }
    return filters
  }

  const asksForRestrictedOnly = ({ kinds }: Filter) =>
    kinds !== undefined && kinds.length > 0 && kinds.every(kind => host.restrictedKinds.has(kind))

  const startSubscription = (id: string, filters: readonly Filter[]) => {
    const prefix = Buffer.from(`["EVENT",${JSON.stringify(id)},`)
    const entry: Open = {
      weight: weightOf(filters),
      held: [],
      closed: false,
      unsubscribe: () => undefined,
      giveUp: () => undefined,
      subscription: {
        network,
        filters,
        deliver: (event, json) => {
          if (host.restrictedKinds.has(event.kind) && !isPartyTo(event, authenticated)) return
          metrics.delivered++
          if (!hold(entry, json)) outlet.addLasting(prefix, json)
        },
      },
    }
    open ??= createPassingMap()
    open.set(id, entry)
    entry.unsubscribe = subscriptions.add(entry.subscription)
    const startMs = performance.now()
    metrics.queriesUnderWay++
    const finish = () => {
      metrics.queriesUnderWay--
      metrics.querySeconds.observe((performance.now() - startMs) / 1_000)
    }
    const slice: Slice = { endMs: startMs + sliceMs, workedMs: 0 }
    // What comes from now on is given live, however long this waits.
    const sending = sendStored(id, entry, prefix, { slice, latest: store.latestSeq() })
    // Most are answered in one slice, for which no promise is made. Who has others under way has that in their turn.
    const isFirst = line.isFree()
    if (isFirst && isSent(id, entry, sending)) return finish()
    const leave = line.join(() => {
      if (!isFirst) slice.endMs = performance.now() + sliceMs
      return goOn(id, entry, sending, slice).catch(onError).finally(finish)
    })
    entry.giveUp = () => {
      if (leave()) metrics.queriesUnderWay--
    }
  }

  /** Keeps a live event until the stored ones are sent, if there is room for it. */
  const hold = ({ held }: Open, json: Span): boolean => {
    const bytes = heldBytesOf(json)
    if (held === null || heldBytes + bytes > maxHeldBytes) return false
    heldBytes += bytes
    held.push(json)
    return true
  }

  const takeHeld = (entry: Open): readonly Span[] => {
    const held = entry.held ?? []
    entry.held = null
    for (const json of held) heldBytes -= heldBytesOf(json)
    return held
  }

  /** Lets a query have its next slice; `true` when there is nothing more to do for it. */
  const isSent = (id: string, entry: Open, sending: Generator<void, void>): boolean => {
    try {
      return sending.next().done === true
    } catch (error) {
      onError(error)
      if (entry.closed) return true
      outlet.send(['CLOSED', id, 'error: the relay failed at this query'])
      closeSubscription(id)
      return true
    }
  }

  /** One slice after another; others have their turn between them, and it stands still while the client does not read. */
  const goOn = async (id: string, entry: Open, sending: Generator<void, void>, slice: Slice): Promise<void> => {
    do {
      outlet.flush()
      slice.workedMs += performance.now() - slice.endMs + sliceMs
      if (slice.workedMs > limits.querySeconds * 1_000 && !entry.closed) {
        outlet.send(['CLOSED', id, takesTooLong])
        return closeSubscription(id)
      }
      await turns()
      while (outlet.isBehind() && outlet.isOpen()) await outlet.whenDrained()
      if (entry.closed || !outlet.isOpen()) return
      slice.endMs = performance.now() + sliceMs
    } while (!isSent(id, entry, sending))
  }

  /** Sends what is stored, then EOSE, then what came meanwhile. Yields when the slice is over or the client is behind. */
  function* sendStored(
    id: string,
    entry: Open,
    prefix: Buffer,
    { slice, latest }: { slice: Slice; latest: number },
  ): Generator<void, void> {
    const { filters } = entry.subscription
    const visible = visibleTo(host.restrictedKinds, authenticated)
    const mayMissSome = mayMiss(filters, host.restrictedKinds, authenticated)
    const seen = filters.length > 1 ? new Set<number>() : null
    let hasMore: boolean | undefined = false
    const isOver = () => performance.now() > slice.endMs
    for (const filter of filters) {
      const scan = openScan(store, filter, { now: now(), latest, visible, seen, ties: limits.maxLimit })
      for (;;) {
        const record = scan.next(isOver)
        if (record === null) break
        if (record !== undefined) {
          metrics.sentFromStore++
          outlet.add(prefix, recordJson(record))
          if (!outlet.isPageFull()) continue
          outlet.flush()
          if (!outlet.isBehind() && !isOver()) continue
        }
        yield
      }
      hasMore = hasMore === true || scan.hasMore() === true || (hasMore === false ? scan.hasMore() : undefined)
      if (isOver()) yield
    }
    if (mayMissSome) {
      offerAuth()
      if (hasMore === false) hasMore = undefined
    }
    outlet.send(hasMore === undefined ? ['EOSE', id] : ['EOSE', id, [hasMore ? 'more' : 'finish']])
    for (const json of takeHeld(entry)) outlet.addLasting(prefix, json)
  }

  const close = (id: unknown) => {
    counts?.stop(id)
    closeSubscription(id)
  }

  const closeSubscription = (id: unknown) => {
    const entry = typeof id === 'string' ? open?.get(id) : undefined
    if (typeof id !== 'string' || entry === undefined) return
    entry.closed = true
    entry.giveUp()
    takeHeld(entry)
    open?.delete(id)
    entry.unsubscribe()
  }

  return {
    request,
    countEvents,
    close,
    closeAll: () => {
      counts?.stopAll()
      for (const id of [...(open?.keys() ?? [])]) closeSubscription(id)
    },
    count,
  }
}

function heldBytesOf({ start, end }: Span): number {
  return Math.max(leastHeldBytes, end - start)
}

import type { Span } from './connection/page.ts'
import type { NostrEvent } from './event.ts'
import type { FairShare } from './fair-share.ts'
import { eventTest, type Filter } from './query/filter.ts'
import { createRota } from './rota.ts'

/** A live subscription: its filters and who is told. */
export type Subscription = {
  /** The network of whoever has subscribed. */
  readonly network: string
  readonly filters: readonly Filter[]
  /** Given an event that one of the filters matches. */
  deliver(event: NostrEvent, json: Span): void
}

/** All live subscriptions, found by what is most selective in each filter. */
export type Subscriptions = {
  /** Returns how to take it out again. */
  add(subscription: Subscription): () => void
  /**
   * Hands an event to every subscription there is now that asks for it, once each: at once as far as this turn of the event
   * loop has time, since thousands of filters may stand under one key. The events of a network keep their order; networks
   * take turns, so that nobody waits until all is told that somebody else has to say.
   */
  publish(event: NostrEvent, json: Span, network: string): void
  count(): number
  /** How many there are of this network. */
  countOf(network: string): number
  /** How many events have not been handed to all. */
  waiting(): number
}

type Entry = {
  /** `null` once it was taken out: a map may hold on to an entry for longer (see `passing-map.ts`). */
  subscription: Subscription | null
  readonly keys: readonly string[]
  tests: readonly ((event: NostrEvent) => boolean)[]
  /** How many events had been published when it came: it has those from the store. */
  readonly since: number
}

/** Of a turn of the event loop. */
const budgetMs = 1
const offersAtOnce = 64

/** Makes the index of live subscriptions. What is still to be handed on takes `room`. */
export function createSubscriptions(options: {
  room: Pick<FairShare, 'take' | 'giveBack'>
  onError(error: unknown): void
  nowMs?: () => number
}): Subscriptions {
  const { room, onError, nowMs } = options
  let entries = 0
  /** Most keys have one subscription, and a set for it would take longer to make than everything else here. */
  const byKey = new Map<string, Entry | Set<Entry>>()
  const perNetwork = new Map<string, number>()
  let published = 0
  const rota = createRota(budgetMs, nowMs)
  let waiting = 0
  /** Of each network the events under way, the first of them handed to some. */
  const lanes = new Map<string, Generator<void, void>[]>()

  const addTo = (key: string, entry: Entry) => {
    const found = byKey.get(key)
    if (found === undefined) byKey.set(key, entry)
    else if (found instanceof Set) found.add(entry)
    else byKey.set(key, new Set([found, entry]))
  }

  const removeFrom = (key: string, entry: Entry) => {
    const found = byKey.get(key)
    if (found instanceof Set) {
      found.delete(entry)
      if (found.size === 0) byKey.delete(key)
    } else if (found === entry) byKey.delete(key)
  }

  const countFor = (network: string, change: 1 | -1) => {
    const count = (perNetwork.get(network) ?? 0) + change
    if (count > 0) perNetwork.set(network, count)
    else perNetwork.delete(network)
  }

  /** Goes over all whom an event might concern, in steps. */
  function* offer(event: NostrEvent, json: Span, number: number): Generator<void, void> {
    let offers = 0
    /** Those that stand under several keys, and are told once. */
    const met = new Set<Entry>()
    for (const key of new Set(keysUnder(event))) {
      const found = byKey.get(key)
      if (found === undefined) continue
      for (const entry of found instanceof Set ? found : [found]) {
        if (entry.since < number && !met.has(entry)) offerTo(entry, event, json)
        if (entry.keys.length > 1) met.add(entry)
        offers += entry.tests.length
        if (offers < offersAtOnce) continue
        offers = 0
        yield
      }
    }
  }

  const offerTo = ({ tests, subscription }: Entry, event: NostrEvent, json: Span) => {
    for (const test of tests) if (test(event)) return subscription?.deliver(event, json)
  }

  /** Goes on with what a network has published; `false` when there is no more. */
  const goOn = (network: string, lane: Generator<void, void>[]): boolean => {
    const [first] = lane
    if (first !== undefined && !isThrough(first)) return true
    lane.shift()
    waiting--
    room.giveBack(network, 1)
    if (lane.length > 0) return true
    lanes.delete(network)
    return false
  }

  const isThrough = (offering: Generator<void, void>): boolean => {
    try {
      return offering.next().done === true
    } catch (error) {
      onError(error)
      return true
    }
  }

  return {
    add: subscription => {
      const { filters } = subscription
      const [only] = filters
      const keys = filters.length === 1 && only !== undefined ? keysOf(only) : filters.flatMap(keysOf)
      const entry: Entry = { subscription, keys, tests: filters.map(eventTest), since: published }
      entries++
      countFor(subscription.network, 1)
      for (const key of keys) addTo(key, entry)
      return () => {
        if (entry.subscription === null) return
        entry.subscription = null
        entry.tests = []
        entries--
        countFor(subscription.network, -1)
        for (const key of keys) removeFrom(key, entry)
      }
    },
    publish: (event, json, network) => {
      if (entries === 0) return
      const offering = offer(event, json, ++published)
      waiting++
      room.take(network, 1)
      const lane = lanes.get(network)
      if (lane !== undefined) return void lane.push(offering)
      const started = [offering]
      lanes.set(network, started)
      const next = () => goOn(network, started)
      while (rota.isFree()) if (!next()) return
      rota.join(next)
    },
    count: () => entries,
    countOf: network => perNetwork.get(network) ?? 0,
    waiting: () => waiting,
  }
}

/** Under which keys those stand whom an event might concern. */
function* keysUnder({ id, pubkey, kind, tags }: NostrEvent): Generator<string, void> {
  yield `i${id}`
  yield `a${pubkey}`
  yield `k${kind}`
  for (const [letter, value] of tags) if (letter?.length === 1) yield `#${letter}${value ?? ''}`
  yield '*'
}

/** Under which keys a filter stands: ids, else the tag with fewest values, else authors, else kinds, else all events. */
function keysOf(filter: Filter): string[] {
  if (filter.ids !== undefined) return filter.ids.map(id => `i${id}`)
  let fewest: string[] | undefined
  for (const [letter, values] of filter.tags) {
    if (fewest === undefined || values.length < fewest.length) fewest = values.map(value => `#${letter}${value}`)
  }
  if (fewest !== undefined) return fewest
  if (filter.authors !== undefined) return filter.authors.map(author => `a${author}`)
  if (filter.kinds !== undefined) return filter.kinds.map(kind => `k${kind}`)
  return ['*']
}

import type { Span } from './connection/page.ts'
import type { NostrEvent } from './event.ts'
import { eventTest, type Filter } from './query/filter.ts'

/** A live subscription: its filters and who is told. */
export type Subscription = {
  readonly filters: readonly Filter[]
  /** Given an event that one of the filters matches. */
  deliver(event: NostrEvent, json: Span): void
}

/** All live subscriptions, found by what is most selective in each filter. */
export type Subscriptions = {
  add(subscription: Subscription): void
  remove(subscription: Subscription): void
  /**
   * Hands an event to every subscription there is now that asks for it, once each, and events in their order: at once as far
   * as this turn of the event loop has time, since thousands of filters may stand under one key.
   */
  publish(event: NostrEvent, json: Span): void
  count(): number
  /** How many events have not been handed to all. */
  waiting(): number
}

type Entry = {
  readonly subscription: Subscription
  readonly keys: readonly string[]
  readonly tests: readonly ((event: NostrEvent) => boolean)[]
  /** The last publishing that came upon it: it stands under a key for each of its values, and is told once. At first the last before it. */
  offeredIn: number
}

const budgetMs = 1
const offersBetweenLooks = 64

/** Makes the index of live subscriptions. */
export function createSubscriptions(options: { onError(error: unknown): void; nowMs?: () => number }): Subscriptions {
  const { onError, nowMs = () => performance.now() } = options
  const entries = new Map<Subscription, Entry>()
  /** Most keys have one subscription, and a set for it would take longer to make than everything else here. */
  const byKey = new Map<string, Entry | Set<Entry>>()
  let published = 0
  /** Events under way, the first of them handed to some. */
  const underWay: Generator<void, void>[] = []

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

  /** Goes over all whom an event might concern, in steps. */
  function* offer(event: NostrEvent, json: Span, number: number): Generator<void, void> {
    let offers = 0
    for (const key of keysUnder(event)) {
      const found = byKey.get(key)
      if (found === undefined) continue
      for (const entry of found instanceof Set ? found : [found]) {
        offerTo(entry, event, json, number)
        offers += entry.tests.length
        if (offers < offersBetweenLooks) continue
        offers = 0
        yield
      }
    }
  }

  /** One that has come since the event was published has it from the store. */
  const offerTo = (entry: Entry, event: NostrEvent, json: Span, number: number) => {
    if (entry.offeredIn >= number) return
    entry.offeredIn = number
    for (const test of entry.tests) if (test(event)) return entry.subscription.deliver(event, json)
  }

  /** Goes on until all are done, or the time is over and a later turn goes on. */
  const goOn = () => {
    const endMs = nowMs() + budgetMs
    for (let [first] = underWay; first !== undefined; [first] = underWay) {
      if (isThrough(first)) underWay.shift()
      if (nowMs() >= endMs) break
    }
    if (underWay.length > 0) setImmediate(goOn)
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
      const entry = { subscription, keys, tests: filters.map(eventTest), offeredIn: published }
      entries.set(subscription, entry)
      for (const key of keys) addTo(key, entry)
    },
    remove: subscription => {
      const entry = entries.get(subscription)
      if (entry === undefined) return
      entries.delete(subscription)
      for (const key of entry.keys) removeFrom(key, entry)
    },
    publish: (event, json) => {
      if (entries.size === 0) return
      if (underWay.push(offer(event, json, ++published)) === 1) goOn()
    },
    count: () => entries.size,
    waiting: () => underWay.length,
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

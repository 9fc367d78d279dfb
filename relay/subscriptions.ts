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
  /** Hands an event to every subscription that asks for it, once each. */
  publish(event: NostrEvent, json: Span): void
  count(): number
}

type Entry = {
  readonly subscription: Subscription
  readonly keys: readonly string[]
  readonly tests: readonly ((event: NostrEvent) => boolean)[]
  /** The last publishing that came upon it: it stands under a key for each of its values, and is told once. */
  offeredIn: number
}

/** Makes the index of live subscriptions. */
export function createSubscriptions(): Subscriptions {
  const entries = new Map<Subscription, Entry>()
  /** Most keys have one subscription, and a set for it would take longer to make than everything else here. */
  const byKey = new Map<string, Entry | Set<Entry>>()
  let publishing = 0

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

  const offer = (key: string, event: NostrEvent, json: Span) => {
    const found = byKey.get(key)
    if (found === undefined) return
    if (!(found instanceof Set)) return offerTo(found, event, json)
    for (const entry of found) offerTo(entry, event, json)
  }

  const offerTo = (entry: Entry, event: NostrEvent, json: Span) => {
    if (entry.offeredIn === publishing) return
    entry.offeredIn = publishing
    for (const test of entry.tests) if (test(event)) return entry.subscription.deliver(event, json)
  }

  return {
    add: subscription => {
      const { filters } = subscription
      const [only] = filters
      const keys = filters.length === 1 && only !== undefined ? keysOf(only) : filters.flatMap(keysOf)
      const entry = { subscription, keys, tests: filters.map(eventTest), offeredIn: 0 }
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
      publishing++
      offer(`i${event.id}`, event, json)
      offer(`a${event.pubkey}`, event, json)
      offer(`k${event.kind}`, event, json)
      for (const [letter, value] of event.tags) if (letter?.length === 1) offer(`#${letter}${value ?? ''}`, event, json)
      offer('*', event, json)
    },
    count: () => entries.size,
  }
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

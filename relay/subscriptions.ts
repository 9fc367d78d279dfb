import type { NostrEvent } from './event.ts'
import { type Filter, matches } from './filter.ts'

/** A live subscription: its filters and who is told. */
export type Subscription = {
  readonly filters: readonly Filter[]
  /** Given an event that one of the filters matches. */
  deliver(event: NostrEvent, json: () => Buffer): void
}

/** All live subscriptions, found by what is most selective in each filter. */
export type Subscriptions = {
  add(subscription: Subscription): void
  remove(subscription: Subscription): void
  /** Hands an event to every subscription that asks for it, once each. */
  publish(event: NostrEvent, json: () => Buffer): void
  count(): number
}

/** Makes the index of live subscriptions. */
export function createSubscriptions(): Subscriptions {
  const byKey = new Map<string, Set<Subscription>>()
  let count = 0

  const each = (subscription: Subscription, act: (key: string) => void) => {
    for (const filter of subscription.filters) for (const key of keysOf(filter)) act(key)
  }

  return {
    add: subscription => {
      count++
      each(subscription, key => {
        const set = byKey.get(key)
        if (set === undefined) byKey.set(key, new Set([subscription]))
        else set.add(subscription)
      })
    },
    remove: subscription => {
      count--
      each(subscription, key => {
        const set = byKey.get(key)
        set?.delete(subscription)
        if (set?.size === 0) byKey.delete(key)
      })
    },
    publish: (event, json) => {
      const seen = new Set<Subscription>()
      const offer = (key: string) => {
        for (const subscription of byKey.get(key) ?? []) {
          if (seen.has(subscription)) continue
          seen.add(subscription)
          if (subscription.filters.some(filter => matches(filter, event))) subscription.deliver(event, json)
        }
      }
      offer(`i${event.id}`)
      offer(`a${event.pubkey}`)
      offer(`k${event.kind}`)
      for (const [letter, value] of event.tags) if (letter?.length === 1) offer(`#${letter}${value ?? ''}`)
      offer('*')
    },
    count: () => count,
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

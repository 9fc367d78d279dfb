import type { NostrEvent } from '../../relay/event.ts'
import { kinds } from '../protocol/kinds.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'
import { strangersRelayKey } from './relay-url.ts'

/** Where an event of ours goes: each relay once, with how many may wait there. */
export type Router = (event: NostrEvent) => { key: string; max: number }[]

/** Makes the router. All that is told to strangers' relays is bounded here: how many, whose, how often. */
export function createRouter(options: {
  reader: Reader
  /** Keys of the operator's relays that everything goes to. */
  writeTo: readonly string[]
  /** Relays that are no customer's: ours, and those the operator has settled. */
  settled: ReadonlySet<string>
  customers: {
    /** Keys of the relays where a customer reads. */
    readRelays(customer: string): readonly string[]
    /** An event goes out to a customer. */
    published(customer: string, eventId: string): void
    relaysEach: number
    mayBePrivate: boolean
    maxQueued: number
    /** Whether one more event may go to the relays of this key. */
    ration(key: string): boolean
    /** Whether something may wait for this relay: their number is bounded. */
    mayAdd(relay: string): boolean
  } | null
  maxQueued: number
}): Router {
  const { reader, writeTo, settled, customers, maxQueued } = options
  const operators = writeTo.map(key => ({ key, max: maxQueued }))

  const relaysOf = (recipient: string, eventId: string): string[] => {
    if (customers === null || !reader.has(tables.accounts, [recipient])) return []
    customers.published(recipient, eventId)
    if (!customers.ration(recipient)) return []
    const keys = new Set<string>()
    for (const url of customers.readRelays(recipient)) {
      const key = strangersRelayKey(url, customers.mayBePrivate)
      if (key !== null && !settled.has(key)) keys.add(key)
      if (keys.size >= customers.relaysEach) break
    }
    return [...keys].filter(customers.mayAdd)
  }

  return event => {
    if (event.kind !== kinds.result && event.kind !== kinds.notice) return operators
    const recipient = event.tags.find(tag => tag[0] === 'p')?.[1]
    if (customers === null || recipient === undefined) return operators
    return [...operators, ...relaysOf(recipient, event.id).map(key => ({ key, max: customers.maxQueued }))]
  }
}

import type { NostrEvent } from '../../relay/event.ts'
import type { Relay } from '../../relay/relay.ts'
import { kinds } from '../protocol/kinds.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'
import { relayListKind } from './relay-lists.ts'
import { strangersRelayKey } from './relay-url.ts'

/** Where an event of ours goes: each relay once, with how many may wait there. */
export type Router = (event: NostrEvent) => { key: string; max: number }[]

/** Makes the router. All that is told to strangers' relays is bounded here: how many, whose, how often. */
export function createRouter(options: {
  relay: Pick<Relay, 'find'>
  reader: Reader
  /** Keys of the operator's relays that everything goes to. */
  writeTo: readonly string[]
  /** Relays that are no customer's: ours, and those the operator has settled. */
  settled: ReadonlySet<string>
  customers: {
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
  const { relay, reader, writeTo, settled, customers, maxQueued } = options
  const operators = writeTo.map(key => ({ key, max: maxQueued }))

  const relaysOf = (recipient: string): string[] => {
    if (customers === null || !reader.has(tables.accounts, [recipient]) || !customers.ration(recipient)) return []
    const [list] = relay.find({ kinds: [relayListKind], authors: [recipient], limit: 1 })
    const keys = new Set<string>()
    for (const [name, url, marker] of list?.tags ?? []) {
      // Where a customer reads: what is marked `read` or nothing (NIP-65).
      if (name !== 'r' || url === undefined || marker === 'write') continue
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
    return [...operators, ...relaysOf(recipient).map(key => ({ key, max: customers.maxQueued }))]
  }
}

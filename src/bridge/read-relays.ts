import type { NostrEvent } from '../../relay/event.ts'
import type { Relay } from '../../relay/relay.ts'
import { tables } from '../store/tables.ts'
import type { Transactor } from '../store/transaction.ts'
import { relayKey } from './relay-url.ts'

/** Where customers read (NIP-65): from their lists in our relay and those that were fetched, the newer of the two. */
export type ReadRelays = {
  /** The relays' keys in the order of the list, and its `created_at`; 0 when there is none. */
  of(customer: string): { readonly createdAt: number; readonly relays: readonly string[] }
  /**
   * Takes in a fetched list whose signature has been verified, unless a newer one is known. It stays the service's own
   * knowledge: what the relay takes of others' events is another matter. Called inside the writer's transaction.
   */
  keep(list: NostrEvent): void
}

export const relayListKind = 10_002
/** More than any setting uses of a list. */
const maxRelays = 20

/** Makes it. */
export function createReadRelays(relay: Pick<Relay, 'find'>, transactor: Pick<Transactor, 'get' | 'put'>): ReadRelays {
  const of: ReadRelays['of'] = customer => {
    const [here] = relay.find({ kinds: [relayListKind], authors: [customer], limit: 1 })
    const fetched = transactor.get(tables.relayLists, [customer])
    if (here !== undefined && here.created_at >= (fetched?.createdAt ?? 0)) {
      return { createdAt: here.created_at, relays: relaysIn(here) }
    }
    return fetched ?? { createdAt: 0, relays: [] }
  }
  return {
    of,
    keep: list => {
      if (list.created_at <= of(list.pubkey).createdAt) return
      transactor.put(tables.relayLists, [list.pubkey], { createdAt: list.created_at, relays: relaysIn(list) })
    },
  }
}

/** What a list marks with `read` or nothing. */
function relaysIn({ tags }: NostrEvent): string[] {
  const keys = new Set<string>()
  for (const [name, url, marker] of tags) {
    if (name !== 'r' || url === undefined || marker === 'write') continue
    const key = relayKey(url)
    if (key !== null) keys.add(key)
    if (keys.size >= maxRelays) break
  }
  return [...keys]
}

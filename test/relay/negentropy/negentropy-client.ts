import { nip77 } from 'nostr-tools'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Client } from '../client.ts'

/** What a client learns: ids that it has alone, and ids that the relay has alone. */
export type Learnt = { readonly have: string[]; readonly need: string[]; readonly rounds: number }

/** The vector of some events, of nostr-tools' making. */
function vectorOf(events: readonly Pick<NostrEvent, 'id' | 'created_at'>[]): nip77.NegentropyStorageVector {
  const storage = new nip77.NegentropyStorageVector()
  for (const { id, created_at } of events) storage.insert(created_at, id)
  storage.seal()
  return storage
}

/** The message that begins a reconciliation of these events. */
export function firstMessage(events: readonly Pick<NostrEvent, 'id' | 'created_at'>[]): string {
  return new nip77.Negentropy(vectorOf(events)).initiate()
}

/** Reconciles as nostr-tools does, which is the other side in these tests; throws on anything but NEG-MSG. */
export async function reconcileWith(
  client: Client,
  filter: object,
  events: readonly Pick<NostrEvent, 'id' | 'created_at'>[],
  id = 'neg',
): Promise<Learnt> {
  const negentropy = new nip77.Negentropy(vectorOf(events))
  const [have, need]: [string[], string[]] = [[], []]
  client.send('NEG-OPEN', id, filter, negentropy.initiate())
  for (let rounds = 1; ; rounds++) {
    const [verb, of, message] = await client.next()
    if (verb !== 'NEG-MSG' || of !== id) throw new Error(`${String(verb)} ${String(message)} came for a NEG-MSG`)
    const next = negentropy.reconcile(
      String(message),
      found => void have.push(found),
      found => void need.push(found),
    )
    if (next === null) {
      client.send('NEG-CLOSE', id)
      return { have: have.sort(), need: need.sort(), rounds }
    }
    client.send('NEG-MSG', id, next)
  }
}

import type { Identifier } from '../../protocol/names.ts'
import { tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { followAliases } from './aliases.ts'

/** What NIP-05 says of a name: its key, the relays to find it on, and for how long that may be cached. */
export type Nip05Identity = { publicKey: string; relays: string[]; ttlSeconds: number }

/**
 * Resolves a name for NIP-05: the NOSTR record of lowest priority number, else the owner's key, after aliases.
 * `null` when there is no such name or its aliases lead nowhere.
 */
export function resolveIdentity(reader: Reader, identifier: Identifier): Nip05Identity | null {
  const found = followAliases(reader, identifier)
  if (found === null) return null
  const { row } = found
  let best: (typeof row.records)[number] | undefined
  for (const entry of row.records) {
    if (entry.type === 'NOSTR' && (best === undefined || entry.priority < best.priority)) best = entry
  }
  if (best !== undefined) return { publicKey: best.value, relays: row.relays, ttlSeconds: best.ttlSeconds }
  const ttlSeconds = reader.get(tables.domains, [identifier.domain])?.ttlSeconds ?? 300
  return { publicKey: row.owner, relays: row.relays, ttlSeconds }
}

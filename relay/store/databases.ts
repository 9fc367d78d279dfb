import type { RootDatabase } from 'lmdb'
import { pendingWrites, type Rows } from './pending-writes.ts'

/**
 * The databases of the relay. Positions are `~created_at (6 bytes, inverted) | first 8 bytes of the id | seq (6 bytes)`,
 * so that a forward scan gives NIP-01's order, newest first and lower ids first; `seq` keeps crafted ids apart.
 * Authors and tag values stand in keys by 8 bytes of theirs: matches are checked against the whole event, always.
 */
export const relayDatabaseNames = {
  /** seq → header and JSON (see `record.ts`). */
  events: 'relay.events',
  /** id → seq */
  ids: 'relay.ids',
  /** position */
  byTime: 'relay.by-time',
  /** kind (2), position */
  byKind: 'relay.by-kind',
  /** author (8), kind (2), position; an author's kinds are found by stepping from one to the next */
  byAuthorKind: 'relay.by-author-kind',
  /** letter (1), value (8), position */
  byTag: 'relay.by-tag',
  /** kind (2), author (32), `d` → seq, created_at and id of the current version */
  addresses: 'relay.addresses',
  /** 'e', id, author → nothing; 'a', address → created_at up to which it is deleted */
  deletions: 'relay.deletions',
  /** expiration (6), seq → nothing */
  expirations: 'relay.expirations',
  /** field (1), word, 0, position, for kinds that are searched (see `searched-text.ts`); 0 → of which kinds it is */
  words: 'relay.words',
  /** author (32) → up to when it has vanished (NIP-62) */
  vanished: 'relay.vanished',
  /** what, key (32) → events that are still to be removed (see `removals.ts`) */
  removals: 'relay.removals',
  /** list, what is listed → what is told about it (see `managed.ts`) */
  management: 'relay.management',
  /** claims of invitations, and what else membership needs (see `membership.ts`) */
  membership: 'relay.membership',
  /** 'transaction' → number of the writer's last one */
  writer: 'relay.writer',
} as const

export type RelayDatabases = { readonly [Name in keyof typeof relayDatabaseNames]: Rows }

/** Opens the relay's databases in an environment, making those that are missing. */
export function openDatabases(root: RootDatabase): RelayDatabases {
  const { open } = pendingWrites(root)
  const opened = Object.entries(relayDatabaseNames).map(([key, name]) => {
    return [key, open(name, { isAppended: name === relayDatabaseNames.events })]
  })
  return Object.fromEntries(opened) as RelayDatabases
}

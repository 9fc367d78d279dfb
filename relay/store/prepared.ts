import { kindClass, type NostrEvent, tagValue } from '../event.ts'
import { searchRows } from '../search/searched-text.ts'
import type { WireEvent } from '../signatures/wire-event.ts'
import type { RelayDatabases } from './databases.ts'
import { addressKey, authorKindPrefix, indexKey, kindPrefix, tagPrefix } from './keys.ts'
import { encodeRecord, expirationOf, indexedTags } from './record.ts'

/** All that is to be written for an event, ready before the transaction; only the event's number is missing. */
export type Prepared = {
  readonly event: NostrEvent
  /** Whether no deletion or expiry hides it: what the application stores for itself. */
  readonly kept: boolean
  readonly id: Buffer
  readonly pubkey: Buffer
  readonly record: Buffer
  /** Unix seconds, 0: never. */
  readonly expiration: number
  /** The key of a replaceable or addressable event in `addresses`. */
  readonly address: Buffer | null
  /** Keys in the indexes; their last 6 bytes are for the number. */
  readonly indexKeys: readonly (readonly [database: IndexName, key: Buffer])[]
}

export type IndexName = keyof RelayDatabases & ('byTime' | 'byKind' | 'byAuthorKind' | 'byTag' | 'words')

const noPrefix = Buffer.alloc(0)

/**
 * Computes what an event's storage takes, `searched` being the kinds whose words are indexed. The writer's slices are short,
 * so this is done before they begin.
 */
export function prepare(wire: WireEvent, searched: ReadonlySet<number>, kept = false): Prepared {
  const { event, id, pubkey } = wire
  const tags = indexedTags(event)
  const expiration = kept ? 0 : expirationOf(event)
  return {
    event,
    kept,
    id,
    pubkey,
    record: encodeRecord(wire, tags, expiration),
    expiration,
    address: addressOf(event, pubkey),
    indexKeys: indexKeysOf(event, id, pubkey, tags, searched),
  }
}

/** The keys under which an event stands in the indexes, with number 0. */
export function indexKeysOf(
  event: Pick<NostrEvent, 'kind' | 'created_at' | 'tags' | 'content'>,
  id: Buffer,
  pubkey: Buffer,
  tags: readonly (readonly [string, string])[],
  searched: ReadonlySet<number>,
): (readonly [IndexName, Buffer])[] {
  const { kind, created_at: createdAt } = event
  const keys: (readonly [IndexName, Buffer])[] = [
    ['byTime', indexKey(noPrefix, createdAt, id, 0)],
    ['byKind', indexKey(kindPrefix(kind), createdAt, id, 0)],
    ['byAuthorKind', indexKey(authorKindPrefix(pubkey, kind), createdAt, id, 0)],
  ]
  // Each tag value once: twice in an event it is still one entry.
  const unique = tags.length < 2 ? tags : new Map(tags.map(tag => [tag[0] + tag[1], tag])).values()
  for (const [letter, value] of unique) keys.push(['byTag', indexKey(tagPrefix(letter, value), createdAt, id, 0)])
  if (searched.has(kind)) for (const row of searchRows(event)) keys.push(['words', indexKey(row, createdAt, id, 0)])
  return keys
}

/** The address of a replaceable or addressable event (NIP-01), or `null`. */
export function addressOf(event: Pick<NostrEvent, 'kind' | 'tags'>, pubkey: Buffer): Buffer | null {
  switch (kindClass(event.kind)) {
    case 'replaceable':
      return addressKey(event.kind, pubkey, '')
    case 'addressable':
      return addressKey(event.kind, pubkey, tagValue(event, 'd') ?? '')
    default:
      return null
  }
}

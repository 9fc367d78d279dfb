import type { Span } from '../connection/page.ts'
import { kindClass, type NostrEvent, tagValue } from '../event.ts'
import { searchRows } from '../search/searched-text.ts'
import type { WireEvent } from '../signatures/wire-event.ts'
import {
  addressKey,
  authorKindBytes,
  kindBytes,
  positionBytes,
  tagBytes,
  writeAuthorKind,
  writeBytes,
  writePosition,
  writeTag,
} from './keys.ts'
import type { Positions } from './positions.ts'
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
  /** Keys in the indexes. */
  readonly indexKeys: readonly IndexKey[]
}

/** A key in one of the indexes, among others of its event; its last 6 bytes are for the event's number. */
export type IndexKey = Span & { readonly index: keyof Positions }

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

/** The keys under which an event stands in the indexes, with number 0: all in one buffer, since they are made for every event. */
export function indexKeysOf(
  event: Pick<NostrEvent, 'kind' | 'created_at' | 'tags' | 'content'>,
  id: Buffer,
  pubkey: Buffer,
  tags: readonly (readonly [string, string])[],
  searched: ReadonlySet<number>,
): IndexKey[] {
  const { kind, created_at: createdAt } = event
  const rows = searched.has(kind) ? searchRows(event) : []
  const wordBytes = rows.reduce((sum, row) => sum + row.length + positionBytes, 0)
  const bytes = Buffer.allocUnsafe(
    3 * positionBytes + kindBytes + authorKindBytes + tags.length * (tagBytes + positionBytes) + wordBytes,
  )
  const keys: IndexKey[] = []
  let start = 0
  const end = (index: IndexKey['index'], at: number) => {
    const end = writePosition(bytes, at, createdAt, id, 0)
    keys.push({ index, bytes, start, end })
    start = end
  }
  end('byTime', start)
  end('byKind', bytes.writeUInt16BE(kind, start))
  end('byAuthorKind', writeAuthorKind(bytes, start, pubkey, kind))
  // A value that an event has twice is written twice, which leaves one entry.
  for (const [letter, value] of tags) end('byTag', writeTag(bytes, start, letter, value))
  for (const row of rows) end('words', writeBytes(bytes, start, row))
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

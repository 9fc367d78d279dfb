import type { RootDatabase } from 'lmdb'
import { wholeSpan } from '../connection/page.ts'
import { kindClass, type NostrEvent } from '../event.ts'
import { defaultLimits } from '../limits.ts'
import { indexedKinds } from '../search/search-index.ts'
import { ownWireEvent } from '../signatures/wire-event.ts'
import { openDatabases, type RelayDatabases } from './databases.ts'
import { addressKey, seqBytes, seqKey, writeBytes } from './keys.ts'
import { openPositions, type Positions } from './positions.ts'
import { addressOf, type IndexKey, indexKeysOf, type Prepared, prepare } from './prepared.ts'
import {
  indexedTags,
  type RecordView,
  recordEvent,
  recordExpiration,
  recordHasTag,
  recordId,
  recordIsBy,
  recordKind,
  recordPubkey,
} from './record.ts'
import { createRecordCache } from './record-cache.ts'
import { createVanished, type Vanished, vanishKind, wrapKinds } from './vanished.ts'

/** What became of an event that was to be stored. */
export type Stored =
  | { readonly status: 'stored'; readonly seq: number; readonly record: RecordView }
  /**
   * `superseded`: there is a newer version of it; `deleted`: its author has deleted it, before or after it came, or whom it
   * is wrapped for; `vanished`: one of these has vanished from here.
   */
  | { readonly status: 'duplicate' | 'superseded' | 'deleted' | 'vanished' }

/** Events in LMDB. What writes is called inside the writer's transaction only. */
export type EventStore = {
  readonly databases: RelayDatabases
  /** The same indexes, to be read by position. */
  readonly positions: Positions
  readonly vanished: Vanished
  /** `kept`: an event of the application's own, which neither a deletion that came before nor an expiration touches. */
  put(event: NostrEvent, kept?: boolean): Stored
  /** The same for what `prepare` has made ready before the transaction. */
  putPrepared(prepared: Prepared): Stored
  /** Does what a deletion request (NIP-09) asks, and remembers it for what is still to come. */
  applyDeletion(request: NostrEvent, isProtected: (event: { kind: number; pubkey: string }) => boolean): void
  /** Takes an event out of every index, if it is there. */
  remove(seq: number): void
  /** Whether anything has expired by now. */
  hasExpired(now: number): boolean
  /** Removes events that have expired (NIP-40), at most `limit`; says how many. */
  sweepExpired(now: number, limit: number): number
  has(id: string): boolean
  /** The kinds whose words are indexed (NIP-50). */
  searchedKinds(): ReadonlySet<number>
  /** Says which they are from now on; what is stored already is `startIndexing`'s. */
  searchKinds(kinds: readonly number[]): void
  /** The event as it is stored, or `undefined`. */
  record(seq: number): RecordView | undefined
  /** Says that a record was of use and may be asked for again. */
  keepAtHand(seq: number, record: RecordView): void
  seqOf(id: Buffer): number | undefined
  /** The number of the newest event that is durable and delivered: a query that begins now looks at no later one. */
  latestSeq(): number
  /** Says that an event is durable and is being delivered. */
  markDelivered(seq: number, record: RecordView): void
  /** To be called when a transaction that removed events is durable. */
  forgetRemoved(): void
}

const nothing = Buffer.alloc(0)
/** Numbers grow: pages are filled to their end and not split in halves. */
const atEnd = { append: true }
const hex64 = /^[0-9a-f]{64}$/
const letterP = 'p'.charCodeAt(0)
const letterE = 'e'.charCodeAt(0)
const addressForm = /^([0-9]{1,5}):([0-9a-f]{64}):(.*)$/s

/** Opens the store in an environment that others may use too, with a cache of so many bytes. */
export function openEventStore(root: RootDatabase, cacheBytes = defaultLimits.recordCacheBytes): EventStore {
  const db = openDatabases(root)
  const positions = openPositions(root)
  const cache = createRecordCache(cacheBytes)
  let searched = indexedKinds(db.words)
  const vanished = createVanished(db.vanished)
  let lastRead: Buffer = nothing

  // Numbers of events whose transaction failed are not used again: gaps do no harm.
  let lastSeq = 0
  for (const key of db.events.getKeys({ reverse: true, limit: 1 })) lastSeq = key.readUIntBE(0, seqBytes)
  let deliveredSeq = lastSeq
  /** Removed by transactions that readers may not see yet: until they do, they may bring a record back to the cache. */
  const removed: number[] = []

  const seqOf = (id: Buffer): number | undefined => db.ids.getBinaryFast(id)?.readUIntBE(0, seqBytes)

  const recordOf = (seq: number): RecordView | undefined => {
    const cached = cache.get(seq)
    if (cached !== undefined) return cached
    const read = db.events.getBinaryFast(seqKey(seq))
    if (read === undefined) return undefined
    // The library hands out one buffer for all reads, and overrides its `length`, which Buffer's own methods then mistake.
    const isSame = read.buffer === lastRead.buffer && read.byteOffset === lastRead.byteOffset
    if (!isSame || read.byteLength !== lastRead.byteLength) {
      lastRead = Buffer.from(read.buffer, read.byteOffset, read.byteLength)
    }
    return { bytes: lastRead, start: 0, end: read.length }
  }

  const putPrepared = (prepared: Prepared): Stored => {
    const { event, kept, id, pubkey, address } = prepared
    if (db.ids.getBinaryFast(id) !== undefined) return { status: 'duplicate' }
    if (!kept && vanished.covers(event, pubkey)) return { status: 'vanished' }
    // A deletion of a deletion has no effect (NIP-09), whichever comes first.
    const canBeDeleted = !kept && !isUndeletable(event.kind)
    if (canBeDeleted && isDeletedById(prepared)) return { status: 'deleted' }
    if (address !== null) {
      const deletedUpTo = db.deletions.get(deletedAddressKey(address))?.readUIntBE(0, 6) ?? -1
      if (canBeDeleted && event.created_at <= deletedUpTo) return { status: 'deleted' }
      const current = db.addresses.get(address)
      if (current !== undefined) {
        if (!isNewer(event.created_at, id, current)) return { status: 'superseded' }
        remove(current.readUIntBE(0, seqBytes))
      }
    }
    return putRows(prepared)
  }

  /** Deleted by its author; a gift wrap also by one whom it is for, since nobody has its author's key (NIP-59). */
  const isDeletedById = ({ event, id, pubkey }: Prepared): boolean => {
    if (db.deletions.getBinaryFast(deletedIdKey(id, pubkey)) !== undefined) return true
    if (!wrapKinds.has(event.kind)) return false
    return event.tags.some(([name, value]) => {
      if (name !== 'p' || value === undefined || !hex64.test(value)) return false
      return db.deletions.getBinaryFast(deletedIdKey(id, Buffer.from(value, 'hex'))) !== undefined
    })
  }

  const putRows = (prepared: Prepared): Stored & { status: 'stored' } => {
    const { event, id, record, expiration, address, indexKeys } = prepared
    const seq = ++lastSeq
    const seqValue = seqKey(seq)
    db.events.putSync(seqValue, record, atEnd)
    db.ids.putSync(id, seqValue)
    for (const key of indexKeys) positions[key.index].put(withSeq(key, seq))
    if (expiration > 0) db.expirations.putSync(expirationKey(expiration, seqValue), nothing)
    if (address !== null) db.addresses.putSync(address, currentVersion(seqValue, event.created_at, id))
    return { status: 'stored', seq, record: wholeSpan(record) }
  }

  /** Takes an event out of every index. Its number is never used again. */
  const remove = (seq: number): void => {
    const seqValue = seqKey(seq)
    const record = recordOf(seq)
    if (record === undefined) return
    const id = recordId(record)
    const pubkey = recordPubkey(record)
    const expiration = recordExpiration(record)
    const event = recordEvent(record)
    for (const key of indexKeysOf(event, id, pubkey, indexedTags(event), searched)) {
      positions[key.index].remove(withSeq(key, seq))
    }
    if (expiration > 0) db.expirations.removeSync(expirationKey(expiration, seqValue))
    const address = addressOf(event, pubkey)
    if (address !== null && db.addresses.get(address)?.compare(seqValue, 0, seqBytes, 0, seqBytes) === 0) {
      db.addresses.removeSync(address)
    }
    db.ids.removeSync(id)
    db.events.removeSync(seqValue)
    removed.push(seq)
  }

  const applyDeletion: EventStore['applyDeletion'] = (request, isProtected) => {
    const author = Buffer.from(request.pubkey, 'hex')
    for (const [name, value] of request.tags) {
      if (value === undefined) continue
      if (name === 'e' && hex64.test(value)) deleteById(Buffer.from(value, 'hex'), author, isProtected)
      if (name === 'a') deleteByAddress(value, request, author, isProtected)
    }
  }

  const deleteById = (
    id: Buffer,
    author: Buffer,
    isProtected: (event: { kind: number; pubkey: string }) => boolean,
  ) => {
    const seq = seqOf(id)
    const record = seq === undefined ? undefined : recordOf(seq)
    if (seq !== undefined && record !== undefined) {
      const kind = recordKind(record)
      const isForAuthor = wrapKinds.has(kind) && recordHasTag(record, letterP, [Buffer.from(author.toString('hex'))])
      if (!recordIsBy(record, author) && !isForAuthor) return
      // A deletion of a deletion has no effect (NIP-09), nor one of a request to vanish (NIP-62).
      if (isUndeletable(kind) || isProtected({ kind, pubkey: recordPubkey(record).toString('hex') })) return
      remove(seq)
    }
    db.deletions.putSync(deletedIdKey(id, author), nothing)
  }

  const deleteByAddress = (
    value: string,
    request: NostrEvent,
    author: Buffer,
    isProtected: (event: { kind: number; pubkey: string }) => boolean,
  ) => {
    const [, kindText, pubkey, identifier] = addressForm.exec(value) ?? []
    const kind = Number(kindText)
    if (pubkey !== request.pubkey || identifier === undefined || isProtected({ kind, pubkey })) return
    const storage = kindClass(kind)
    if (storage !== 'replaceable' && storage !== 'addressable') return
    const address = addressKey(kind, author, storage === 'replaceable' ? '' : identifier)
    const current = db.addresses.get(address)
    if (current !== undefined && current.readUIntBE(seqBytes, 6) <= request.created_at) {
      remove(current.readUIntBE(0, seqBytes))
    }
    const before = db.deletions.get(deletedAddressKey(address))?.readUIntBE(0, 6) ?? 0
    db.deletions.putSync(deletedAddressKey(address), timeValue(Math.max(before, request.created_at)))
  }

  return {
    databases: db,
    positions,
    vanished,
    put: (event, kept) => putPrepared(prepare(ownWireEvent(event), searched, kept)),
    putPrepared,
    applyDeletion,
    remove,
    hasExpired: now => [...db.expirations.getKeys({ end: timeValue(now + 1), limit: 1 })].length > 0,
    sweepExpired: (now, limit) => {
      const over = [...db.expirations.getKeys({ end: timeValue(now + 1), limit })].map(key => Buffer.from(key))
      for (const key of over) {
        db.expirations.removeSync(key)
        remove(key.readUIntBE(6, seqBytes))
      }
      return over.length
    },
    searchedKinds: () => searched,
    searchKinds: kinds => {
      searched = new Set(kinds)
    },
    has: id => db.ids.getBinaryFast(Buffer.from(id, 'hex')) !== undefined,
    record: recordOf,
    keepAtHand: (seq, record) => {
      if (record.bytes !== cache.bytes) cache.put(seq, record)
    },
    seqOf,
    latestSeq: () => deliveredSeq,
    markDelivered: (seq, record) => {
      deliveredSeq = Math.max(deliveredSeq, seq)
      cache.put(seq, record)
    },
    forgetRemoved: () => {
      for (const seq of removed.splice(0)) cache.drop(seq)
    },
  }
}

/** Deletions and requests to vanish. */
function isUndeletable(kind: number): boolean {
  return kind === 5 || kind === vanishKind
}

/** Later wins; in the same second the lower id (NIP-01). */
function isNewer(createdAt: number, id: Buffer, current: Buffer): boolean {
  const currentCreatedAt = current.readUIntBE(seqBytes, 6)
  return createdAt > currentCreatedAt || (createdAt === currentCreatedAt && id.compare(current, seqBytes + 6) < 0)
}

function currentVersion(seqValue: Buffer, createdAt: number, id: Buffer): Buffer {
  return Buffer.concat([seqValue, timeValue(createdAt), id])
}

/** Writes the event's number into an index key that was made without. */
function withSeq(key: IndexKey, seq: number): IndexKey {
  key.bytes.writeUIntBE(seq, key.end - seqBytes, seqBytes)
  return key
}

function timeValue(seconds: number): Buffer {
  const value = Buffer.allocUnsafe(6)
  value.writeUIntBE(seconds, 0, 6)
  return value
}

function expirationKey(expiration: number, seqValue: Buffer): Buffer {
  return Buffer.concat([timeValue(expiration), seqValue])
}

function deletedIdKey(id: Buffer, author: Buffer): Buffer {
  const key = Buffer.allocUnsafe(1 + id.length + author.length)
  key[0] = letterE
  writeBytes(key, writeBytes(key, 1, id), author)
  return key
}

function deletedAddressKey(address: Buffer): Buffer {
  return Buffer.concat([Buffer.from('a'), address])
}

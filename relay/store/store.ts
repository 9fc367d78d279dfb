import type { RootDatabase } from 'lmdb'
import { wholeSpan } from '../connection/page.ts'
import type { NostrEvent } from '../event.ts'
import type { IsProtected } from '../host.ts'
import { defaultLimits } from '../limits.ts'
import { indexedKinds } from '../search/search-index.ts'
import { ownWireEvent } from '../signatures/wire-event.ts'
import { openDatabases, type RelayDatabases } from './databases.ts'
import { createDeletions, type Deletions } from './deletions.ts'
import { seqBytes, seqKey, timeValue } from './keys.ts'
import { openPositions, type Positions } from './positions.ts'
import { addressOf, type IndexKey, indexKeysOf, type Prepared, prepare } from './prepared.ts'
import { indexedTags, type RecordView, recordEvent, recordExpiration, recordId, recordPubkey } from './record.ts'
import { createRecordCache } from './record-cache.ts'
import { createRemovals, type Removals } from './removals.ts'
import { rowsPerTask } from './rows-per-task.ts'
import { createVanished, type Vanished } from './vanished.ts'

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
  readonly removals: Removals
  /** `kept`: an event of the application's own, which neither a deletion that came before nor an expiration touches. */
  put(event: NostrEvent, kept?: boolean): Stored
  /** The same for what `prepare` has made ready before the transaction. */
  putPrepared(prepared: Prepared): Stored
  /** Why `putPrepared` would not take a deletion request, or `null`: nothing that it asks is to be done then. */
  deletionFault(request: Prepared): (Stored & { status: 'duplicate' | 'vanished' }) | null
  /** Does what a deletion request (NIP-09) asks, a part after the other, and remembers it for what is still to come. */
  applyDeletion: Deletions['apply']
  /** Takes an event out of every index, if it is there; says how many rows it had. */
  remove(seq: number): number
  /** Whether anything has expired by now. */
  hasExpired(now: number): boolean
  /** Removes events that have expired (NIP-40), at least one and more up to about so many rows; says how many events. */
  sweepExpired(now: number, maxRows?: number): number
  has(id: string): boolean
  /** The kinds whose words are indexed (NIP-50). */
  searchedKinds(): ReadonlySet<number>
  /** Says which they are from now on; what is stored already is `startIndexing`'s. */
  searchKinds(kinds: readonly number[]): void
  /** The event as it is stored, or `undefined`. */
  record(seq: number): RecordView | undefined
  /** The same, of which this is the record, for readers: `undefined` if it is about to be removed. */
  shown(seq: number, record: RecordView): RecordView | undefined
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

/**
 * Opens the store in an environment that others may use too, with a cache of so many bytes. Whoever does not say what of a key
 * is protected sees everything that is there, and removes nothing of keys that are to be removed.
 */
export function openEventStore(
  root: RootDatabase,
  cacheBytes = defaultLimits.recordCacheBytes,
  isProtected: IsProtected = () => true,
): EventStore {
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

  const faultOf: EventStore['deletionFault'] = ({ event, kept, id, pubkey }) => {
    // What its author had removed may still be there.
    if (!kept && vanished.covers(event, pubkey)) return { status: 'vanished' }
    return db.ids.getBinaryFast(id) === undefined ? null : { status: 'duplicate' }
  }

  const putPrepared = (prepared: Prepared): Stored => {
    const { event, id, address } = prepared
    const fault = faultOf(prepared)
    if (fault !== null) return fault
    if (deletions.covers(prepared)) return { status: 'deleted' }
    if (address !== null) {
      const current = db.addresses.get(address)
      if (current !== undefined) {
        if (!isNewer(event.created_at, id, current)) return { status: 'superseded' }
        remove(current.readUIntBE(0, seqBytes))
      }
    }
    return putRows(prepared)
  }

  const putRows = (prepared: Prepared): Stored & { status: 'stored' } => {
    const { event, id, record, expiration, address, indexKeys } = prepared
    const seq = ++lastSeq
    const seqValue = seqKey(seq)
    db.events.putSync(seqValue, record)
    db.ids.putSync(id, seqValue)
    for (const key of indexKeys) positions[key.index].put(withSeq(key, seq))
    if (expiration > 0) db.expirations.putSync(expirationKey(expiration, seqValue), nothing)
    if (address !== null) db.addresses.putSync(address, currentVersion(seqValue, event.created_at, id))
    return { status: 'stored', seq, record: wholeSpan(record) }
  }

  /** Takes an event out of every index. Its number is never used again. */
  const remove = (seq: number): number => {
    const seqValue = seqKey(seq)
    const record = recordOf(seq)
    if (record === undefined) return 0
    const id = recordId(record)
    const pubkey = recordPubkey(record)
    const expiration = recordExpiration(record)
    const event = recordEvent(record)
    const indexKeys = indexKeysOf(event, id, pubkey, indexedTags(event), searched)
    for (const key of indexKeys) positions[key.index].remove(withSeq(key, seq))
    if (expiration > 0) db.expirations.removeSync(expirationKey(expiration, seqValue))
    const address = addressOf(event, pubkey)
    if (address !== null && db.addresses.get(address)?.compare(seqValue, 0, seqBytes, 0, seqBytes) === 0) {
      db.addresses.removeSync(address)
    }
    db.ids.removeSync(id)
    db.events.removeSync(seqValue)
    removed.push(seq)
    return indexKeys.length + 2
  }

  const deletions = createDeletions(db, { seqOf, record: recordOf, remove })
  const removals = createRemovals({ databases: db, record: recordOf, remove }, isProtected)

  return {
    databases: db,
    positions,
    vanished,
    removals,
    put: (event, kept) => putPrepared(prepare(ownWireEvent(event), searched, kept)),
    putPrepared,
    deletionFault: faultOf,
    applyDeletion: deletions.apply,
    remove,
    hasExpired: now => [...db.expirations.getKeys({ end: timeValue(now + 1), limit: 1 })].length > 0,
    sweepExpired: (now, maxRows = rowsPerTask) => {
      const over = [...db.expirations.getKeys({ end: timeValue(now + 1), limit: maxRows })].map(key => Buffer.from(key))
      let [events, rows] = [0, 0]
      for (const key of over) {
        if (rows >= maxRows) break
        events++
        db.expirations.removeSync(key)
        rows += 1 + remove(key.readUIntBE(6, seqBytes))
      }
      return events
    },
    searchedKinds: () => searched,
    searchKinds: kinds => {
      searched = new Set(kinds)
    },
    has: id => db.ids.getBinaryFast(Buffer.from(id, 'hex')) !== undefined,
    record: recordOf,
    shown: (seq, record) => {
      if (!removals.mayHide(record)) return record
      return removals.hides(record) ? undefined : recordOf(seq)
    },
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

function expirationKey(expiration: number, seqValue: Buffer): Buffer {
  return Buffer.concat([timeValue(expiration), seqValue])
}

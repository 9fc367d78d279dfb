import type { RootDatabase } from 'lmdb'
import { openDatabases, type RelayDatabases } from './databases.ts'
import { kindClass, type NostrEvent } from './event.ts'
import { addressKey, seqBytes, seqKey } from './keys.ts'
import { addressOf, indexKeysOf, type Prepared, prepare } from './prepared.ts'
import { indexedTags, recordExpiration, recordId, recordJson, recordKind, recordPubkey } from './record.ts'

/** What became of an event that was to be stored. */
export type Stored =
  | { readonly status: 'stored'; readonly seq: number }
  /** `superseded`: there is a newer version of it; `deleted`: its author has deleted it, before or after it came. */
  | { readonly status: 'duplicate' | 'superseded' | 'deleted' }

/** Events in LMDB. What writes is called inside the writer's transaction only. */
export type EventStore = {
  readonly databases: RelayDatabases
  /** `kept`: an event of the application's own, which neither a deletion that came before nor an expiration touches. */
  put(event: NostrEvent, kept?: boolean): Stored
  /** The same for what `prepare` has made ready before the transaction. */
  putPrepared(prepared: Prepared): Stored
  /** Does what a deletion request (NIP-09) asks, and remembers it for what is still to come. */
  applyDeletion(request: NostrEvent, isProtected: (event: { kind: number; pubkey: string }) => boolean): void
  /** Whether anything has expired by now. */
  hasExpired(now: number): boolean
  /** Removes events that have expired (NIP-40), at most `limit`; says how many. */
  sweepExpired(now: number, limit: number): number
  has(id: string): boolean
  /** The event's JSON, or `undefined`. */
  get(id: string): Buffer | undefined
  /** The stored record, valid until the next read only. */
  record(seq: number): Buffer | undefined
  seqOf(id: Buffer): number | undefined
  /** The number of the newest event that is durable and delivered: a query that begins now looks at no later one. */
  latestSeq(): number
  /** Says that an event is durable and is being delivered. */
  markDelivered(seq: number): void
}

const nothing = Buffer.alloc(0)
const hex64 = /^[0-9a-f]{64}$/
const addressForm = /^([0-9]{1,5}):([0-9a-f]{64}):(.*)$/s

/** Opens the store in an environment that others may use too. */
export function openEventStore(root: RootDatabase): EventStore {
  const db = openDatabases(root)

  // Numbers of events whose transaction failed are not used again: gaps do no harm.
  let lastSeq = 0
  for (const key of db.events.getKeys({ reverse: true, limit: 1 })) lastSeq = key.readUIntBE(0, seqBytes)
  let deliveredSeq = lastSeq

  const seqOf = (id: Buffer): number | undefined => db.ids.get(id)?.readUIntBE(0, seqBytes)

  const putPrepared = ({ event, kept, id, pubkey, record, expiration, address, indexKeys }: Prepared): Stored => {
    if (db.ids.getBinaryFast(id) !== undefined) return { status: 'duplicate' }
    // A deletion of a deletion has no effect (NIP-09), whichever comes first.
    const canBeDeleted = !kept && event.kind !== 5
    if (canBeDeleted && db.deletions.getBinaryFast(deletedIdKey(id, pubkey)) !== undefined) return { status: 'deleted' }
    if (address !== null) {
      const deletedUpTo = db.deletions.get(deletedAddressKey(address))?.readUIntBE(0, 6) ?? -1
      if (canBeDeleted && event.created_at <= deletedUpTo) return { status: 'deleted' }
      const current = db.addresses.get(address)
      if (current !== undefined) {
        if (!isNewer(event.created_at, id, current)) return { status: 'superseded' }
        remove(current.readUIntBE(0, seqBytes))
      }
    }
    const seq = ++lastSeq
    const seqValue = seqKey(seq)
    db.events.putSync(seqValue, record)
    db.ids.putSync(id, seqValue)
    for (const [name, key] of indexKeys) db[name].putSync(withSeq(key, seqValue), nothing)
    if (expiration > 0) db.expirations.putSync(expirationKey(expiration, seqValue), nothing)
    if (address !== null) db.addresses.putSync(address, currentVersion(seqValue, event.created_at, id))
    return { status: 'stored', seq }
  }

  /** Takes an event out of every index. Its number is never used again. */
  const remove = (seq: number): void => {
    const seqValue = seqKey(seq)
    const record = db.events.get(seqValue)
    if (record === undefined) return
    const id = recordId(record)
    const pubkey = recordPubkey(record)
    const event = JSON.parse(recordJson(record).toString('utf8')) as NostrEvent
    for (const [name, key] of indexKeysOf(event, id, pubkey, indexedTags(event))) {
      db[name].removeSync(withSeq(key, seqValue))
    }
    const expiration = recordExpiration(record)
    if (expiration > 0) db.expirations.removeSync(expirationKey(expiration, seqValue))
    const address = addressOf(event, pubkey)
    if (address !== null && db.addresses.get(address)?.compare(seqValue, 0, seqBytes, 0, seqBytes) === 0) {
      db.addresses.removeSync(address)
    }
    db.ids.removeSync(id)
    db.events.removeSync(seqValue)
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
    const record = seq === undefined ? undefined : db.events.get(seqKey(seq))
    if (seq !== undefined && record !== undefined) {
      const kind = recordKind(record)
      if (!recordPubkey(record).equals(author)) return
      // A deletion of a deletion has no effect (NIP-09).
      if (kind === 5 || isProtected({ kind, pubkey: author.toString('hex') })) return
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
    put: (event, kept) => putPrepared(prepare(event, kept)),
    putPrepared,
    applyDeletion,
    hasExpired: now => [...db.expirations.getKeys({ end: timeValue(now + 1), limit: 1 })].length > 0,
    sweepExpired: (now, limit) => {
      const over = [...db.expirations.getKeys({ end: timeValue(now + 1), limit })].map(key => Buffer.from(key))
      for (const key of over) {
        db.expirations.removeSync(key)
        remove(key.readUIntBE(6, seqBytes))
      }
      return over.length
    },
    has: id => db.ids.getBinaryFast(Buffer.from(id, 'hex')) !== undefined,
    get: id => {
      const seq = seqOf(Buffer.from(id, 'hex'))
      const record = seq === undefined ? undefined : db.events.get(seqKey(seq))
      return record === undefined ? undefined : recordJson(record)
    },
    record: seq => {
      // The library hands out one buffer for all reads and overrides its `length`, which a subarray without end ignores.
      const bytes = db.events.getBinaryFast(seqKey(seq)) as Buffer | undefined
      return bytes?.subarray(0, bytes.length)
    },
    seqOf,
    latestSeq: () => deliveredSeq,
    markDelivered: seq => {
      deliveredSeq = Math.max(deliveredSeq, seq)
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
function withSeq(key: Buffer, seqValue: Buffer): Buffer {
  seqValue.copy(key, key.length - seqBytes)
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
  return Buffer.concat([Buffer.from('e'), id, author])
}

function deletedAddressKey(address: Buffer): Buffer {
  return Buffer.concat([Buffer.from('a'), address])
}

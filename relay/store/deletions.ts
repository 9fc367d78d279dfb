import { kindClass, type NostrEvent } from '../event.ts'
import type { IsProtected } from '../host.ts'
import type { RelayDatabases } from './databases.ts'
import { addressKey, seqBytes, timeValue, writeBytes } from './keys.ts'
import type { Prepared } from './prepared.ts'
import { protectable, type RecordView, recordHasTag, recordIsBy, recordKind } from './record.ts'
import { rowsPerTask } from './rows-per-task.ts'
import { vanishKind, wrapKinds } from './vanished.ts'

/** What authors have deleted (NIP-09), events that are still to come included. What writes is for the writer's transaction. */
export type Deletions = {
  /** Whether an event that comes now has been deleted before. */
  covers(prepared: Prepared): boolean
  /** Does a part of what a deletion request asks, from one of its tags on: at least one tag, and more up to about so many rows. */
  apply(request: NostrEvent, isProtected: IsProtected, from?: number, maxRows?: number): DeletionPart
}

/** The tag that is next, or the number of tags when all is done, and what was written and removed. */
export type DeletionPart = { readonly next: number; readonly rows: number }

const nothing = Buffer.alloc(0)
const hex64 = /^[0-9a-f]{64}$/
const letterP = 'p'.charCodeAt(0)
const letterE = 'e'.charCodeAt(0)
const addressForm = /^([0-9]{1,5}):([0-9a-f]{64}):(.*)$/s

/** Keeps them in the databases of a store, with what it offers for finding and removing events. */
export function createDeletions(
  db: Pick<RelayDatabases, 'deletions' | 'addresses'>,
  store: {
    seqOf(id: Buffer): number | undefined
    record(seq: number): RecordView | undefined
    remove(seq: number): number
  },
): Deletions {
  /** Deleted by its author; a gift wrap also by one whom it is for, since nobody has its author's key (NIP-59). */
  const isDeletedById = ({ event, id, pubkey }: Prepared): boolean => {
    if (db.deletions.getBinaryFast(deletedIdKey(id, pubkey)) !== undefined) return true
    if (!wrapKinds.has(event.kind)) return false
    return event.tags.some(([name, value]) => {
      if (name !== 'p' || value === undefined || !hex64.test(value)) return false
      return db.deletions.getBinaryFast(deletedIdKey(id, Buffer.from(value, 'hex'))) !== undefined
    })
  }

  const deletedUpTo = (address: Buffer): number | undefined =>
    db.deletions.get(deletedAddressKey(address))?.readUIntBE(0, 6)

  /** The rows that it took. Ids and addresses that are not the author's cost a look, which counts as much. */
  const applyTag = (
    [name, value]: readonly string[],
    request: NostrEvent,
    author: Buffer,
    isProtected: IsProtected,
  ) => {
    if (value === undefined) return 0
    if (name === 'e' && hex64.test(value)) return 1 + deleteById(Buffer.from(value, 'hex'), author, isProtected)
    if (name === 'a') return 1 + deleteByAddress(value, request, author, isProtected)
    return 0
  }

  const deleteById = (id: Buffer, author: Buffer, isProtected: IsProtected): number => {
    const seq = store.seqOf(id)
    const record = seq === undefined ? undefined : store.record(seq)
    let rows = 0
    if (seq !== undefined && record !== undefined) {
      const kind = recordKind(record)
      const isForAuthor = wrapKinds.has(kind) && recordHasTag(record, letterP, [Buffer.from(author.toString('hex'))])
      if (!recordIsBy(record, author) && !isForAuthor) return 0
      // A deletion of a deletion has no effect (NIP-09), nor one of a request to vanish (NIP-62).
      if (isUndeletable(kind) || isProtected(protectable(record))) return 0
      rows = store.remove(seq)
    }
    db.deletions.putSync(deletedIdKey(id, author), nothing)
    return rows
  }

  const deleteByAddress = (value: string, request: NostrEvent, author: Buffer, isProtected: IsProtected): number => {
    const [, kindText, pubkey, identifier] = addressForm.exec(value) ?? []
    const kind = Number(kindText)
    if (pubkey !== request.pubkey || identifier === undefined || isProtected({ kind, pubkey, isFor: () => false }))
      return 0
    const storage = kindClass(kind)
    if (storage !== 'replaceable' && storage !== 'addressable') return 0
    const address = addressKey(kind, author, storage === 'replaceable' ? '' : identifier)
    const current = db.addresses.get(address)
    const isReached = current !== undefined && current.readUIntBE(seqBytes, 6) <= request.created_at
    const rows = isReached ? store.remove(current.readUIntBE(0, seqBytes)) : 0
    const upTo = Math.max(deletedUpTo(address) ?? 0, request.created_at)
    db.deletions.putSync(deletedAddressKey(address), timeValue(upTo))
    return rows
  }

  return {
    covers: prepared => {
      const { event, kept, address } = prepared
      // A deletion of a deletion has no effect (NIP-09), whichever comes first.
      if (kept || isUndeletable(event.kind)) return false
      return isDeletedById(prepared) || (address !== null && event.created_at <= (deletedUpTo(address) ?? -1))
    },
    apply: (request, isProtected, from = 0, maxRows = rowsPerTask) => {
      const author = Buffer.from(request.pubkey, 'hex')
      let [next, rows] = [from, 0]
      for (const tag of request.tags.slice(from)) {
        if (rows >= maxRows) break
        rows += applyTag(tag, request, author, isProtected)
        next++
      }
      return { next, rows }
    },
  }
}

/** Deletions and requests to vanish. */
function isUndeletable(kind: number): boolean {
  return kind === 5 || kind === vanishKind
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

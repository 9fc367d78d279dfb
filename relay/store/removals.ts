import type { NostrEvent } from '../event.ts'
import type { IsProtected } from '../host.ts'
import { authorPrefix, maxUint48, positionBytes, seqOfKey, startKey, tagPrefix } from './keys.ts'
import type { Rows } from './pending-writes.ts'
import {
  protectable,
  type RecordView,
  recordAuthorNumber,
  recordCreatedAt,
  recordEvent,
  recordHasTag,
  recordIsBy,
  recordKind,
  recordPubkey,
} from './record.ts'
import { rowsPerTask } from './rows-per-task.ts'
import type { EventStore } from './store.ts'
import { vanishKind, wrapKinds } from './vanished.ts'

/** Why events of a key are removed: it has vanished (NIP-62), or an operator has banned it (NIP-86). */
export type RemovalReason = 'vanish' | 'ban'

/** Events of a key that are still to be removed, however many: durable, so that a crash in the middle is made good. */
export type Removals = {
  /** Asks for the removal of what a key has up to a time; inside a transaction only, as are the others that write. */
  request(reason: RemovalReason, pubkey: Buffer, upTo: number): void
  /** Leaves what is not removed yet. */
  cancel(reason: RemovalReason, pubkey: Buffer): void
  /** Looks whether there is anything to remove; outside transactions, and again whenever that may have changed. */
  watch(): boolean
  /** Whether `hides` may be true of an event: of few, and without a read, since it is asked of all that are shown to anybody. */
  mayHide(record: RecordView): boolean
  /** Whether an event is to be removed and has not been reached yet. Reads: its record is not valid any more. */
  hides(record: RecordView): boolean
  /**
   * Removes some, up to about so many rows, and says how many events; `null` when there is nothing to do. Protected events and
   * requests to vanish stay.
   */
  step(): number | null
}

/** `upTo` is what is asked for, `walking` what this walk over the indexes is for, `cursor` where it goes on. */
type Job = { readonly upTo: number; readonly walking: number; readonly place: Place; readonly cursor: Buffer }
/** Where to look: what a key has written, then the messages wrapped for it. */
type Place = 0 | 1
type Progress = { readonly removed: number; readonly cursor: Buffer | null }

const looksAtOnce = 400
const pageSize = 64
/** With more, every event is looked up: what is remembered has a bound. */
const maxSuspects = 100_000
const codes = { vanish: 118, ban: 98 } as const satisfies Record<RemovalReason, number>
const letterP = 'p'.charCodeAt(0)
const nothing = Buffer.alloc(0)
/** Beyond every key with the same beginning. */
const beyond = Buffer.alloc(positionBytes + 4, 0xff)

/** Keeps the removals of a store in `reason (1) | key (32)` → `upTo (6) | walking (6) | place (1) | cursor`. */
export function createRemovals(
  store: Pick<EventStore, 'databases' | 'record' | 'remove'>,
  isProtected: IsProtected,
): Removals {
  const database = store.databases.removals
  const read = (key: Buffer): Job | undefined => {
    const value = database.get(key)
    if (value === undefined) return undefined
    const place = value[12] === 1 ? 1 : 0
    return { upTo: value.readUIntBE(0, 6), walking: value.readUIntBE(6, 6), place, cursor: value.subarray(13) }
  }

  const write = (key: Buffer, { upTo, walking, place, cursor }: Job) => {
    const head = Buffer.alloc(13)
    head.writeUIntBE(upTo, 0, 6)
    head.writeUIntBE(walking, 6, 6)
    head[12] = place
    database.putSync(key, Buffer.concat([head, cursor]))
  }

  /** Goes on where the last walk ended, and removes what is wanted of what is not newer. */
  const walk = (
    index: Rows,
    prefix: Buffer,
    { walking, cursor }: Job,
    isWanted: (record: RecordView) => boolean,
  ): Progress => {
    const end = Buffer.concat([prefix, beyond])
    let start = cursor.length === 0 ? prefix : cursor
    let removed = 0
    let [looks, rows] = [0, 0]
    while (looks < looksAtOnce && rows < rowsPerTask) {
      const page = [...index.getKeys({ start, end, limit: pageSize })].map(key => Buffer.from(key))
      if (page.length === 0) return { removed, cursor: null }
      for (const key of page) {
        looks++
        const positionAt = key.length - positionBytes
        if (maxUint48 - key.readUIntBE(positionAt, 6) > walking) {
          start = startKey(key.subarray(0, positionAt), walking)
          break
        }
        start = Buffer.concat([key, Buffer.alloc(1)])
        const seq = seqOfKey(key)
        const record = store.record(seq)
        if (record === undefined || !isWanted(record)) continue
        rows += store.remove(seq)
        removed++
        if (rows >= rowsPerTask) break
      }
    }
    return { removed, cursor: start }
  }

  const walkPlace = (pubkey: Buffer, job: Job): Progress => {
    const { byAuthorKind, byTag } = store.databases
    const hex = pubkey.toString('hex')
    if (job.place === 0) {
      return walk(byAuthorKind, authorPrefix(pubkey), job, record => {
        const kind = recordKind(record)
        return kind !== vanishKind && recordIsBy(record, pubkey) && !isProtected(protectable(record))
      })
    }
    const recipient = [Buffer.from(hex)]
    return walk(byTag, tagPrefix('p', hex), job, record => {
      const kind = recordKind(record)
      if (!wrapKinds.has(kind) || !recordHasTag(record, letterP, recipient)) return false
      return !isProtected(protectable(record))
    })
  }

  const watch = () => {
    isWatching = [...database.getKeys({ limit: 1 })].length > 0
    return isWatching
  }
  let isWatching = false
  watch()

  /** Of whom anything was to be removed since the process began, by the beginnings of their keys. */
  const suspects = new Set<number>()
  const suspect = (pubkey: Buffer) => {
    if (suspects.size < maxSuspects) suspects.add(pubkey.readUIntBE(0, 6))
  }
  for (const key of database.getKeys({ limit: maxSuspects })) suspect(key.subarray(1))

  return {
    request: (reason, pubkey, upTo) => {
      suspect(pubkey)
      const key = jobKey(reason, pubkey)
      const job = read(key)
      // One that is on its way finishes first: else who asks again and again would keep it from ever getting to the end.
      if (job === undefined) write(key, { upTo, walking: upTo, place: 0, cursor: nothing })
      else write(key, { ...job, upTo: Math.max(job.upTo, upTo) })
    },
    cancel: (reason, pubkey) => void database.removeSync(jobKey(reason, pubkey)),
    watch,
    mayHide: record => {
      if (!isWatching) return false
      return (
        suspects.size === maxSuspects || suspects.has(recordAuthorNumber(record)) || wrapKinds.has(recordKind(record))
      )
    },
    hides: record => {
      const kind = recordKind(record)
      const createdAt = recordCreatedAt(record)
      const author = recordPubkey(record)
      const recipients = wrapKinds.has(kind) ? recipientsOf(recordEvent(record)) : []
      if (kind === vanishKind || isProtected(protectable(record))) return false
      const isUpTo = (reason: RemovalReason, pubkey: Buffer) => createdAt <= (read(jobKey(reason, pubkey))?.upTo ?? -1)
      if (isUpTo('ban', author) || isUpTo('vanish', author)) return true
      return recipients.some(pubkey => isUpTo('vanish', pubkey))
    },
    step: () => {
      const [first] = database.getKeys({ limit: 1 })
      const key = first === undefined ? undefined : Buffer.from(first)
      const job = key === undefined ? undefined : read(key)
      if (key === undefined || job === undefined) return null
      const { removed, cursor } = walkPlace(key.subarray(1), job)
      if (cursor !== null) write(key, { ...job, cursor })
      else if (job.place === 0 && key[0] === codes.vanish) write(key, { ...job, place: 1, cursor: nothing })
      else if (job.upTo > job.walking) write(key, { ...job, walking: job.upTo, place: 0, cursor: nothing })
      else database.removeSync(key)
      return removed
    },
  }
}

function jobKey(reason: RemovalReason, pubkey: Buffer): Buffer {
  return Buffer.concat([Buffer.from([codes[reason]]), pubkey])
}

/** Whom a wrapped message is for. */
function recipientsOf({ tags }: NostrEvent): Buffer[] {
  const keys = tags.flatMap(([name, value]) => (name === 'p' && value?.length === 64 ? [value] : []))
  return keys.map(key => Buffer.from(key, 'hex'))
}

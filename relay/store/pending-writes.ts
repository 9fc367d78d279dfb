import type { Database, PutOptions, RootDatabase } from 'lmdb'
import type { Span } from '../connection/page.ts'
import { type KeyName, type KeyRange, keyName, mergedRange, type Row } from './merged-range.ts'

/** A database as the writer's tasks see it: with what tasks before them have written and LMDB does not show yet. */
export type Rows = {
  get(key: Buffer): Buffer | undefined
  getBinary(key: Buffer): Buffer | undefined
  /** What it returns is valid until the next read. */
  getBinaryFast(key: Buffer): Buffer | undefined
  getKeys(range: KeyRange): Iterable<Buffer>
  getRange(range: KeyRange): Iterable<Row>
  /** A value that a task writes stays as it is from then on. */
  putSync(key: Buffer | Span, value: Buffer): void
  removeSync(key: Buffer | Span): void
  getKeysCount(range: KeyRange): number
  getStats(): object
}

/** What tasks have written and LMDB does not show yet. Whoever is not a task sees LMDB. */
export type PendingWrites = {
  /** Runs a task; if it throws, nothing of what it wrote is left. */
  run<T>(task: () => T): T
  /**
   * Opens a database; what is written to it outside of tasks goes to LMDB at once. `isAppended`: each new key sorts behind
   * all others, and pages are filled to their end.
   */
  open(name: string, options?: { isAppended: boolean }): Rows
  /** Hands what tasks have written to LMDB in one transaction, on a thread of its own; settles once that is flushed. */
  commit(): Promise<void>
  /** How many rows the next transaction has so far. */
  uncommittedRows(): number
  /** Forgets all that LMDB does not have. */
  forget(): void
}

/** What a transaction writes to a database; `null` is a removal. Dropped as a whole: see `passing-map.ts` for why. */
type Layer = Map<KeyName, Buffer | null>

type Overlaid = {
  readonly database: Database<Buffer, Buffer>
  /** The same database, whose keys are names: there may be thousands of them in memory, and buffers are large things. */
  readonly named: Database<Buffer, KeyName>
  readonly isAppended: boolean
  /** Of the next transaction. */
  next: Layer
  /** Of those that are being committed, the oldest first. */
  committing: readonly Layer[]
}

/** What a task has replaced, should it throw. */
type Replaced = { readonly layer: Layer; readonly name: KeyName; readonly before: Buffer | null | undefined }

const opened = new WeakMap<RootDatabase, PendingWrites>()

/** The pending writes of an environment: one for all who have it open in this process, since they share its writer. */
export function pendingWrites(root: RootDatabase): PendingWrites {
  let pending = opened.get(root)
  if (pending === undefined) {
    pending = createPendingWrites(root)
    opened.set(root, pending)
  }
  return pending
}

/**
 * Makes them. A task neither waits for LMDB nor keeps it from committing what earlier tasks wrote: that is done on LMDB's own
 * thread, and the writes of several tasks share a transaction.
 */
function createPendingWrites(root: RootDatabase): PendingWrites {
  const all = new Map<string, { readonly rows: Rows; readonly overlaid: Overlaid }>()
  let uncommitted = 0
  let isRunning = false
  let replaced: Replaced[] = []

  const record = ({ next: layer }: Overlaid, name: KeyName, value: Buffer | null) => {
    // What LMDB refuses would fail with all that shares its transaction, or leave half of it.
    if (value !== null && !(value instanceof Uint8Array)) throw new TypeError('a row that is not bytes')
    if (name.length === 0 || name.length > maxKeyBytes) throw new RangeError(`a key of ${name.length} bytes`)
    const before = layer.get(name)
    if (before === undefined) uncommitted++
    replaced.push({ layer, name, before })
    layer.set(name, value)
  }

  const undo = () => {
    for (const { layer, name, before } of replaced.reverse()) {
      if (before !== undefined) layer.set(name, before)
      else {
        uncommitted--
        layer.delete(name)
      }
    }
  }

  const over = (overlaid: Overlaid): Rows => {
    const { database, named, isAppended } = overlaid
    const isPlain = () => !isRunning || (overlaid.next.size === 0 && overlaid.committing.length === 0)
    const read = (get: (key: Buffer) => Buffer | undefined) => (key: Buffer) => {
      const value = isPlain() ? undefined : pendingValue(overlaid, keyName(key))
      return value === undefined ? get(key) : (value ?? undefined)
    }
    const merged = (range: KeyRange) => mergedRange(database, [...overlaid.committing, overlaid.next], range)
    return {
      get: read(key => database.get(key)),
      getBinary: read(key => database.getBinary(key)),
      getBinaryFast: read(key => database.getBinaryFast(key) as Buffer | undefined),
      getKeys: range => (isPlain() ? database.getKeys({ ...range }) : merged(range).map(({ key }) => key)),
      getRange: range => (isPlain() ? database.getRange({ ...range }) : merged(range)),
      putSync: (key, value) => {
        if (isRunning) record(overlaid, nameOf(key), value)
        else if (isAppended) named.putSync(nameOf(key), value, atEnd)
        else named.putSync(nameOf(key), value)
      },
      removeSync: key => {
        if (isRunning) record(overlaid, nameOf(key), null)
        else named.removeSync(nameOf(key))
      },
      getKeysCount: range => (isPlain() ? database.getKeysCount({ ...range }) : merged(range).length),
      getStats: () => database.getStats(),
    }
  }

  return {
    run: task => {
      if (isRunning) throw new Error('a task within a task')
      isRunning = true
      try {
        return task()
      } catch (error) {
        undo()
        throw error
      } finally {
        isRunning = false
        replaced = []
      }
    },
    open: (name, { isAppended } = { isAppended: false }) => {
      let known = all.get(name)
      if (known === undefined) {
        const database = root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' })
        const options = { name, encoding: 'binary', keyEncoder: { writeKey, readKey: keyName } } as const
        const named = root.openDB<Buffer, KeyName>(options)
        const overlaid: Overlaid = { database, named, isAppended, next: new Map(), committing: [] }
        known = { rows: over(overlaid), overlaid }
        all.set(name, known)
      }
      return known.rows
    },
    commit: async () => {
      const begun: { readonly overlaid: Overlaid; readonly layer: Layer }[] = []
      for (const { overlaid } of all.values()) {
        const layer = overlaid.next
        if (layer.size === 0) continue
        begun.push({ overlaid, layer })
        overlaid.committing = [...overlaid.committing, layer]
        overlaid.next = new Map()
      }
      uncommitted = 0
      const written = root.batch(() => {
        for (const { overlaid, layer } of begun) handOver(overlaid, layer)
      })
      // As of now this means these writes; later it would mean the next transaction's.
      const flushed = root.flushed.then(() => undefined)
      flushed.catch(() => undefined)
      // Of a transaction that failed nobody is told that it was flushed.
      await written
      await flushed
      // Those before it have been committed, too, even if LMDB says so later; what they wrote must not hide what it wrote.
      for (const { overlaid, layer } of begun) {
        overlaid.committing = overlaid.committing.slice(overlaid.committing.indexOf(layer) + 1)
      }
    },
    uncommittedRows: () => uncommitted,
    forget: () => {
      uncommitted = 0
      for (const { overlaid } of all.values()) {
        overlaid.next = new Map()
        overlaid.committing = []
      }
    },
  }
}

/** LMDB's, with the smallest pages that it makes of itself, of 4 KiB. */
const maxKeyBytes = 1_978
const atEnd: PutOptions = { append: true }

/** What is written under a name and LMDB may not show: `null` if it is removed, `undefined` if nothing is. */
function pendingValue({ next, committing }: Overlaid, name: KeyName): Buffer | null | undefined {
  let value = next.get(name)
  for (let index = committing.length - 1; value === undefined && index >= 0; index--) {
    value = committing[index]?.get(name)
  }
  return value
}

function handOver({ named, isAppended }: Overlaid, layer: Layer): void {
  for (const [name, value] of layer) {
    if (value === null) void named.remove(name)
    // These alone have promises of their own, which say no more than that of the batch.
    else if (isAppended) named.put(name, value, atEnd as unknown as number).catch(() => undefined)
    else void named.put(name, value)
  }
}

function nameOf(key: Buffer | Span): KeyName {
  return 'bytes' in key ? keyName(key.bytes, key.start, key.end) : keyName(key)
}

function writeKey(name: KeyName, target: Buffer, at: number): number {
  return at + target.write(name, at, 'latin1')
}

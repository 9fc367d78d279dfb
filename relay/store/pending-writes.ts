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
  /** A value that a task writes stays as it is from then on. `append`: the key sorts behind all others. */
  putSync(key: Buffer | Span, value: Buffer, options?: { append: true }): void
  removeSync(key: Buffer | Span): void
  getKeysCount(range: KeyRange): number
  getStats(): object
}

/** What tasks have written and LMDB does not show yet. Whoever is not a task sees LMDB. */
export type PendingWrites = {
  /** Runs a task; if it throws, nothing of what it wrote is left. */
  run<T>(task: () => T): T
  /** Opens a database; what is written to it outside of tasks goes to LMDB at once. */
  open(name: string): Rows
  /** Hands what tasks have written to LMDB in one transaction, on a thread of its own; settles once that is flushed. */
  commit(): Promise<void>
  /** How many rows the next transaction has so far. */
  uncommittedRows(): number
  /** Forgets all that LMDB does not have. */
  forget(): void
}

/** `value` is `null` for a removal. */
type Write = {
  readonly rows: Overlaid
  readonly name: KeyName
  readonly value: Buffer | null
  readonly isAppended: boolean
  /** What it stands for while its task runs, which may throw. */
  before: Write | undefined
  /** Whether a later write of the same transaction makes it needless. */
  isReplaced: boolean
}

type Overlaid = {
  readonly database: Database<Buffer, Buffer>
  /** The same database, whose keys are names: there may be thousands of them in memory, and buffers are large things. */
  readonly named: Database<Buffer, KeyName>
  readonly writes: Map<KeyName, Write>
}

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
  /** In the order in which they were made; since the last transaction. */
  let uncommitted: Write[] = []
  let isRunning = false

  const record = (rows: Overlaid, name: KeyName, value: Buffer | null, isAppended: boolean) => {
    // What LMDB refuses would fail with all that shares its transaction, or leave half of it.
    if (value !== null && !(value instanceof Uint8Array)) throw new TypeError('a row that is not bytes')
    if (name.length === 0 || name.length > maxKeyBytes) throw new RangeError(`a key of ${name.length} bytes`)
    const before = rows.writes.get(name)
    if (before !== undefined) before.isReplaced = true
    const write = { rows, name, value, isAppended, before, isReplaced: false }
    rows.writes.set(name, write)
    uncommitted.push(write)
  }

  const undoSince = (length: number) => {
    for (const { rows, name, before } of uncommitted.splice(length).reverse()) {
      if (before === undefined) rows.writes.delete(name)
      else {
        before.isReplaced = false
        rows.writes.set(name, before)
      }
    }
  }

  const over = (overlaid: Overlaid): Rows => {
    const { database, named, writes } = overlaid
    const find = (key: Buffer) => (isRunning && writes.size > 0 ? writes.get(keyName(key)) : undefined)
    const read = (get: (key: Buffer) => Buffer | undefined) => (key: Buffer) => {
      const write = find(key)
      return write === undefined ? get(key) : (write.value ?? undefined)
    }
    const isPlain = () => !isRunning || writes.size === 0
    return {
      get: read(key => database.get(key)),
      getBinary: read(key => database.getBinary(key)),
      getBinaryFast: read(key => database.getBinaryFast(key) as Buffer | undefined),
      getKeys: range =>
        isPlain()
          ? database.getKeys({ ...range })
          : mergedRange(database, writes.values(), range).map(({ key }) => key),
      getRange: range => (isPlain() ? database.getRange({ ...range }) : mergedRange(database, writes.values(), range)),
      putSync: (key, value, options) => {
        if (isRunning) record(overlaid, nameOf(key), value, options !== undefined)
        else if (options === undefined) named.putSync(nameOf(key), value)
        else named.putSync(nameOf(key), value, options)
      },
      removeSync: key => {
        if (isRunning) record(overlaid, nameOf(key), null, false)
        else named.removeSync(nameOf(key))
      },
      getKeysCount: range =>
        isPlain() ? database.getKeysCount({ ...range }) : mergedRange(database, writes.values(), range).length,
      getStats: () => database.getStats(),
    }
  }

  return {
    run: task => {
      if (isRunning) throw new Error('a task within a task')
      const begun = uncommitted.length
      isRunning = true
      try {
        return task()
      } catch (error) {
        undoSince(begun)
        throw error
      } finally {
        isRunning = false
        for (let index = begun; index < uncommitted.length; index++) release(uncommitted[index])
      }
    },
    open: name => {
      let known = all.get(name)
      if (known === undefined) {
        const database = root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' })
        const options = { name, encoding: 'binary', keyEncoder: { writeKey, readKey: keyName } } as const
        const named = root.openDB<Buffer, KeyName>(options)
        const overlaid = { database, named, writes: new Map() }
        known = { rows: over(overlaid), overlaid }
        all.set(name, known)
      }
      return known.rows
    },
    commit: async () => {
      const writes = uncommitted
      uncommitted = []
      const written = root.batch(() => {
        for (const write of writes) if (!write.isReplaced) handOver(write)
      })
      // As of now this means these writes; later it would mean the next transaction's.
      const flushed = root.flushed.then(() => undefined)
      flushed.catch(() => undefined)
      // Of a transaction that failed nobody is told that it was flushed.
      await written
      await flushed
      for (const write of writes) if (write.rows.writes.get(write.name) === write) write.rows.writes.delete(write.name)
    },
    uncommittedRows: () => uncommitted.length,
    forget: () => {
      uncommitted = []
      for (const { overlaid } of all.values()) overlaid.writes.clear()
    },
  }
}

/** LMDB's, with pages of 4 KiB. */
const maxKeyBytes = 1_978
const atEnd: PutOptions = { append: true }

function handOver({ rows: { named }, name, value, isAppended }: Write): void {
  if (value === null) void named.remove(name)
  // This one alone has a promise of its own, which says no more than that of the batch.
  else if (isAppended) named.put(name, value, atEnd as unknown as number).catch(() => undefined)
  else void named.put(name, value)
}

/** Lets go of what a write stands for: a row that every task writes would hold on to all its versions. */
function release(write: Write | undefined): void {
  if (write !== undefined) write.before = undefined
}

function nameOf(key: Buffer | Span): KeyName {
  return 'bytes' in key ? keyName(key.bytes, key.start, key.end) : keyName(key)
}

function writeKey(name: KeyName, target: Buffer, at: number): number {
  return at + target.write(name, at, 'latin1')
}

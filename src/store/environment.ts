import { setTimeout as delay } from 'node:timers/promises'
import { type Database, type RangeOptions as LmdbRange, open, type RootDatabase } from 'lmdb'
import type { KeyOf, KeyPart } from './key.ts'
import type { Table, TableInfo } from './table.ts'
import { databases, tables } from './tables.ts'
import type { RangeOptions, Reader, Transactor } from './transaction.ts'

type Bytes = Database<Buffer, Buffer>

/** A write as bytes; `value` is `null` for a removal. */
export type OnWrite = (table: TableInfo, key: Buffer, value: Buffer | null) => void

/** The open LMDB environment: the root for the writer, and typed access to every table. */
export type Environment = {
  readonly root: RootDatabase
  readonly reader: Reader
  /** A transactor for use inside a transaction; `onWrite` sees every write to a `fold` table, for the outcome digest. */
  transactor(onWrite: OnWrite): Transactor
  /** The raw database of a table, for what works on bytes: log, verify, migrations. */
  bytes(table: TableInfo): Bytes
  close(): Promise<void>
}

/** LMDB's default of 126 readers is too few for further processes that read. */
const maxReaders = 512
const maxCloseMs = 2_000

/**
 * Opens (and, unless `readOnly`, creates) the environment in a directory. `mapSizeBytes` bounds the address space,
 * not the disk: the cap on data is the guard's. Throws when the directory cannot be used.
 */
export function openEnvironment(options: {
  directory: string
  mapSizeBytes: number
  readOnly?: boolean
  /** Whether the data may be lost with the machine: nothing waits for the disk. For what can be made again. */
  scratch?: boolean
}): Environment {
  const root = open({
    path: options.directory,
    noSubdir: false,
    mapSize: options.mapSizeBytes,
    maxDbs: databases.length,
    maxReaders,
    readOnly: options.readOnly ?? false,
    noSync: options.scratch ?? false,
    // With it LMDB makes a promise of its own at every commit; of a failed one nobody could catch it, and that ends the process.
    eventTurnBatching: false,
    // The writer's slices get each a turn of the event loop, though they share a transaction.
    strictAsyncOrder: true,
    keyEncoding: 'binary',
    encoding: 'binary',
  })
  const opened = new Map<string, Bytes>()
  for (const table of Object.values(tables)) opened.set(table.name, openTable(root, table.name))
  const bytes = (table: TableInfo): Bytes => {
    const database = opened.get(table.name)
    if (database === undefined) throw new Error(`table ${table.name} is not declared in tables.ts`)
    return database
  }
  const reader = createReader(bytes)
  return {
    root,
    reader,
    bytes,
    transactor: onWrite => createTransactor(reader, bytes, onWrite),
    close: () => closeInTime(root),
  }
}

/**
 * Closes the environment. After a failed commit LMDB would wait for ever for a flush that does not come; then it is left
 * open, which loses nothing: what was acknowledged is on disk, and what was not is not promised.
 */
async function closeInTime(root: RootDatabase): Promise<void> {
  const closed = new AbortController()
  const over = delay(maxCloseMs, undefined, { signal: closed.signal }).catch(() => undefined)
  await Promise.race([root.close(), over])
  closed.abort()
}

function openTable(root: RootDatabase, name: string): Bytes {
  return root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' })
}

function createReader(bytes: (table: TableInfo) => Bytes): Reader {
  return {
    get: (table, key) => {
      const value = bytes(table).getBinaryFast(table.encodeKey(key)) as Buffer | undefined
      return value === undefined ? undefined : table.codec.decode(value)
    },
    has: (table, key) => bytes(table).getBinaryFast(table.encodeKey(key)) !== undefined,
    range: (table, prefix, options = {}) => {
      const page: { key: KeyOf<typeof table.parts>; row: ReturnType<typeof table.codec.decode> }[] = []
      for (const { key, value } of bytes(table).getRange(bounds(table, prefix, options))) {
        page.push({ key: table.decodeKey(key), row: table.codec.decode(value) })
      }
      return page
    },
  }
}

/** The LMDB range of a prefix: in reverse LMDB wants the upper bound as start. */
function bounds<Parts extends readonly KeyPart[], Row>(
  table: Table<Parts, Row>,
  prefix: readonly (string | number)[],
  options: RangeOptions,
): LmdbRange {
  const low = table.encodePrefix(prefix)
  const high = options.upTo === undefined ? after(low) : after(table.encodePrefix([...prefix, ...options.upTo]))
  const position = options.after === undefined ? undefined : table.encodePrefix(options.after)
  // A position outside the prefix must not let rows of another prefix in.
  const isLater = position !== undefined && Buffer.compare(position, low) >= 0
  const isEarlier = position !== undefined && Buffer.compare(position, high) < 0
  const range: LmdbRange = options.reverse
    ? { start: isEarlier ? position : high, end: low, reverse: true, exclusiveStart: true, inclusiveEnd: true }
    : { start: isLater ? position : low, end: high, exclusiveStart: isLater }
  if (options.limit !== undefined) range.limit = options.limit
  return range
}

/** The first bytes that sort behind everything beginning with `prefix`; an empty prefix has all keys before it. */
function after(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix)
  for (let index = next.length - 1; index >= 0; index--) {
    const byte = next[index] ?? 0
    if (byte < 0xff) {
      next[index] = byte + 1
      return next.subarray(0, index + 1)
    }
  }
  return Buffer.alloc(64, 0xff)
}

function createTransactor(reader: Reader, bytes: (table: TableInfo) => Bytes, onWrite: OnWrite): Transactor {
  const record = (table: TableInfo, key: Buffer, value: Buffer | null) => {
    if (table.mark === 'fold') onWrite(table, key, value)
  }
  return {
    ...reader,
    put: (table, key, row) => {
      const keyBytes = table.encodeKey(key)
      const value = table.codec.encode(row)
      record(table, keyBytes, value)
      bytes(table).putSync(keyBytes, value)
    },
    delete: (table, key) => {
      const keyBytes = table.encodeKey(key)
      record(table, keyBytes, null)
      bytes(table).removeSync(keyBytes)
    },
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import { open, type RootDatabase } from 'lmdb'
import { pendingWrites, type Rows } from '../../relay/store/pending-writes.ts'
import type { KeyOf } from './key.ts'
import { keyRange, lmdbRange } from './key-range.ts'
import type { TableInfo } from './table.ts'
import { databases, tables } from './tables.ts'
import type { Reader, Transactor } from './transaction.ts'
import { shortenWriteError } from './write-error.ts'

/** The open LMDB environment: the root for the writer, and typed access to every table. */
export type Environment = {
  readonly root: RootDatabase
  readonly reader: Reader
  /** For the writer's tasks, or inside a transaction of one's own. */
  readonly transactor: Transactor
  /** The raw database of a table, for what works on bytes: log, verify, migrations. */
  bytes(table: TableInfo): Rows
  close(): Promise<void>
}

/** LMDB's default of 126 readers is too few for further processes that read. */
const maxReaders = 512
const maxCloseMs = 2_000
/**
 * Of data that is made anew; LMDB keeps to what it finds. A disk takes hardly longer for 8 KiB than for 4, and a transaction
 * writes fewer of them, since those above the leaves are then few and shared.
 */
const pageBytes = 8_192

type Options = {
  directory: string
  mapSizeBytes: number
  /** Where another process may write, `openBeside` is what opens for reading. */
  readOnly?: boolean
  /** Whether the data may be lost with the machine: nothing waits for the disk. For what can be made again. */
  scratch?: boolean
}

/**
 * Opens (and, unless `readOnly`, creates) the environment in a directory. `mapSizeBytes` bounds the address space,
 * not the disk: the cap on data is the guard's. Throws when the directory cannot be used.
 */
export function openEnvironment(options: Options): Environment {
  const root = openRoot(options)
  const opened = new Map<string, Rows>()
  for (const table of Object.values(tables)) opened.set(table.name, pendingWrites(root).open(table.name))
  const bytes = (table: TableInfo): Rows => {
    const database = opened.get(table.name)
    if (database === undefined) throw new Error(`table ${table.name} is not declared in tables.ts`)
    return database
  }
  const reader = createReader(bytes)
  return {
    root,
    reader,
    bytes,
    transactor: createTransactor(reader, bytes),
    close: () => closeInTime(root),
  }
}

/**
 * Has an environment that no process has open go back to what was on disk when the power failed, if it did. LMDB does that
 * only for the first who opens it, and only if that one may write; a service that comes second would build on the rest.
 */
export async function dropUnflushed(options: { directory: string; mapSizeBytes: number }): Promise<void> {
  await openRoot(options).close()
}

function openRoot(options: Options): RootDatabase {
  shortenWriteError()
  return open({
    path: options.directory,
    noSubdir: false,
    mapSize: options.mapSizeBytes,
    maxDbs: databases.length,
    maxReaders,
    readOnly: options.readOnly ?? false,
    pageSize: pageBytes,
    noSync: options.scratch ?? false,
    // With it LMDB makes a promise of its own at every commit; of a failed one nobody could catch it, and that ends the process.
    eventTurnBatching: false,
    keyEncoding: 'binary',
    encoding: 'binary',
  })
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

function createReader(bytes: (table: TableInfo) => Rows): Reader {
  return {
    get: (table, key) => {
      const value = bytes(table).getBinaryFast(table.encodeKey(key))
      return value === undefined ? undefined : table.codec.decode(value)
    },
    has: (table, key) => bytes(table).getBinaryFast(table.encodeKey(key)) !== undefined,
    range: (table, prefix, options = {}) => {
      const page: { key: KeyOf<typeof table.parts>; row: ReturnType<typeof table.codec.decode> }[] = []
      for (const { key, value } of bytes(table).getRange(lmdbRange(keyRange(table, prefix, options), options.limit))) {
        page.push({ key: table.decodeKey(key), row: table.codec.decode(value) })
      }
      return page
    },
  }
}

function createTransactor(reader: Reader, bytes: (table: TableInfo) => Rows): Transactor {
  return {
    ...reader,
    put: (table, key, row) => void bytes(table).putSync(table.encodeKey(key), table.codec.encode(row)),
    delete: (table, key) => void bytes(table).removeSync(table.encodeKey(key)),
  }
}

import type { Rows } from '../../relay/store/pending-writes.ts'
import type { Environment } from '../../src/store/environment.ts'
import type { TableInfo } from '../../src/store/table.ts'

/** One row that changed, as bytes. */
export type RowChange = {
  readonly table: TableInfo
  readonly key: Buffer
  readonly before: Buffer | undefined
  readonly after: Buffer | undefined
}

/** An environment of LMDB that forgets, as a machine does that loses its power, what was not flushed. */
export type Journal = {
  readonly environment: Environment
  /** Runs something in a transaction; what it changed can be forgotten until it is flushed. Throws what `run` throws, without a trace. */
  commit(run: () => void): void
  /** The number of commits so far, for `flush`. */
  commits(): number
  /** Everything up to this commit is on disk. */
  flush(commit: number): void
  /** Forgets what is not on disk. */
  forget(): void
}

/** Makes the journal of an open environment. `changed` hears of every commit, and of what is forgotten the other way round. */
export function createJournal(
  inner: Environment,
  changed: (changes: readonly RowChange[], isForgotten: boolean) => void,
): Journal {
  let open: RowChange[] | null = null
  let number = 0
  let unflushed: { number: number; changes: RowChange[] }[] = []
  const wrapped = new Map<string, Rows>()

  const wrap = (table: TableInfo): Rows => {
    const bytes = inner.bytes(table)
    const record = (key: Buffer, after: Buffer | undefined) => {
      if (open === null) throw new Error(`a write to ${table.name} outside of the writer`)
      // Each key and row is encoded for its own write, and each that is read so is a copy.
      open.push({ table, key, before: bytes.getBinary(key), after })
    }
    const methods = {
      get: (key: Buffer) => bytes.get(key),
      getBinary: (key: Buffer) => bytes.getBinary(key),
      getBinaryFast: (key: Buffer) => bytes.getBinaryFast(key),
      getRange: (options: Parameters<Rows['getRange']>[0]) => bytes.getRange(options),
      putSync: (key: Buffer, value: Buffer) => {
        record(key, value)
        return bytes.putSync(key, value)
      },
      removeSync: (key: Buffer) => {
        record(key, undefined)
        return bytes.removeSync(key)
      },
    }
    return methods as unknown as Rows
  }
  const bytes = (table: TableInfo): Rows => {
    let one = wrapped.get(table.name)
    if (one === undefined) {
      one = wrap(table)
      wrapped.set(table.name, one)
    }
    return one
  }
  const environment: Environment = {
    ...inner,
    bytes,
    transactor: {
      ...inner.reader,
      put: (table, key, row) => void bytes(table).putSync(table.encodeKey(key), table.codec.encode(row)),
      delete: (table, key) => void bytes(table).removeSync(table.encodeKey(key)),
    },
  }

  return {
    environment,
    commit: run => {
      const changes: RowChange[] = []
      open = changes
      try {
        inner.root.transactionSync(run)
      } finally {
        open = null
      }
      unflushed.push({ number: ++number, changes })
      changed(changes, false)
    },
    commits: () => number,
    flush: commit => {
      unflushed = unflushed.filter(one => one.number > commit)
    },
    forget: () => {
      const undone = unflushed
        .flatMap(one => one.changes)
        .reverse()
        .map(({ table, key, before, after }) => ({ table, key, before: after, after: before }))
      unflushed = []
      inner.root.transactionSync(() => {
        for (const { table, key, after } of undone) {
          if (after === undefined) inner.bytes(table).removeSync(key)
          else inner.bytes(table).putSync(key, after)
        }
      })
      changed(undone, true)
    },
  }
}

import type { Environment } from '../../src/store/environment.ts'
import type { TableInfo } from '../../src/store/table.ts'
import { withToldWrites } from './told-writes.ts'

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

/**
 * Makes the journal of an open environment. `changed` hears of every commit, and of what is forgotten the other way round;
 * `undone` of a transaction of which nothing stays.
 */
export function createJournal(
  inner: Environment,
  undone: () => void,
  changed: (changes: readonly RowChange[], isForgotten: boolean) => void,
): Journal {
  let open: RowChange[] | null = null
  let number = 0
  let unflushed: { number: number; changes: RowChange[] }[] = []
  const environment = withToldWrites(inner, (table, key, after) => {
    if (open === null) throw new Error(`a write to ${table.name} outside of the writer`)
    // Each key and row is encoded for its own write, and each that is read so is a copy.
    open.push({ table, key, before: inner.bytes(table).getBinary(key), after })
  })

  return {
    environment,
    commit: run => {
      const changes: RowChange[] = []
      open = changes
      try {
        inner.root.transactionSync(run)
      } catch (error) {
        undone()
        throw error
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

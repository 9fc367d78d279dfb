import type { Environment } from './environment.ts'
import type { KeyPart } from './key.ts'
import { isInRange, keyRange } from './key-range.ts'
import type { Table, TableInfo } from './table.ts'
import type { RangeOptions, Transactor } from './transaction.ts'

/** A write as bytes; `value` is `null` for a removal. */
export type Write = { readonly table: TableInfo; readonly key: Buffer; value: Buffer | null }

/**
 * Writes that are not in the database yet: whoever throws or refuses before `write` leaves nothing behind. LMDB undoes a
 * child transaction too, but copies every page that the child touches.
 */
export type Change = {
  /** Reads the database as it will be. */
  readonly tx: Transactor
  /** What is to be written: each key once, in the order of its first write. */
  readonly writes: readonly Write[]
  /** Puts it all into the writer's transaction. */
  write(): void
}

/** Begins a change. */
export function openChange(environment: Environment): Change {
  const { reader } = environment
  const writes: Write[] = []
  /** By table, then by key; strings of single bytes, which sort as the bytes do. */
  const pending = new Map<string, Map<string, Write>>()

  const record = (table: TableInfo, key: Buffer, value: Buffer | null) => {
    let ofTable = pending.get(table.name)
    if (ofTable === undefined) {
      ofTable = new Map()
      pending.set(table.name, ofTable)
    }
    const name = key.toString('latin1')
    const known = ofTable.get(name)
    if (known !== undefined) {
      known.value = value
      return
    }
    const write = { table, key, value }
    ofTable.set(name, write)
    writes.push(write)
  }

  const tx: Transactor = {
    get: (table, key) => {
      const write = pending.get(table.name)?.get(table.encodeKey(key).toString('latin1'))
      if (write === undefined) return reader.get(table, key)
      return write.value === null ? undefined : table.codec.decode(write.value)
    },
    has: (table, key) => {
      const write = pending.get(table.name)?.get(table.encodeKey(key).toString('latin1'))
      return write === undefined ? reader.has(table, key) : write.value !== null
    },
    range: (table, prefix, options = {}) => {
      const ofTable = pending.get(table.name)
      return ofTable === undefined
        ? reader.range(table, prefix, options)
        : mergedRange(environment, ofTable, table, prefix, options)
    },
    put: (table, key, row) => record(table, table.encodeKey(key), table.codec.encode(row)),
    delete: (table, key) => record(table, table.encodeKey(key), null),
  }

  return {
    tx,
    writes,
    write: () => {
      for (const { table, key, value } of writes) {
        if (value === null) environment.bytes(table).removeSync(key)
        else environment.bytes(table).putSync(key, value)
      }
    },
  }
}

/** A range of what is stored, with the writes to its table in their places. */
function mergedRange<Parts extends readonly KeyPart[], Row>(
  { reader }: Environment,
  writes: ReadonlyMap<string, Write>,
  table: Table<Parts, Row>,
  prefix: readonly (string | number)[],
  options: RangeOptions,
) {
  const { limit, reverse = false } = options
  // Of what is stored, as many rows may be removed as there are writes.
  const stored = reader.range(table, prefix, limit === undefined ? options : { ...options, limit: limit + writes.size })
  const rows = new Map(stored.map(entry => [table.encodeKey(entry.key).toString('latin1'), entry]))
  const range = keyRange(table, prefix, options)
  for (const [name, { key, value }] of writes) {
    rows.delete(name)
    if (value !== null && isInRange(range, key)) {
      rows.set(name, { key: table.decodeKey(key), row: table.codec.decode(value) })
    }
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b === reverse ? 1 : -1)).map(([, entry]) => entry)
  return limit === undefined ? sorted : sorted.slice(0, limit)
}

import type { z } from 'zod'
import { decodeKey, encodeKey, type KeyOf, type KeyPart } from './key.ts'
import { type RowCodec, rowCodec } from './row-codec.ts'

/**
 * What a database is to the log: `log` is the truth itself, `fold` follows from the log and is compared by `verify`,
 * `local` belongs to this machine (views, attempts, cursors of loops) and may be lost without losing business state.
 */
export type TableMark = 'log' | 'fold' | 'local'

/** A database as far as its bytes go. */
export type TableInfo = { readonly name: string; readonly mark: TableMark; readonly parts: readonly KeyPart[] }

/** A database of rows: its name, its key and its row, all that is needed to read and write it. */
export type Table<Parts extends readonly KeyPart[], Row> = TableInfo & {
  readonly parts: Parts
  readonly codec: RowCodec<Row>
  encodeKey(key: KeyOf<Parts>): Buffer
  /** The bytes that all keys beginning with these values share. */
  encodePrefix(values: readonly (string | number)[]): Buffer
  decodeKey(bytes: Buffer): KeyOf<Parts>
}

/** Declares a table. The row schema serves for its type and its encoding. */
export function defineTable<const Parts extends readonly KeyPart[], Schema extends z.ZodType>(declaration: {
  name: string
  mark: TableMark
  key: Parts
  row: Schema
}): Table<Parts, z.infer<Schema>> {
  const { name, mark, key: parts } = declaration
  return {
    name,
    mark,
    parts,
    codec: rowCodec(declaration.row),
    encodeKey: key => {
      if (key.length !== parts.length) throw new Error(`a key of ${name} has ${parts.length} parts`)
      return encodeKey(parts, key)
    },
    encodePrefix: values => encodeKey(parts, values),
    decodeKey: bytes => decodeKey(parts, bytes) as unknown as KeyOf<Parts>,
  }
}

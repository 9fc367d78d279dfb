import type { KeyOf, KeyPart } from './key.ts'
import type { Table } from './table.ts'

/** How much of a range to read, and from where. */
export type RangeOptions = {
  readonly limit?: number
  readonly reverse?: boolean
  /** Only keys after this one (before it, in reverse): where the previous page ended. */
  readonly after?: readonly (string | number)[]
  /** Only keys whose first parts are at most these; compared after the prefix. */
  readonly upTo?: readonly (string | number)[]
}

/** Reads rows. Ranges are short and consumed at once: nothing is held across an `await`. */
export interface Reader {
  get<Parts extends readonly KeyPart[], Row>(table: Table<Parts, Row>, key: KeyOf<Parts>): Row | undefined
  has<Parts extends readonly KeyPart[], Row>(table: Table<Parts, Row>, key: KeyOf<Parts>): boolean
  /** The rows whose key begins with `prefix`, in key order. */
  range<Parts extends readonly KeyPart[], Row>(
    table: Table<Parts, Row>,
    prefix: readonly (string | number)[],
    options?: RangeOptions,
  ): { key: KeyOf<Parts>; row: Row }[]
}

/** Reads and writes rows inside the writer's transaction. */
export interface Transactor extends Reader {
  put<Parts extends readonly KeyPart[], Row>(table: Table<Parts, Row>, key: KeyOf<Parts>, row: Row): void
  delete<Parts extends readonly KeyPart[], Row>(table: Table<Parts, Row>, key: KeyOf<Parts>): void
}

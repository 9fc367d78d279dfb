import { type Rejection, reject } from '../rejections.ts'
import type { Table } from '../store/table.ts'
import type { Reader } from '../store/transaction.ts'
import { isOperator, type Viewer } from './context.ts'

/** A table of what belongs to accounts, by id. `name` is what a row of it is called in refusals. */
type Owned<Row> = { readonly table: Table<readonly ['ref'], Row>; readonly name: string }

/** The row of an id if it is the caller's own, or why it is not to be had. */
export function ownRow<Row extends { account: string }>(
  reader: Reader,
  owned: Owned<Row>,
  id: string,
  caller: string,
): Row | Rejection {
  return rowOf(reader, owned, id, account => account === caller)
}

/** The same for what operators may see of every account. */
export function visibleRow<Row extends { account: string }>(
  reader: Reader,
  owned: Owned<Row>,
  id: string,
  { author, settings }: Viewer,
): Row | Rejection {
  return rowOf(reader, owned, id, account => account === author || isOperator(settings, author))
}

function rowOf<Row extends { account: string }>(
  reader: Reader,
  { table, name }: Owned<Row>,
  id: string,
  maySee: (account: string) => boolean,
): Row | Rejection {
  const row = reader.get(table, [id])
  if (row === undefined) return reject('NOT_FOUND', `there is no such ${name}`)
  return maySee(row.account) ? row : reject('UNAUTHORIZED', `this ${name} belongs to another account`)
}

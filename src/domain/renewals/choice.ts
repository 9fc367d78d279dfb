import { formatIdentifier, type Identifier } from '../../protocol/names.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { list, unlist } from '../listing.ts'
import { schedule } from '../schedule.ts'

export type Renewal = RowOf<'renewals'>

/** Records how a name is renewed by itself, and has it tried at `nextTryAt`. */
export function putRenewal(tx: Transactor, identifier: Identifier, renewal: Renewal): void {
  const full = formatIdentifier(identifier)
  tx.put(tables.renewals, [identifier.domain, identifier.name], renewal)
  list(tx, renewal.owner, 'renewal', { time: 0, id: full })
  schedule(tx, renewal.nextTryAt, 'renewal-try', full)
}

/** Ends that a name is renewed by itself, if it is; what is being paid for it goes on. */
export function endRenewal(tx: Transactor, identifier: Identifier): void {
  const renewal = tx.get(tables.renewals, [identifier.domain, identifier.name])
  if (renewal === undefined) return
  tx.delete(tables.renewals, [identifier.domain, identifier.name])
  unlist(tx, renewal.owner, 'renewal', { time: 0, id: formatIdentifier(identifier) })
}

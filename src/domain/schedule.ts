import { tables } from '../store/tables.ts'
import type { Transactor } from '../store/transaction.ts'

/** What can fall due. `clock.advance` hands each to its handler. */
export type DueKind =
  | 'command-deadline'
  | 'invoice-deadline'
  | 'order-expiry'
  | 'lapsed-hold-end'
  | 'identifier-notice'
  | 'identifier-expiry'
  | 'identifier-release'
  | 'renewal-try'

/** Puts something on the time index; the same thing at the same time twice is one entry. */
export function schedule(tx: Transactor, time: number, kind: DueKind, id: string): void {
  tx.put(tables.due, [time, kind, id], {})
}

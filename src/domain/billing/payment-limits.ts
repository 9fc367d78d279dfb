import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'

type Counts = RowOf<'paymentCounts'>

/**
 * How many payments of one account may be under way. Each is asked about until somebody says what became of it, and there are
 * places for few at once: one customer must not have them all.
 */
const most: Counts = { withdrawals: 8, byWallet: 8 }
const none: Counts = { withdrawals: 0, byWallet: 0 }

/** Whether as many payments of a kind as there may be are under way for an account. */
export function isAtLimit(reader: Reader, account: string, kind: keyof Counts): boolean {
  return countsOf(reader, account)[kind] >= most[kind]
}

/** Counts a payment that begins (1) or has ended (-1). */
export function countPayment(tx: Transactor, account: string, kind: keyof Counts, change: 1 | -1): void {
  const before = countsOf(tx, account)
  const counts = { ...before, [kind]: before[kind] + change }
  if (counts[kind] < 0) throw new Error(`fewer than no payments of ${account}`)
  if (counts.withdrawals + counts.byWallet === 0) tx.delete(tables.paymentCounts, [account])
  else tx.put(tables.paymentCounts, [account], counts)
}

function countsOf(reader: Reader, account: string): Counts {
  return reader.get(tables.paymentCounts, [account]) ?? none
}

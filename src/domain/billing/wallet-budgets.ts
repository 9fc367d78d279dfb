import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'

/**
 * What a customer's connected wallet may spend on renewals: so much in so many days, over all names that it renews. What is
 * planned or not known counts as spent; what failed does not.
 */

export type WalletBudget = RowOf<'walletBudgets'>
type Connection = { readonly account: string; readonly handle: string }

const daySeconds = 86_400

/** The budget of a wallet connection as it is now, in its present period; `undefined`: it has none. */
export function budgetOf(reader: Reader, { account, handle }: Connection, time: number): WalletBudget | undefined {
  const budget = reader.get(tables.walletBudgets, [account, handle])
  if (budget === undefined || time < periodEnd(budget)) return budget
  return { ...budget, since: time, usedMsat: 0 }
}

/** When the present period of a budget ends. */
export function periodEnd({ since, days }: WalletBudget): number {
  return since + days * daySeconds
}

/** Counts a payment against the budget, which has room for it. Says in which period, by its beginning. */
export function takeFromBudget(tx: Transactor, connection: Connection, time: number, amountMsat: number): number {
  const budget = budgetOf(tx, connection, time)
  if (budget === undefined || budget.usedMsat + amountMsat > budget.budgetMsat) throw new Error('a budget is exceeded')
  put(tx, connection, { ...budget, usedMsat: budget.usedMsat + amountMsat })
  return budget.since
}

/** Whether what was counted in a period may still be paid: it is not over, and the budget was neither ended nor cut below it since. */
export function isStillCovered(reader: Reader, { account, handle }: Connection, since: number | null): boolean {
  const budget = reader.get(tables.walletBudgets, [account, handle])
  return budget !== undefined && budget.since === since && budget.usedMsat <= budget.budgetMsat
}

/** What was counted in a period does not count any more (negative), or does again; of a period that is over nothing is kept. */
export function adjustBudget(tx: Transactor, connection: Connection, since: number, changeMsat: number): void {
  const budget = tx.get(tables.walletBudgets, [connection.account, connection.handle])
  if (budget === undefined || budget.since !== since) return
  // A budget that was ended and set anew in the same second has counted nothing.
  put(tx, connection, { ...budget, usedMsat: Math.max(0, budget.usedMsat + changeMsat) })
}

function put(tx: Transactor, { account, handle }: Connection, budget: WalletBudget): void {
  tx.put(tables.walletBudgets, [account, handle], budget)
}

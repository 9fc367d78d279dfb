import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { balanceOf, customerAccount, post, reservedAccount } from './ledger.ts'

/** The part of an order's price that its customer's balance pays, the rest coming by invoice. */
type Credited = { readonly account: string; readonly creditMsat: number }

const msatPerSat = 1_000

/**
 * How much of a price the balance pays when a customer offers so much of it: at most the price, and so that whole satoshis
 * are left to pay by invoice.
 */
export function creditFor(totalMsat: number, offeredMsat: number): number {
  const restMsat = Math.max(0, totalMsat - offeredMsat)
  return Math.max(0, totalMsat - wholeSatoshis(restMsat))
}

/** Rounded up to whole satoshis: many wallets can pay nothing smaller. */
export function wholeSatoshis(amountMsat: number): number {
  return Math.ceil(amountMsat / msatPerSat) * msatPerSat
}

/** Sets an order's part of the balance aside; `false`: there is not so much. */
export function reserveCredit(tx: Transactor, context: Context, orderId: string, order: Credited): boolean {
  const { account, creditMsat: amountMsat } = order
  if (amountMsat === 0) return true
  const debit = customerAccount(account)
  if (balanceOf(tx, debit) < amountMsat) return false
  post(tx, context, { debit, credit: reservedAccount, amountMsat, reason: 'credit', orderId })
  return true
}

/** Sets more or less aside, so that it comes to `creditMsat`; `false`: there is not so much. */
export function changeCredit(
  tx: Transactor,
  context: Context,
  orderId: string,
  { account, creditMsat: beforeMsat }: Credited,
  creditMsat: number,
): boolean {
  if (creditMsat >= beforeMsat) {
    return reserveCredit(tx, context, orderId, { account, creditMsat: creditMsat - beforeMsat })
  }
  const [debit, credit, amountMsat] = [reservedAccount, customerAccount(account), beforeMsat - creditMsat]
  // Another reason than of what is given back at the end, which may be in the same command.
  post(tx, context, { debit, credit, amountMsat, reason: 'credit unused', orderId })
  return true
}

/** Gives back what was set aside. */
export function releaseCredit(tx: Transactor, context: Context, orderId: string, order: Credited): void {
  const { account, creditMsat: amountMsat } = order
  if (amountMsat === 0) return
  post(tx, context, {
    debit: reservedAccount,
    credit: customerAccount(account),
    amountMsat,
    reason: 'credit back',
    orderId,
  })
}

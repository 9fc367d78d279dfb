import { z } from 'zod'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef } from '../context.ts'
import { list } from '../listing.ts'
import { customerAccount, feesAccount, post, walletAccount, withdrawalsAccount } from './ledger.ts'
import { presentOrder } from './orders.ts'
import { countPayment } from './payment-limits.ts'

export type Withdrawal = RowOf<'withdrawals'>

/** A withdrawal together with its id. */
export type Made = { readonly withdrawalId: string; readonly withdrawal: Withdrawal }

/** What became of paying an invoice for a customer. */
export const paymentOutcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('paid'), preimage: z.string().max(64), feeMsat: z.int().min(0) }),
  z.strictObject({ status: z.literal('failed'), reason: z.string().max(256) }),
])

/** What a withdrawal looks like to its customer. */
export function presentWithdrawal(withdrawalId: string, withdrawal: Withdrawal): object {
  const { account: _, ...shown } = withdrawal
  return { id: withdrawalId, ...shown }
}

/** Takes the amount and the most that the fee may be from a balance. The caller has seen that it covers both. */
export function openWithdrawal(
  tx: Transactor,
  context: Context,
  wanted: Omit<Withdrawal, 'feeMsat' | 'preimage' | 'reason' | 'createdAt'>,
): Made {
  const withdrawalId = deriveRef(context, 'withdrawal')
  const withdrawal: Withdrawal = { ...wanted, feeMsat: null, preimage: null, reason: null, createdAt: context.time }
  tx.put(tables.withdrawals, [withdrawalId], withdrawal)
  countPayment(tx, withdrawal.account, 'withdrawals', 1)
  list(tx, withdrawal.account, 'withdrawal', { time: context.time, id: withdrawalId })
  const amountMsat = withdrawal.amountMsat + withdrawal.maxFeeMsat
  const between = { debit: customerAccount(withdrawal.account), credit: withdrawalsAccount }
  move(tx, context, { withdrawalId, withdrawal }, { ...between, amountMsat, reason: 'withdrawal' })
  return { withdrawalId, withdrawal }
}

/** Books what became of a withdrawal, once: what was not spent is the customer's again. */
export function endWithdrawal(
  tx: Transactor,
  context: Context,
  withdrawalId: string,
  outcome: z.output<typeof paymentOutcome>,
): void {
  const withdrawal = tx.get(tables.withdrawals, [withdrawalId])
  if (withdrawal === undefined) throw new Error(`no withdrawal ${withdrawalId} was asked for`)
  if (withdrawal.status === 'paid' || withdrawal.status === 'failed') return
  const isPaid = outcome.status === 'paid'
  if (isPaid && withdrawal.status !== 'paying') throw new Error(`withdrawal ${withdrawalId} had nothing to pay`)
  const { account, amountMsat, maxFeeMsat } = withdrawal
  const spentMsat = isPaid ? amountMsat + outcome.feeMsat : 0
  const backMsat = amountMsat + maxFeeMsat - spentMsat
  // A wallet that paid more than it was allowed has spent the operator's money, not the customer's.
  const coveredMsat = Math.max(0, -backMsat)
  const made = { withdrawalId, withdrawal }
  const book = (debit: string, credit: string, bookedMsat: number, reason: string) => {
    if (bookedMsat > 0) move(tx, context, made, { debit, credit, amountMsat: bookedMsat, reason })
  }
  book(withdrawalsAccount, walletAccount, spentMsat - coveredMsat, 'paid')
  book(feesAccount, walletAccount, coveredMsat, 'fee over the limit')
  book(withdrawalsAccount, customerAccount(account), backMsat, 'not spent')
  const ended: Withdrawal = isPaid
    ? { ...withdrawal, status: 'paid', feeMsat: outcome.feeMsat, preimage: outcome.preimage }
    : { ...withdrawal, status: 'failed', reason: outcome.reason }
  tx.put(tables.withdrawals, [withdrawalId], ended)
  countPayment(tx, account, 'withdrawals', -1)
  const body = { withdrawal: presentWithdrawal(withdrawalId, ended) }
  context.emit({ kind: 'notice', type: `withdrawal.${ended.status}`, to: account, about: null, body })
  if (isPaid) tellOfRefund(tx, context, { withdrawalId, withdrawal: ended })
}

/** The money of an order has left for the address that its customer named. */
function tellOfRefund(tx: Transactor, context: Context, { withdrawalId, withdrawal }: Made): void {
  const { orderId, account, amountMsat, lightningAddress: to } = withdrawal
  if (orderId === null) return
  const order = tx.get(tables.orders, [orderId])
  if (order === undefined) throw new Error(`withdrawal ${withdrawalId} is the refund of no order`)
  const body = { order: presentOrder(orderId, order), amountMsat, to, withdrawalId }
  context.emit({ kind: 'notice', type: 'order.refunded', to: account, about: order.commandId, body })
}

function move(
  tx: Transactor,
  context: Context,
  { withdrawalId, withdrawal: { orderId } }: Made,
  posting: { debit: string; credit: string; amountMsat: number; reason: string },
): void {
  post(tx, context, { ...posting, reason: `${posting.reason}:${withdrawalId}`, orderId })
}

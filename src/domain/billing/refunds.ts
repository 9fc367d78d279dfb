import { isRejection, type Rejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { sendableMsat } from './fee-reserve.ts'
import { customerAccount, post } from './ledger.ts'
import { type Order, presentOrder, revenuesOf } from './orders.ts'
import { isAtLimit } from './payment-limits.ts'
import { withdrawToAddress } from './withdraw.ts'
import { type Made, presentWithdrawal } from './withdrawals.ts'

/**
 * Sends on money of an order that is on its customer's balance, to the address that the order names; the fee comes out of
 * it, and what cannot be sent stays on the balance. `null`: there is nothing to send; a refusal says why it is not sent, for
 * the customer, who can withdraw it later.
 */
export function sendBack(
  tx: Transactor,
  context: Context,
  orderId: string,
  { account, refundTo: lightningAddress }: Order,
  creditedMsat: number,
): Made | Rejection | null {
  const amountMsat = sendableMsat(context.settings, creditedMsat)
  if (lightningAddress === null || amountMsat === 0) return null
  if (isAtLimit(tx, account, 'withdrawals')) {
    return reject('LIMIT_REACHED', 'several withdrawals of yours are under way: this one stays on the balance')
  }
  const settled = { maxFeeMsat: undefined, comment: undefined }
  const made = withdrawToAddress(tx, context, { account, lightningAddress, amountMsat, ...settled, orderId })
  if (isRejection(made)) throw new Error(`what was credited for order ${orderId} is not on the balance`)
  return made
}

/** What a customer is told of money that was to be sent back. */
export function presentSent(sent: Made | Rejection | null): object {
  if (sent === null) return {}
  if (isRejection(sent)) return { notSent: { code: sent.code, message: sent.message } }
  return { withdrawal: presentWithdrawal(sent.withdrawalId, sent.withdrawal) }
}

/**
 * Gives the price of a fulfilled order back to its customer, once, and sends it on if the order says where to. What was
 * handed over stays with the customer, as do the reward of whoever brought the customer and the use of a coupon.
 */
export function refundOrder(
  tx: Transactor,
  context: Context,
  orderId: string,
  reason: string,
): { order: Order; refundedMsat: number; sent: Made | Rejection | null } | Rejection {
  const order = tx.get(tables.orders, [orderId])
  if (order === undefined) return reject('NOT_FOUND', 'there is no such order')
  if (order.status === 'refunded') return reject('CONFLICT', 'this order has been refunded')
  if (order.status !== 'fulfilled')
    return reject('CONFLICT', `this order is ${order.status}: nothing was charged for it`)
  const { account } = order
  let refundedMsat = 0
  for (const [debit, amountMsat] of revenuesOf(context, orderId, order)) {
    refundedMsat += amountMsat
    post(tx, context, { debit, credit: customerAccount(account), amountMsat, reason: `refund:${debit}`, orderId })
  }
  if (refundedMsat === 0) return reject('CONFLICT', 'nothing was charged for this order')
  const refunded: Order = { ...order, status: 'refunded' }
  tx.put(tables.orders, [orderId], refunded)
  const sent = sendBack(tx, context, orderId, refunded, refundedMsat)
  const notSent = isRejection(sent) ? presentSent(sent) : {}
  const body = { order: presentOrder(orderId, refunded), amountMsat: refundedMsat, to: 'balance', reason, ...notSent }
  context.emit({ kind: 'notice', type: 'order.refunded', to: account, about: order.commandId, body })
  return { order: refunded, refundedMsat, sent }
}

import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { countCouponUse } from './coupons.ts'
import { releaseCredit, reserveCredit } from './credit.ts'
import { customerAccount, post } from './ledger.ts'
import { giveUpReplacement, withdrawInvoiceOf } from './order-invoice.ts'
import { hasEnded, isUnpaid, itemsOf, type Order, revenuesOf, usesCoupon } from './orders.ts'
import { countPurchase } from './referrals.ts'
/**
 * Charges the customer's balance, to which `receivedMsat` have just come by the order's invoice, and hands over every item.
 * The caller has found neither obstacle nor want of money.
 */
export function fulfilOrder(tx: Transactor, context: Context, orderId: string, order: Order, receivedMsat = 0): Order {
  if (!usesCoupon(order)) countCouponUse(tx, order.coupon, order.account, 1)
  if (!hasEnded(order)) releaseCredit(tx, context, orderId, order)
  for (const [sellable, ordered] of itemsOf(context, orderId, order)) {
    sellable.release(ordered, false, tx, context)
    sellable.fulfil(ordered, tx, context)
  }
  const revenues = revenuesOf(context, orderId, order)
  for (const [credit, amountMsat] of revenues) {
    post(tx, context, { debit: customerAccount(order.account), credit, amountMsat, reason: `sale:${credit}`, orderId })
  }
  if (revenues.size > 0) countPurchase(tx, context, orderId, order)
  const fulfilled: Order = {
    ...order,
    status: 'fulfilled',
    fulfilledAt: context.time,
    invoicedMsat: Math.min(receivedMsat, order.totalMsat),
  }
  tx.put(tables.orders, [orderId], fulfilled)
  return fulfilled
}

/** Keeps an order's things for it while its payment is taken. The caller has found no obstacle. */
export function claimOrder(tx: Transactor, context: Context, orderId: string, order: Order): void {
  for (const [sellable, ordered] of itemsOf(context, orderId, order)) sellable.claim(ordered, tx, context)
  if (!usesCoupon(order)) countCouponUse(tx, order.coupon, order.account, 1)
  if (hasEnded(order) && !reserveCredit(tx, context, orderId, order)) {
    throw new Error('an order was claimed that cannot be paid')
  }
  tx.put(tables.orders, [orderId], { ...order, status: 'accepted' })
}

/** Gives back what an order holds, its invoice too, and ends it unpaid. The caller has seen that it is. */
export function endOrder(
  tx: Transactor,
  context: Context,
  orderId: string,
  before: Order,
  status: 'expired' | 'cancelled',
): Order {
  const order = giveUpReplacement(tx, context, orderId, before, reject('CONFLICT', `the order is ${status}`))
  // Who cancels while the invoice is being made could have paid it; where it cannot be made, nobody could.
  const lapsed = order.status === 'invoiced' || status === 'cancelled'
  for (const [sellable, ordered] of itemsOf(context, orderId, order)) sellable.release(ordered, lapsed, tx, context)
  releaseCredit(tx, context, orderId, order)
  if (usesCoupon(order)) countCouponUse(tx, order.coupon, order.account, -1)
  const ended: Order = { ...order, status }
  tx.put(tables.orders, [orderId], ended)
  withdrawInvoiceOf(tx, context, ended)
  return ended
}

/** Ends an order that was paid and cannot be fulfilled: the money stays on the balance. */
export function loseOrder(tx: Transactor, context: Context, orderId: string, order: Order): Order {
  if (!hasEnded(order)) {
    for (const [sellable, ordered] of itemsOf(context, orderId, order)) sellable.release(ordered, false, tx, context)
    releaseCredit(tx, context, orderId, order)
    if (usesCoupon(order)) countCouponUse(tx, order.coupon, order.account, -1)
  }
  const lost: Order = { ...order, status: 'credited' }
  tx.put(tables.orders, [orderId], lost)
  return lost
}

/** Ends an order that nobody has paid; any other stays as it is. */
export function expireOrder(tx: Transactor, context: Context, orderId: string): void {
  const order = tx.get(tables.orders, [orderId])
  if (order !== undefined && isUnpaid(order)) endOrder(tx, context, orderId, order, 'expired')
}

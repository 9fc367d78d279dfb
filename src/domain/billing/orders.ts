import { z } from 'zod'
import { amountMsat, lightningAddress } from '../../protocol/fields.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import type { Item } from '../../store/money-tables.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef, type Handled, ok } from '../context.ts'
import { list } from '../listing.ts'
import { schedule } from '../schedule.ts'
import { applyCoupon, countCouponUse, couponObstacle } from './coupons.ts'
import { creditFor, releaseCredit, reserveCredit, wholeSatoshis } from './credit.ts'
import { requestInvoice } from './invoices.ts'
import { balanceOf, customerAccount, post } from './ledger.ts'
import { ratesOf } from './rates.ts'
import { countPurchase } from './referrals.ts'
import type { Ordered, Sellable } from './sellable.ts'

export type Order = RowOf<'orders'>

/** How an order shall be paid. */
export type Payment = {
  readonly pay: 'invoice' | 'balance'
  /** How much of the price the balance shall pay, the rest coming by invoice. */
  readonly creditMsat?: number | undefined
  readonly coupon?: string | undefined
  /** A Lightning address that gets what is paid in vain or given back. */
  readonly refundTo?: string | undefined
}

/** How to pay, among the params of whatever places an order. */
export const paymentParams = {
  pay: z.enum(['invoice', 'balance']).default('invoice'),
  creditMsat: amountMsat.optional(),
  coupon: z
    .string()
    .max(32)
    .transform(code => code.toUpperCase())
    .optional(),
  refundTo: lightningAddress.optional(),
}

/** What an order looks like to its customer. */
export function presentOrder(orderId: string, order: Order): object {
  const { status, items, totalMsat, creditMsat, createdAt, invoiceId, held, coupon, rates, refundTo } = order
  return {
    id: orderId,
    status,
    items,
    totalMsat,
    createdAt,
    held,
    ...(creditMsat === 0 ? {} : { creditMsat }),
    ...(coupon === null ? {} : { coupon }),
    ...(rates.length === 0 ? {} : { rates }),
    ...(refundTo === null ? {} : { refundTo }),
    ...(invoiceId === null ? {} : { invoiceId }),
  }
}

/**
 * Places an order for the author. From the balance it is paid and fulfilled at once; by invoice the things are held,
 * as far as holds are not used up, and the result waits for the invoice.
 */
export function placeOrder(
  tx: Transactor,
  context: Context,
  wanted: Payment & { items: Item[]; description: string },
): Handled {
  const orderId = deriveRef(context, 'order')
  const { coupon = null } = wanted
  const items = coupon === null ? wanted.items : applyCoupon(tx, context, coupon, wanted.items)
  if (isRejection(items)) return items
  let totalMsat = 0
  for (const item of items) totalMsat += item.totalMsat
  const creditMsat = wanted.pay === 'balance' ? 0 : creditFor(totalMsat, wanted.creditMsat ?? 0)
  const order: Order = {
    status: 'held',
    account: context.author,
    commandId: context.commandId,
    items,
    totalMsat,
    createdAt: context.time,
    invoiceId: null,
    held: false,
    coupon,
    creditMsat,
    rates: ratesOf(
      tx,
      items.flatMap(({ lines }) => lines),
    ),
    fulfilledAt: null,
    invoicedMsat: 0,
    refundTo: wanted.refundTo ?? null,
  }
  list(tx, order.account, 'order', { time: order.createdAt, id: orderId })
  if (wanted.pay === 'balance' || totalMsat === creditMsat) {
    const paid = payFromBalance(tx, context, orderId, { ...order, creditMsat: 0 })
    return isRejection(paid) ? paid : ok({ order: presentOrder(orderId, paid) })
  }
  if (!reserveCredit(tx, context, orderId, order)) return lacksBalance(tx, order, creditMsat)
  const { invoiceExpirySeconds, holdSlackSeconds, commandDeadlineSeconds } = context.settings.orders
  const until = context.time + commandDeadlineSeconds + invoiceExpirySeconds + holdSlackSeconds
  let held = context.mayHold
  if (context.mayHold) {
    for (const [sellable, ordered] of itemsOf(context, orderId, order)) {
      if (!sellable.hold(ordered, until, tx, context)) held = false
    }
  }
  // Money that stays the customer's own need not wait: nothing can keep it from being useful.
  const hold = itemsOf(context, orderId, order).some(([sellable]) => sellable.revenue !== null)
  const { description } = wanted
  const restMsat = totalMsat - creditMsat
  // What is converted seldom comes to whole satoshis; what is paid too much stays on the balance.
  const amountMsat = order.rates.length === 0 ? restMsat : wholeSatoshis(restMsat)
  const invoiceId = requestInvoice(tx, context, { orderId, amountMsat, description, hold })
  tx.put(tables.orders, [orderId], { ...order, invoiceId, held })
  schedule(tx, context.time + commandDeadlineSeconds, 'command-deadline', context.commandId)
  return { status: 'pending', orderId }
}

/** Pays an order from its customer's balance and fulfils it. Refuses without changing anything. */
export function payFromBalance(tx: Transactor, context: Context, orderId: string, order: Order): Order | Rejection {
  if (balanceOf(tx, customerAccount(order.account)) + order.creditMsat < order.totalMsat) {
    return lacksBalance(tx, order, order.totalMsat)
  }
  const obstacle = findObstacle(tx, context, orderId, order)
  return obstacle ?? fulfilOrder(tx, context, orderId, order)
}

function lacksBalance(tx: Transactor, { account, totalMsat }: Order, neededMsat: number): Rejection {
  const balanceMsat = balanceOf(tx, customerAccount(account))
  const details = { balanceMsat, totalMsat, neededMsat }
  return reject('INSUFFICIENT_BALANCE', 'the balance does not cover the price', details)
}

/** The first reason why an order's things cannot be handed over now, or not at its price. */
export function findObstacle(tx: Transactor, context: Context, orderId: string, order: Order): Rejection | null {
  for (const [sellable, ordered] of itemsOf(context, orderId, order)) {
    const obstacle = sellable.obstacle(ordered, tx, context)
    if (obstacle !== null) return obstacle
  }
  return usesCoupon(order) ? null : couponObstacle(tx, context, order.coupon, order.account)
}

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

/** What an order brings, by the account of revenue that it goes to. */
export function revenuesOf(context: Context, orderId: string, order: Order): Map<string, number> {
  const revenues = new Map<string, number>()
  for (const [{ revenue }, , { totalMsat }] of itemsOf(context, orderId, order)) {
    if (revenue !== null && totalMsat > 0) revenues.set(revenue, (revenues.get(revenue) ?? 0) + totalMsat)
  }
  return revenues
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

/** Gives back what an order holds and ends it unpaid. The caller has seen that it is. */
export function endOrder(
  tx: Transactor,
  context: Context,
  orderId: string,
  order: Order,
  status: 'expired' | 'cancelled',
): Order {
  for (const [sellable, ordered] of itemsOf(context, orderId, order)) {
    sellable.release(ordered, order.status === 'invoiced', tx, context)
  }
  releaseCredit(tx, context, orderId, order)
  if (usesCoupon(order)) countCouponUse(tx, order.coupon, order.account, -1)
  const ended: Order = { ...order, status }
  tx.put(tables.orders, [orderId], ended)
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

/** Whether its coupon counts as used by an order that is not fulfilled: its payment is being taken. */
function usesCoupon({ status }: Order): boolean {
  return status === 'accepted'
}

/** Whether an order has given back its part of the balance. */
export function hasEnded({ status }: Order): boolean {
  return status === 'expired' || status === 'cancelled'
}

/** Whether an order waits for somebody to pay it. */
export function isUnpaid({ status }: Order): boolean {
  return status === 'held' || status === 'invoiced'
}

/** Ends an order that nobody has paid; any other stays as it is. */
export function expireOrder(tx: Transactor, context: Context, orderId: string): void {
  const order = tx.get(tables.orders, [orderId])
  if (order !== undefined && isUnpaid(order)) endOrder(tx, context, orderId, order, 'expired')
}

function itemsOf(context: Context, orderId: string, order: Order): [Sellable, Ordered, Item][] {
  return order.items.map(item => {
    const sellable = context.sellables.get(item.sellable)
    if (sellable === undefined) throw new Error(`nobody sells ${item.sellable}`)
    return [sellable, { orderId, account: order.account, params: item.params }, item]
  })
}

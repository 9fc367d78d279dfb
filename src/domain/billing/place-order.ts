import { z } from 'zod'
import { amountMsat, lightningAddress } from '../../protocol/fields.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import type { Item } from '../../store/money-tables.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef, type Handled, ok } from '../context.ts'
import { list } from '../listing.ts'
import { schedule } from '../schedule.ts'
import { applyCoupon } from './coupons.ts'
import { creditFor, reserveCredit, wholeSatoshis } from './credit.ts'
import { invoiceExcess, requestInvoice } from './invoices.ts'
import { balanceOf, customerAccount } from './ledger.ts'
import { fulfilOrder } from './order-outcomes.ts'
import { findObstacle, itemsOf, type Order, presentOrder } from './orders.ts'
import { ratesOf } from './rates.ts'
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
  const excess = invoiceExcess(context, amountMsat)
  if (excess !== null) return excess
  const invoiceId = requestInvoice(tx, context, {
    orderId,
    amountMsat,
    creditMsat,
    replaces: null,
    description,
    expirySeconds: invoiceExpirySeconds,
    hold,
  })
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

/** Why the balance cannot pay so much of an order. */
export function lacksBalance(tx: Transactor, { account, totalMsat }: Order, neededMsat: number): Rejection {
  const balanceMsat = balanceOf(tx, customerAccount(account))
  const details = { balanceMsat, totalMsat, neededMsat }
  return reject('INSUFFICIENT_BALANCE', 'the balance does not cover the price', details)
}

import type { Rejection } from '../../rejections.ts'
import type { Item } from '../../store/money-tables.ts'
import type { RowOf } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { couponObstacle } from './coupons.ts'
import type { Ordered, Sellable } from './sellable.ts'

export type Order = RowOf<'orders'>

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

/** The first reason why an order's things cannot be handed over now, or not at its price. */
export function findObstacle(tx: Transactor, context: Context, orderId: string, order: Order): Rejection | null {
  for (const [sellable, ordered] of itemsOf(context, orderId, order)) {
    const obstacle = sellable.obstacle(ordered, tx, context)
    if (obstacle !== null) return obstacle
  }
  return usesCoupon(order) ? null : couponObstacle(tx, context, order.coupon, order.account)
}

/** What an order brings, by the account of revenue that it goes to. */
export function revenuesOf(context: Context, orderId: string, order: Order): Map<string, number> {
  const revenues = new Map<string, number>()
  for (const [{ revenue }, , { totalMsat }] of itemsOf(context, orderId, order)) {
    if (revenue !== null && totalMsat > 0) revenues.set(revenue, (revenues.get(revenue) ?? 0) + totalMsat)
  }
  return revenues
}

/** Whether its coupon counts as used by an order that is not fulfilled: its payment is being taken. */
export function usesCoupon({ status }: Order): boolean {
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

/** What an order is for, each thing with who sells it. */
export function itemsOf(context: Context, orderId: string, order: Order): [Sellable, Ordered, Item][] {
  return order.items.map(item => {
    const sellable = context.sellables.get(item.sellable)
    if (sellable === undefined) throw new Error(`nobody sells ${item.sellable}`)
    return [sellable, { orderId, account: order.account, params: item.params }, item]
  })
}

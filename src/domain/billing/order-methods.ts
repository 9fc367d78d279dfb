import { z } from 'zod'
import { page, ref } from '../../protocol/fields.ts'
import { isRejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { ownRow, visibleRow } from '../owned-row.ts'
import { fitPage } from '../page.ts'
import { resolvePending } from '../pending.ts'
import { endOrder } from './order-outcomes.ts'
import { isUnpaid, presentOrder } from './orders.ts'
import { orderView } from './views.ts'
export const orderCancel = defineCommand({
  name: 'order.cancel',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Gives up an order of the caller that is not paid; what is paid for it all the same goes to the balance.',
  params: z.strictObject({ orderId: ref }),
  result: z.object({ order: orderView }),
  handle: ({ orderId }, tx, context) => {
    const order = ownRow(tx, { table: tables.orders, name: 'order' }, orderId, context.author)
    if (isRejection(order)) return order
    if (order.status === 'expired' || order.status === 'cancelled') return reject('CONFLICT', 'this order is over')
    if (!isUnpaid(order)) return reject('ALREADY_PAID', 'this order is paid')
    const cancelled = endOrder(tx, context, orderId, order, 'cancelled')
    resolvePending(
      tx,
      context,
      order.commandId,
      reject('CONFLICT', 'the order was cancelled before its invoice was made'),
    )
    return ok({ order: presentOrder(orderId, cancelled) })
  },
})

export const orderGet = defineQuery({
  name: 'order.get',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'One order of the caller.',
  params: z.strictObject({ orderId: ref }),
  result: orderView,
  answer: ({ orderId }, reader, viewer) => {
    const order = visibleRow(reader, { table: tables.orders, name: 'order' }, orderId, viewer)
    if (isRejection(order)) return order
    return presentOrder(orderId, order)
  },
})

export const orderList = defineQuery({
  name: 'order.list',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The orders of the caller, newest first, a page at a time.',
  params: z.strictObject({
    limit: page.limit,
    /** The `next` of the page before. */
    after: ref.optional(),
  }),
  result: z.object({
    orders: z.array(orderView),
    next: ref.nullable(),
  }),
  answer: ({ limit, after }, reader, { author }) => {
    const before = after === undefined ? undefined : reader.get(tables.orders, [after])
    // Of another's order nothing is told, not even when it was placed.
    if (after !== undefined && before?.account !== author) return reject('NOT_FOUND', 'there is no such order')
    const from = after === undefined || before === undefined ? {} : { after: { time: before.createdAt, id: after } }
    const ids = listed(reader, author, 'order', { limit: limit + 1, reverse: true, ...from })
    const orders = ids.map(id => {
      const order = reader.get(tables.orders, [id])
      if (order === undefined) throw new Error(`order ${id} is listed but missing`)
      return presentOrder(id, order)
    })
    const { page: shown, hasMore } = fitPage(orders, limit)
    return { orders: shown, next: hasMore ? (ids[shown.length - 1] ?? null) : null }
  },
})

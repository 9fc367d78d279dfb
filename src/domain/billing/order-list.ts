import { z } from 'zod'
import { page, ref } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { listed } from '../listing.ts'
import { defineQuery } from '../method.ts'
import { fitPage } from '../page.ts'
import { presentOrder } from './orders.ts'

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
    orders: z.array(z.looseObject({ id: ref, status: z.string(), totalMsat: z.int() })),
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

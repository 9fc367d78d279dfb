import { z } from 'zod'
import { reject } from '../../rejections.ts'
import { paymentParams, placeOrder } from '../billing/orders.ts'
import { toItem } from '../billing/sellable.ts'
import { defineCommand, defineQuery } from '../method.ts'

const maxDifferent = 20
const itemId = z.string().min(1).max(64)

export const itemList = defineQuery({
  name: 'item.list',
  type: 'query',
  caller: 'anyone',
  privacy: 'public',
  summary: 'What is on the price list besides names.',
  params: z.strictObject({}),
  result: z.object({ items: z.array(z.object({ id: z.string(), description: z.string(), priceMsat: z.int() })) }),
  answer: (_params, _reader, { settings }) => ({ items: settings.items }),
})

export const orderPlace = defineCommand({
  name: 'order.place',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Orders things on the price list, paid by invoice or balance.',
  params: z.strictObject({
    items: z
      .array(z.strictObject({ itemId, quantity: z.int().min(1).max(1_000).default(1) }))
      .min(1)
      .max(maxDifferent),
    ...paymentParams,
  }),
  result: z.object({
    order: z.looseObject({ id: z.string() }),
    invoice: z.looseObject({ bolt11: z.string() }).optional(),
  }),
  handle: (params, tx, context) => {
    const items = []
    for (const { itemId: id, quantity } of params.items) {
      const listed = context.settings.items.find(one => one.id === id)
      if (listed === undefined) return reject('NOT_FOUND', `${id} is not on the price list`)
      const line = { description: `${quantity} × ${listed.description}`, amountMsat: listed.priceMsat * quantity }
      items.push(toItem('item', { itemId: id, quantity }, [line]))
    }
    const totalMsat = items.reduce((sum, one) => sum + one.totalMsat, 0)
    if (!Number.isSafeInteger(totalMsat)) return reject('LIMIT_REACHED', 'an order cannot cost so much')
    return placeOrder(tx, context, { ...params, items, description: `Order of ${items.length} things` })
  },
})

import { z } from 'zod'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import type { Line } from '../../store/money-tables.ts'
import type { Settings } from '../../store/settings-row.ts'
import { paymentParams, placeOrder } from '../billing/place-order.ts'
import { convert, fiatLine, type Moment, rateOf, rateView } from '../billing/rates.ts'
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
  result: z.object({
    items: z.array(
      z.object({
        id: z.string(),
        description: z.string(),
        /** What one costs now; `null` while the exchange rate of its currency is not known. */
        priceMsat: z.int().nullable(),
        /** The price that it is converted from, in minor units of the currency. */
        fiat: z.object({ currency: z.string(), amountMinor: z.int() }).nullable(),
      }),
    ),
    /** The exchange rates that hold now. An order keeps those that hold when it is placed. */
    rates: z.array(rateView).optional(),
  }),
  answer: (_params, reader, { settings, time }) => {
    const at = { reader, settings, time }
    const currencies = new Set(settings.items.flatMap(({ fiat }) => (fiat === null ? [] : [fiat.currency])))
    const rates = [...currencies].flatMap(currency => {
      const rate = rateOf(at, currency)
      return isRejection(rate) ? [] : [rate]
    })
    const items = settings.items.map(one => {
      if (one.fiat === null) return one
      const { currency, amountMinor } = one.fiat
      const rate = rates.find(known => known.currency === currency)
      const priceMsat = rate === undefined ? null : convert(amountMinor, rate)
      return { ...one, priceMsat: isRejection(priceMsat) ? null : priceMsat }
    })
    return rates.length === 0 ? { items } : { items, rates }
  },
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
      const line = lineOf({ reader: tx, settings: context.settings, time: context.time }, listed, quantity)
      if (isRejection(line)) return line
      items.push(toItem('item', { itemId: id, quantity }, [line]))
    }
    const totalMsat = items.reduce((sum, one) => sum + one.totalMsat, 0)
    if (!Number.isSafeInteger(totalMsat)) return reject('LIMIT_REACHED', 'an order cannot cost so much')
    return placeOrder(tx, context, { ...params, items, description: `Order of ${items.length} things` })
  },
})

/** What so many of a thing on the price list cost now. */
function lineOf(
  at: Moment,
  { description, priceMsat, fiat }: Settings['items'][number],
  quantity: number,
): Line | Rejection {
  const text = `${quantity} × ${description}`
  if (fiat === null) return { description: text, amountMsat: priceMsat * quantity, fiat }
  return fiatLine(at, text, { ...fiat, amountMinor: fiat.amountMinor * quantity })
}

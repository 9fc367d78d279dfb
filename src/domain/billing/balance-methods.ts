import { z } from 'zod'
import { amountMsat, page, ref } from '../../protocol/fields.ts'
import { tables } from '../../store/tables.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { balanceOf, customerAccount } from './ledger.ts'
import { placeOrder } from './place-order.ts'
import { toItem } from './sellable.ts'
import { invoiceView, orderView } from './views.ts'

export const balanceGet = defineQuery({
  name: 'balance.get',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The balance of the caller and its latest movements, newest first.',
  params: z.strictObject({ limit: page.limit }),
  result: z.object({ balanceMsat: z.int(), postings: z.array(z.looseObject({ id: ref, amountMsat: z.int() })) }),
  answer: ({ limit }, reader, { author }) => {
    const account = customerAccount(author)
    const postings = listed(reader, author, 'posting', { limit, reverse: true }).map(id => {
      const posting = reader.get(tables.postings, [id])
      if (posting === undefined) throw new Error(`posting ${id} is listed but missing`)
      const { debit, amountMsat: moved, time, reason, orderId } = posting
      return { id, amountMsat: debit === account ? -moved : moved, time, reason, orderId }
    })
    return { balanceMsat: balanceOf(reader, account), postings }
  },
})

export const balanceTopup = defineCommand({
  name: 'balance.topup',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Asks for an invoice whose payment is added to the balance.',
  params: z.strictObject({ amountMsat }),
  result: z.object({ order: orderView, invoice: invoiceView }),
  handle: (params, tx, context) =>
    placeOrder(tx, context, {
      items: [toItem('top-up', {}, [{ description: 'top-up', amountMsat: params.amountMsat, fiat: null }])],
      pay: 'invoice',
      description: 'Balance top-up',
    }),
})

import { z } from 'zod'
import { amountMsat, page, ref } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { isOperator, ok } from '../context.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { resolvePending } from '../pending.ts'
import { withdrawInvoice } from './accept.ts'
import { presentInvoice } from './invoices.ts'
import { balanceOf, customerAccount } from './ledger.ts'
import { endOrder, isUnpaid, placeOrder, presentOrder } from './orders.ts'
import { toItem } from './sellable.ts'
import { invoiceView, orderView } from './views.ts'

export const orderCancel = defineCommand({
  name: 'order.cancel',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Gives up an order of the caller that is not paid; what is paid for it all the same goes to the balance.',
  params: z.strictObject({ orderId: ref }),
  result: z.object({ order: orderView }),
  handle: ({ orderId }, tx, context) => {
    const order = tx.get(tables.orders, [orderId])
    if (order === undefined) return reject('NOT_FOUND', 'there is no such order')
    if (order.account !== context.author) return reject('UNAUTHORIZED', 'this order belongs to another account')
    if (order.status === 'expired' || order.status === 'cancelled') return reject('CONFLICT', 'this order is over')
    if (!isUnpaid(order)) return reject('ALREADY_PAID', 'this order is paid')
    const cancelled = endOrder(tx, context, orderId, order, 'cancelled')
    resolvePending(
      tx,
      context,
      order.commandId,
      reject('CONFLICT', 'the order was cancelled before its invoice was made'),
    )
    const invoice = order.invoiceId === null ? undefined : tx.get(tables.invoices, [order.invoiceId])
    if (order.invoiceId !== null && invoice !== undefined) withdrawInvoice(tx, context, order.invoiceId, invoice)
    return ok({ order: presentOrder(orderId, cancelled) })
  },
})

export const invoiceGet = defineQuery({
  name: 'invoice.get',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'One invoice of the caller.',
  params: z.strictObject({ invoiceId: ref }),
  result: invoiceView,
  answer: ({ invoiceId }, reader, { author, settings }) => {
    const invoice = reader.get(tables.invoices, [invoiceId])
    if (invoice === undefined) return reject('NOT_FOUND', 'there is no such invoice')
    if (invoice.account !== author && !isOperator(settings, author)) {
      return reject('UNAUTHORIZED', 'this invoice belongs to another account')
    }
    return presentInvoice(invoiceId, invoice)
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
  answer: ({ orderId }, reader, { author, settings }) => {
    const order = reader.get(tables.orders, [orderId])
    if (order === undefined) return reject('NOT_FOUND', 'there is no such order')
    if (order.account !== author && !isOperator(settings, author)) {
      return reject('UNAUTHORIZED', 'this order belongs to another account')
    }
    return presentOrder(orderId, order)
  },
})

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

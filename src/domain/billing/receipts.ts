import { z } from 'zod'
import { hash, ref } from '../../protocol/fields.ts'
import { kinds } from '../../protocol/kinds.ts'
import { isRejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { defineQuery } from '../method.ts'
import { visibleRow } from '../owned-row.ts'
import type { Order } from './orders.ts'

/** An event of the service that whoever has it can show to anybody; it is neither published nor kept. */
const signedEvent = z.object({
  id: hash,
  pubkey: hash,
  created_at: z.int(),
  kind: z.literal(kinds.receipt),
  tags: z.array(z.array(z.string())),
  content: z.string(),
  sig: z.string(),
})

/**
 * A receipt is made of the tables and signed when somebody asks, so that no order waits for a signature that few want to
 * have. Its time is that of the order, so it is the same event however often it is asked for.
 */
export const orderReceipt = defineQuery({
  name: 'order.receipt',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The receipt of a fulfilled order of the caller: an event signed by the service, to be shown to others.',
  params: z.strictObject({ orderId: ref }),
  result: z.object({ receipt: signedEvent }),
  answer: ({ orderId }, reader, viewer) => {
    const { settings, sign } = viewer
    const order = visibleRow(reader, { table: tables.orders, name: 'order' }, orderId, viewer)
    if (isRejection(order)) return order
    if (order.status !== 'fulfilled' || order.fulfilledAt === null) {
      return reject('CONFLICT', 'only what is paid and handed over has a receipt', { status: order.status })
    }
    const tags = [
      ['p', order.account],
      ['relay', settings.websocketUrl],
    ]
    const content = JSON.stringify(receiptOf(reader, orderId, order))
    return { receipt: sign({ kind: kinds.receipt, created_at: order.fulfilledAt, tags, content }) }
  },
})

/** What a receipt says. Of the things it has what they are and cost; a name's records are nobody else's business. */
function receiptOf(reader: Reader, orderId: string, order: Order): object {
  const { account, commandId, items, totalMsat, coupon, rates, createdAt, fulfilledAt, invoicedMsat } = order
  return {
    orderId,
    commandId,
    customer: account,
    orderedAt: createdAt,
    fulfilledAt,
    items: items.map(item => ({ sellable: item.sellable, lines: item.lines, totalMsat: item.totalMsat })),
    totalMsat,
    paid: { byInvoiceMsat: invoicedMsat, fromBalanceMsat: totalMsat - invoicedMsat },
    invoice: invoicedMsat === 0 ? null : invoiceOf(reader, order),
    rates,
    coupon,
  }
}

/**
 * The invoice that paid an order. By the preimage of its hash, which the payer's wallet has got, a customer proves who paid;
 * so it is not in here, where everybody who is shown the receipt would have it.
 */
function invoiceOf(reader: Reader, { invoiceId }: Order): object {
  const invoice = invoiceId === null ? undefined : reader.get(tables.invoices, [invoiceId])
  if (invoice === undefined) throw new Error('an order was paid by an invoice that does not exist')
  const { paymentHash, amountMsat, receivedMsat, settledAt } = invoice
  return { id: invoiceId, paymentHash, amountMsat, receivedMsat, settledAt }
}

import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context, Handled } from '../context.ts'
import { schedule } from '../schedule.ts'
import { creditFor } from './credit.ts'
import { type Invoice, requestInvoice } from './invoices.ts'
import { turnTo } from './order-invoice.ts'
import type { Order } from './orders.ts'
import { lacksBalance } from './place-order.ts'
import { isUnderWay } from './wallet-payments.ts'

/**
 * Sets a part of the balance aside for an order and asks the wallet for an invoice for the rest, which takes the place of the
 * one that the order has. `null`: the balance is to pay all of it. The caller has seen that the order is not paid.
 *
 * The new invoice ends when the former would have: otherwise a thing could be held, and a price in a currency kept, for as long
 * as somebody pays a satoshi at a time. Until it is made the former one holds.
 */
export function payPart(
  tx: Transactor,
  context: Context,
  { invoiceId, invoice, order }: { invoiceId: string; invoice: Invoice; order: Order },
  offeredMsat: number,
): Handled | null {
  const { orderId } = invoice
  const { time, settings, commandId } = context
  if (invoice.status !== 'open' || invoice.expiresAt === null || order.invoiceId !== invoiceId) {
    return reject('CONFLICT', 'another invoice has taken the place of this one, or is being made')
  }
  if (isUnderWay(tx.get(tables.walletPayments, [invoiceId]))) {
    return reject('CONFLICT', 'a wallet is being asked to pay this invoice')
  }
  const dueMsat = order.totalMsat - order.creditMsat
  const partMsat = creditFor(dueMsat, offeredMsat)
  if (partMsat === 0)
    return reject('CONFLICT', 'so little would not make the invoice smaller: it is for whole satoshis')
  if (partMsat === dueMsat) return null
  const { commandDeadlineSeconds, invoiceExpirySeconds } = settings.orders
  // A command may take longer than an invoice lasts; then half of the invoice's time is for making the other one.
  const withinSeconds = Math.min(commandDeadlineSeconds, Math.floor(invoiceExpirySeconds / 2))
  if (invoice.expiresAt - time < withinSeconds) {
    return reject('INVOICE_EXPIRED', 'the invoice is about to expire: there is no time for another one')
  }
  const creditMsat = order.creditMsat + partMsat
  const restId = requestInvoice(tx, context, {
    orderId,
    amountMsat: order.totalMsat - creditMsat,
    creditMsat,
    replaces: { invoiceId, commandId },
    description: `Rest of order ${orderId}`,
    expirySeconds: invoice.expiresAt - time,
    hold: true,
  })
  const turned = turnTo(tx, context, orderId, order, { invoiceId: restId, invoice: { creditMsat } })
  if (turned === null) return lacksBalance(tx, order, partMsat)
  tx.put(tables.orders, [orderId], turned)
  schedule(tx, time + withinSeconds, 'invoice-deadline', restId)
  return { status: 'pending', orderId: null }
}

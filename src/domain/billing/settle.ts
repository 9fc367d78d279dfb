import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import type { Invoice } from './invoices.ts'
import { balanceOf, customerAccount, post, walletAccount } from './ledger.ts'
import { payBy } from './order-invoice.ts'
import { fulfilOrder, loseOrder } from './order-outcomes.ts'
import { findObstacle, hasEnded, presentOrder } from './orders.ts'
import { presentSent, sendBack } from './refunds.ts'
import { noteSettled } from './wallet-payments.ts'

/**
 * Takes in the money of a settled invoice, once: whatever arrived becomes the customer's balance, and if it was enough
 * the order is charged to it and fulfilled. What cannot be fulfilled (too little, too late, already paid) stays credited,
 * or is sent on to where the order says.
 */
export function settleInvoice(
  tx: Transactor,
  context: Context,
  invoiceId: string,
  invoice: Invoice,
  settlement: { receivedMsat: number; settledAt: number },
): void {
  if (invoice.status === 'settled') return
  const { receivedMsat, settledAt } = settlement
  const settled = { ...invoice, status: 'settled' as const, receivedMsat, settledAt }
  tx.put(tables.invoices, [invoiceId], settled)
  if (invoice.expiresAt !== null) tx.delete(tables.unsettledInvoices, [invoice.expiresAt, invoiceId])
  if (receivedMsat > 0) {
    post(tx, context, {
      debit: walletAccount,
      credit: customerAccount(invoice.account),
      amountMsat: receivedMsat,
      reason: 'settlement',
      orderId: invoice.orderId,
    })
  }
  const order = tx.get(tables.orders, [invoice.orderId])
  if (order === undefined) throw new Error(`invoice ${invoiceId} belongs to no order`)
  const notice = (type: string, body: object) =>
    context.emit({ kind: 'notice', type, to: invoice.account, about: order.commandId, body })
  notice('invoice.settled', { invoiceId, orderId: invoice.orderId, receivedMsat, settledAt })

  const outcome = completeOrder(tx, context, { invoiceId, invoice }, order, receivedMsat)
  const sent =
    outcome.type === 'order.credited' ? sendBack(tx, context, invoice.orderId, outcome.order, receivedMsat) : null
  notice(outcome.type, {
    order: presentOrder(invoice.orderId, outcome.order),
    receivedMsat,
    ...(outcome.reason === null ? {} : { reason: outcome.reason }),
    ...presentSent(sent),
  })
  noteSettled(tx, context, invoiceId, settled, outcome.order)
}

/** Fulfils the order if it waits for money and got enough; otherwise leaves the money on the balance. */
function completeOrder(
  tx: Transactor,
  context: Context,
  named: { invoiceId: string; invoice: Invoice },
  order: RowOf<'orders'>,
  receivedMsat: number,
): { type: 'order.fulfilled' | 'order.credited'; order: RowOf<'orders'>; reason: string | null } {
  const { invoiceId, invoice } = named
  const credited = (reason: string) => ({ type: 'order.credited' as const, order, reason })
  if (order.status === 'fulfilled' || order.status === 'credited' || order.status === 'refunded') {
    return credited('the order was settled before')
  }
  if (order.status === 'cancelled') return credited('the order was cancelled')
  if (receivedMsat < invoice.amountMsat) {
    const reason = 'less arrived than the invoice asks for'
    // What was claimed for a payment that waited, and has been taken, must not wait for more.
    if (order.status !== 'accepted' || order.invoiceId !== invoiceId) return credited(reason)
    return { type: 'order.credited', order: loseOrder(tx, context, invoice.orderId, order), reason }
  }
  // Of an invoice that was given up and is paid all the same, the part that belongs to it is not set aside.
  const asideMsat = hasEnded(order) ? 0 : order.creditMsat
  const isCovered = balanceOf(tx, customerAccount(order.account)) + asideMsat >= order.totalMsat
  const paid = isCovered ? payBy(tx, context, order, named) : null
  if (paid === null) return credited('the balance does not cover its part of the price any more')
  const obstacle = findObstacle(tx, context, invoice.orderId, paid)
  if (obstacle === null) {
    const fulfilled = fulfilOrder(tx, context, invoice.orderId, paid, receivedMsat)
    return { type: 'order.fulfilled', order: fulfilled, reason: null }
  }
  const lost = loseOrder(tx, context, invoice.orderId, paid)
  return { type: 'order.credited', order: lost, reason: obstacle.message }
}

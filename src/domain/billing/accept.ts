import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { endHold, type Invoice } from './invoices.ts'
import { balanceOf, customerAccount } from './ledger.ts'
import { payBy, waitsFor } from './order-invoice.ts'
import { claimOrder, endOrder } from './order-outcomes.ts'
import { findObstacle, hasEnded, type Order, presentOrder } from './orders.ts'
import { noteLost } from './wallet-payments.ts'

/**
 * A payment waits to be taken. If the order's things can be had they are claimed first, so that nobody is owed a refund
 * whatever happens next, and only then the wallet takes the payment; otherwise it goes back to the payer.
 */
export function acceptPayment(
  tx: Transactor,
  context: Context,
  invoiceId: string,
  invoice: Invoice,
  receivedMsat: number,
): void {
  // Taken, given back, or about to be: that payment has been dealt with.
  if (invoice.status !== 'open' && invoice.status !== 'expired') return
  const { orderId } = invoice
  const order = orderOf(tx, invoiceId, invoice)
  const refusal = reasonAgainst(tx, context, { invoiceId, invoice, order }, receivedMsat)
  tx.put(tables.invoices, [invoiceId], { ...invoice, status: 'accepted' })
  if (refusal === null) {
    const paid = payBy(tx, context, order, { invoiceId, invoice })
    if (paid === null) throw new Error(`invoice ${invoiceId} leaves more to the balance than the one in its place`)
    claimOrder(tx, context, orderId, paid)
    endHold(tx, context, 'settle-hold', invoiceId, invoice)
    return
  }
  endHold(tx, context, 'cancel-hold', invoiceId, invoice)
  const body = { order: presentOrder(orderId, order), receivedMsat, reason: refusal }
  context.emit({ kind: 'notice', type: 'invoice.cancelled', to: invoice.account, about: order.commandId, body })
}

/** The payer has the money back, or never sent any: the invoice is over, and what was claimed for it is free. */
export function losePayment(tx: Transactor, context: Context, invoiceId: string, invoice: Invoice): void {
  if (invoice.status === 'settled' || invoice.status === 'cancelled') return
  tx.put(tables.invoices, [invoiceId], { ...invoice, status: 'cancelled' })
  if (invoice.expiresAt !== null) tx.delete(tables.unsettledInvoices, [invoice.expiresAt, invoiceId])
  noteLost(tx, invoiceId)
  const order = orderOf(tx, invoiceId, invoice)
  if (order.status !== 'accepted' || order.invoiceId !== invoiceId) return
  const ended = endOrder(tx, context, invoice.orderId, order, 'expired')
  const body = { order: presentOrder(invoice.orderId, ended), reason: 'the payment went back before it was taken' }
  context.emit({ kind: 'notice', type: 'order.expired', to: invoice.account, about: order.commandId, body })
}

function reasonAgainst(
  tx: Transactor,
  context: Context,
  { invoiceId, invoice, order }: { invoiceId: string; invoice: Invoice; order: Order },
  receivedMsat: number,
): string | null {
  switch (order.status) {
    case 'held':
    case 'invoiced':
    case 'expired':
      if (!waitsFor(tx, order, invoiceId)) return 'another invoice has taken the place of this one'
      if (receivedMsat < invoice.amountMsat) return 'less arrived than the invoice asks for'
      if (hasEnded(order) && balanceOf(tx, customerAccount(order.account)) < order.creditMsat) {
        return 'the balance does not cover its part of the price any more'
      }
      return findObstacle(tx, context, invoice.orderId, order)?.message ?? null
    case 'accepted':
    case 'fulfilled':
    case 'credited':
    case 'refunded':
      return 'the order was settled before'
    case 'cancelled':
      return 'the order was cancelled'
    default: {
      const unknown: never = order.status
      throw new Error(`no order is ${String(unknown)}`)
    }
  }
}

function orderOf(tx: Transactor, invoiceId: string, { orderId }: Invoice): Order {
  const order = tx.get(tables.orders, [orderId])
  if (order === undefined) throw new Error(`invoice ${invoiceId} belongs to no order`)
  return order
}

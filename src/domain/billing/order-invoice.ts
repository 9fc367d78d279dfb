import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { resolvePending } from '../pending.ts'
import { changeCredit } from './credit.ts'
import { type Invoice, retireInvoice, withdrawInvoice } from './invoices.ts'
import { hasEnded, type Order } from './orders.ts'

/**
 * An order may have several invoices one after the other, each for what the balance leaves of its price. One at a time is its
 * own: the last that was asked for, until that cannot be made or an earlier one is paid.
 */

/** An invoice with its id. */
type Named = { readonly invoiceId: string; readonly invoice: Pick<Invoice, 'creditMsat'> }

/**
 * The order with this as its own invoice, and as much of the balance set aside as belongs to that; `null`: there is not so
 * much, and nothing has changed. An order that has ended has nothing set aside. The caller writes the order.
 */
export function turnTo(
  tx: Transactor,
  context: Context,
  orderId: string,
  order: Order,
  { invoiceId, invoice: { creditMsat } }: Named,
): Order | null {
  const turned: Order = { ...order, invoiceId, creditMsat }
  return hasEnded(order) || changeCredit(tx, context, orderId, order, creditMsat) ? turned : null
}

/** Gives up the invoice that is being made in the place of an order's former one, if one is; `answer`: why. */
export function giveUpReplacement(
  tx: Transactor,
  context: Context,
  orderId: string,
  order: Order,
  answer: Parameters<typeof resolvePending>[3],
): Order {
  const replaces = beingReplaced(tx, order)
  if (replaces === null) return order
  const { invoiceId, commandId } = replaces
  const invoice = tx.get(tables.invoices, [invoiceId])
  const former = invoice === undefined ? null : turnTo(tx, context, orderId, order, { invoiceId, invoice })
  if (former === null) throw new Error(`order ${orderId} cannot go back to its invoice ${invoiceId}`)
  tx.put(tables.orders, [orderId], former)
  resolvePending(tx, context, commandId, answer)
  return former
}

/**
 * The order as it is paid by one of its invoices, whichever: another that was to take its place, or has taken it, is not needed
 * any more. `null`: the balance does not have what that invoice leaves to it. The caller writes the order.
 */
export function payBy(
  tx: Transactor,
  context: Context,
  order: Order,
  { invoiceId, invoice }: { readonly invoiceId: string; readonly invoice: Invoice },
): Order | null {
  const otherId = order.invoiceId
  if (otherId === invoiceId) return order
  const turned = turnTo(tx, context, invoice.orderId, order, { invoiceId, invoice })
  const other = otherId === null ? undefined : tx.get(tables.invoices, [otherId])
  if (turned === null || otherId === null || other === undefined) return turned
  retireInvoice(tx, context, otherId, other)
  // Paid by one that was given up, while another is being made in the place of the one that holds: that one too is left.
  const leftId = beingReplaced(tx, order)?.invoiceId ?? invoiceId
  const left = leftId === invoiceId ? undefined : tx.get(tables.invoices, [leftId])
  if (left !== undefined) retireInvoice(tx, context, leftId, left)
  if (other.replaces !== null) {
    const answer = reject('ALREADY_PAID', 'the order was paid by an earlier invoice meanwhile')
    resolvePending(tx, context, other.replaces.commandId, answer)
  }
  return turned
}

/** Has the wallet end the invoice of an order that nobody need pay any more, where it can. */
export function withdrawInvoiceOf(tx: Transactor, context: Context, { invoiceId }: Order): void {
  const invoice = invoiceId === null ? undefined : tx.get(tables.invoices, [invoiceId])
  if (invoiceId !== null && invoice !== undefined) withdrawInvoice(tx, context, invoiceId, invoice)
}

/** Whether an order waits for the payment of this invoice, and not for another that has taken its place. */
export function waitsFor(tx: Transactor, order: Order, invoiceId: string): boolean {
  return order.invoiceId === invoiceId || beingReplaced(tx, order)?.invoiceId === invoiceId
}

/** The former invoice of an order whose own is still being made, and the command that waits for that; `null`: it is not. */
function beingReplaced(tx: Transactor, { invoiceId }: Order): Invoice['replaces'] {
  const invoice = invoiceId === null ? undefined : tx.get(tables.invoices, [invoiceId])
  return invoice?.status === 'requested' ? invoice.replaces : null
}

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { amountMsat, hash, ref } from '../../protocol/fields.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, type Handled, ok } from '../context.ts'
import { completeJob, enqueueJob } from '../jobs.ts'
import { defineCommand } from '../method.ts'
import { ownRow } from '../owned-row.ts'
import { resolvePending } from '../pending.ts'
import { schedule } from '../schedule.ts'
import { type Invoice, presentInvoice } from './invoices.ts'
import { giveUpReplacement, withdrawInvoiceOf } from './order-invoice.ts'
import { type Order, presentOrder } from './orders.ts'
import { payPart } from './pay-part.ts'
import { isAtLimit } from './payment-limits.ts'
import { payFromBalance } from './place-order.ts'
import { invoiceView, orderView } from './views.ts'
import { endWalletPayment, isUnderWay, payByWallet, walletOutcome } from './wallet-payments.ts'

export const invoicePay = defineCommand({
  name: 'invoice.pay',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary:
    'Pays an open invoice of the caller from the balance, wholly or in part, or by a connected wallet, or shows the preimage of a payment already made.',
  params: z.discriminatedUnion('from', [
    z.strictObject({ from: z.literal('balance'), invoiceId: ref }),
    z.strictObject({
      from: z.literal('credit'),
      invoiceId: ref,
      /** How much the balance shall pay; another invoice, for the rest, takes the place of this one. */
      creditMsat: amountMsat,
    }),
    z.strictObject({
      from: z.literal('wallet'),
      invoiceId: ref,
      /** Of the wallet connection, as `secret.put` gave it. */
      handle: ref,
      /** Whether the wallet connection is erased afterwards, whatever came of it. */
      forget: z.boolean().default(false),
    }),
    z.strictObject({ from: z.literal('preimage'), invoiceId: ref, preimage: hash }),
  ]),
  result: z.object({ order: orderView, invoice: invoiceView }),
  handle: (params, tx, context) => {
    const { invoiceId } = params
    const invoice = ownRow(tx, { table: tables.invoices, name: 'invoice' }, invoiceId, context.author)
    if (isRejection(invoice)) return invoice
    const order = tx.get(tables.orders, [invoice.orderId])
    if (order === undefined) throw new Error(`invoice ${invoiceId} belongs to no order`)
    switch (params.from) {
      case 'balance':
        return fromBalance(tx, context, { invoiceId, invoice, order })
      case 'credit':
        return fromCredit(tx, context, { invoiceId, invoice, order }, params.creditMsat)
      case 'wallet':
        return fromWallet(tx, context, { invoiceId, invoice, order }, params)
      case 'preimage':
        return byPreimage(tx, context, { invoiceId, invoice, order }, params.preimage)
      default: {
        const unknown: never = params
        throw new Error(`nobody pays from ${JSON.stringify(unknown)}`)
      }
    }
  },
})

/** What is to be paid. */
type Due = { readonly invoiceId: string; readonly invoice: Invoice; readonly order: Order }

function fromBalance(tx: Transactor, context: Context, due: Due): Handled {
  const { invoiceId, invoice, order } = due
  const refused = reasonNotFromBalance(context, due)
  if (refused !== null) return refused
  const { orderId } = invoice
  const answer = reject('ALREADY_PAID', 'the order was paid from the balance meanwhile')
  const paid = payFromBalance(tx, context, orderId, giveUpReplacement(tx, context, orderId, order, answer))
  if (isRejection(paid)) return paid
  withdrawInvoiceOf(tx, context, paid)
  const presented = presentOrder(orderId, paid)
  // The order may still be waiting for the wallet to make the invoice, which is now needed no more.
  resolvePending(tx, context, order.commandId, { status: 'ok', body: { order: presented } })
  return ok({ order: presented, invoice: presentInvoice(invoiceId, invoice) })
}

function fromCredit(tx: Transactor, context: Context, due: Due, creditMsat: number): Handled {
  return reasonNotFromBalance(context, due) ?? payPart(tx, context, due, creditMsat) ?? fromBalance(tx, context, due)
}

function reasonNotFromBalance(context: Context, due: Due): Rejection | null {
  if (due.order.items.some(item => item.sellable === 'top-up')) {
    return reject('CONFLICT', 'a top-up cannot be paid from the balance')
  }
  return reasonClosed(context, due)
}

/** Whether there is a secret of this handle only the secret store knows, which is not the log's: its worker says so. */
function fromWallet(
  tx: Transactor,
  context: Context,
  due: Due,
  { handle, forget }: { handle: string; forget: boolean },
): Handled {
  const { invoiceId, invoice, order } = due
  const closed = reasonClosed(context, due)
  if (closed !== null) return closed
  if (invoice.status !== 'open' || order.invoiceId !== invoiceId) {
    return reject('CONFLICT', 'this invoice is not to be paid now')
  }
  if (isUnderWay(tx.get(tables.walletPayments, [invoiceId]))) {
    return reject('CONFLICT', 'a wallet is being asked to pay this invoice')
  }
  // Renewals count here and are never refused: each is of a name that somebody paid for.
  if (isAtLimit(tx, invoice.account, 'byWallet')) {
    return reject('LIMIT_REACHED', 'wallets of yours are being asked for several payments: wait until one has ended')
  }
  const { commandId, settings, time } = context
  payByWallet(tx, context, invoiceId, invoice, { handle, forget, commandId, renewal: null, budgetSince: null })
  schedule(tx, time + settings.orders.commandDeadlineSeconds, 'command-deadline', commandId)
  return { status: 'pending', orderId: null }
}

function byPreimage(tx: Transactor, context: Context, { invoiceId, invoice, order }: Due, preimage: string): Handled {
  const { paymentHash } = invoice
  const shown = createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
  if (paymentHash === null || shown !== paymentHash) {
    return reject('PAYMENT_FAILED', 'this is not the preimage of that invoice')
  }
  if (invoice.status === 'settled') {
    return ok({ order: presentOrder(invoice.orderId, order), invoice: presentInvoice(invoiceId, invoice) })
  }
  // The preimage proves that somebody paid somebody; what arrived here only the wallet knows.
  enqueueJob(tx, context, {
    type: 'look-up-invoice',
    payload: { invoiceId, paymentHash, commandId: context.commandId },
  })
  schedule(tx, context.time + context.settings.orders.commandDeadlineSeconds, 'command-deadline', context.commandId)
  return { status: 'pending', orderId: null }
}

/** Why an invoice need not, or cannot, be paid any more. */
function reasonClosed({ time }: Context, { invoice, order }: Due): Rejection | null {
  if (['accepted', 'fulfilled', 'credited', 'refunded'].includes(order.status)) {
    return reject('ALREADY_PAID', 'the order of this invoice is settled')
  }
  if (order.status === 'cancelled') return reject('CONFLICT', 'the order of this invoice was cancelled')
  const isOver = invoice.expiresAt !== null && time > invoice.expiresAt
  return order.status === 'expired' || isOver ? reject('INVOICE_EXPIRED', 'the invoice has expired') : null
}

/** A customer's own wallet has paid, or has not, or does not say. What it says moves no money. */
export const walletAnswered = defineCommand({
  name: 'wallet.answered',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: "A customer's own wallet was asked to pay an invoice.",
  params: z.strictObject({ jobId: ref, invoiceId: ref, outcome: walletOutcome }),
  result: z.object({}),
  handle: ({ jobId, invoiceId, outcome }, tx, context) => {
    completeJob(tx, jobId)
    endWalletPayment(tx, context, invoiceId, outcome)
    return ok({})
  },
})

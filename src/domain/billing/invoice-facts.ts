import { z } from 'zod'
import { hash, ref, time } from '../../protocol/fields.ts'
import { type Rejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, ok } from '../context.ts'
import { completeJob } from '../jobs.ts'
import { defineCommand } from '../method.ts'
import { resolvePending } from '../pending.ts'
import { schedule } from '../schedule.ts'
import { presentInvoice, retireInvoice, withdrawInvoice } from './invoices.ts'
import { giveUpReplacement } from './order-invoice.ts'
import { expireOrder } from './order-outcomes.ts'
import { isUnpaid, presentOrder } from './orders.ts'
import { settleInvoice } from './settle.ts'
import { invoiceRefused, outcomeUnknown, paymentUnavailable } from './unavailable.ts'
import { abandonPlanned, payPlanned } from './wallet-payments.ts'

/** It is written with every settlement, and kept in the log. */
export const maxCursorCharacters = 2_048

const receivedMsat = z.int().min(0)
const done = z.object({})

/** The wallet made the invoice: its customer can pay, and what is held outlives it. */
export const invoiceCreated = defineCommand({
  name: 'invoice.created',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet has made an invoice.',
  params: z.strictObject({
    jobId: ref,
    invoiceId: ref,
    bolt11: z.string().max(4_096),
    paymentHash: hash,
    expiresAt: time,
    hold: z.boolean().default(false),
  }),
  result: done,
  handle: ({ jobId, invoiceId, bolt11, paymentHash, expiresAt, hold }, tx, context) => {
    completeJob(tx, jobId)
    const invoice = tx.get(tables.invoices, [invoiceId])
    if (invoice === undefined) throw new Error(`no invoice ${invoiceId} was asked for`)
    const order = tx.get(tables.orders, [invoice.orderId])
    if (order === undefined) throw new Error(`invoice ${invoiceId} belongs to no order`)
    if (tx.has(tables.invoicesByHash, [paymentHash])) {
      // A wallet that gives one hash to two invoices could not say which of them was paid.
      failInvoice(tx, context, invoiceId, paymentUnavailable())
      return ok({})
    }
    const open = { ...invoice, status: 'open' as const, bolt11, paymentHash, expiresAt, hold }
    tx.put(tables.invoices, [invoiceId], open)
    tx.put(tables.invoicesByHash, [paymentHash], { invoiceId })
    tx.put(tables.unsettledInvoices, [expiresAt, invoiceId], {})
    if (order.invoiceId !== invoiceId) {
      // Given up: its order has gone back to the invoice before, and may be paid by that.
      retireInvoice(tx, context, invoiceId, open)
      return ok({})
    }
    schedule(tx, expiresAt + context.settings.orders.holdSlackSeconds, 'order-expiry', invoice.orderId)
    if (!isUnpaid(order)) {
      withdrawInvoice(tx, context, invoiceId, open)
      abandonPlanned(tx, context, invoiceId, 'CANCELLED')
      return ok({})
    }
    const invoiced = { ...order, status: 'invoiced' as const }
    tx.put(tables.orders, [invoice.orderId], invoiced)
    payPlanned(tx, context, invoiceId, open)
    const { replaces } = invoice
    const former = replaces === null ? undefined : tx.get(tables.invoices, [replaces.invoiceId])
    if (replaces !== null && former !== undefined) retireInvoice(tx, context, replaces.invoiceId, former)
    resolvePending(tx, context, replaces?.commandId ?? order.commandId, {
      status: 'payment-required',
      body: { order: presentOrder(invoice.orderId, invoiced), invoice: presentInvoice(invoiceId, open) },
    })
    return ok({})
  },
})

/** The wallet would not make the invoice: what was held is free again. */
export const invoiceFailed = defineCommand({
  name: 'invoice.failed',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet could not make an invoice.',
  params: z.strictObject({
    jobId: ref,
    invoiceId: ref,
    /** `refused`: it answers, and does not make this one. */
    reason: z.enum(['unavailable', 'refused']).default('unavailable'),
  }),
  result: done,
  handle: ({ jobId, invoiceId, reason }, tx, context) => {
    completeJob(tx, jobId)
    failInvoice(tx, context, invoiceId, reason === 'refused' ? invoiceRefused() : paymentUnavailable())
    return ok({})
  },
})

/** The wallet's stream, or a sweep's look-up, says that money arrived. The cursor moves with the effect. */
export const invoiceSettled = defineCommand({
  name: 'invoice.settled',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet has received the payment of an invoice.',
  params: z.strictObject({
    backend: z.string().max(64),
    paymentHash: hash,
    receivedMsat,
    settledAt: time,
    cursor: z.string().max(maxCursorCharacters).nullable(),
  }),
  result: done,
  handle: ({ backend, paymentHash, receivedMsat: received, settledAt, cursor }, tx, context) => {
    if (cursor !== null) tx.put(tables.walletCursors, [backend], { cursor })
    settleByHash(tx, context, paymentHash, { receivedMsat: received, settledAt })
    return ok({})
  },
})

/** What the wallet said when a customer's preimage made us look. */
export const invoiceLookedUp = defineCommand({
  name: 'invoice.looked_up',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet was asked about an invoice for a customer who showed its preimage.',
  params: z.strictObject({
    jobId: ref,
    commandId: hash,
    paymentHash: hash,
    settled: z.strictObject({ receivedMsat, settledAt: time }).nullable(),
    reachable: z.boolean(),
  }),
  result: done,
  handle: ({ jobId, commandId, paymentHash, settled, reachable }, tx, context) => {
    completeJob(tx, jobId)
    if (settled !== null) settleByHash(tx, context, paymentHash, settled)
    const invoiceId = tx.get(tables.invoicesByHash, [paymentHash])?.invoiceId
    const invoice = invoiceId === undefined ? undefined : tx.get(tables.invoices, [invoiceId])
    if (invoiceId === undefined || invoice === undefined) throw new Error('a looked-up invoice is one of ours')
    const order = tx.get(tables.orders, [invoice.orderId])
    if (order === undefined) throw new Error(`invoice ${invoiceId} belongs to no order`)
    const body = { order: presentOrder(invoice.orderId, order), invoice: presentInvoice(invoiceId, invoice) }
    const unpaid = reject('PAYMENT_FAILED', 'the wallet has not received this payment')
    const answer = invoice.status === 'settled' ? { status: 'ok' as const, body } : unpaid
    resolvePending(tx, context, commandId, reachable || invoice.status === 'settled' ? answer : outcomeUnknown())
    return ok({})
  },
})

/**
 * Ends an invoice that cannot be made, and its command is answered. Its order goes back to the invoice that it had before; of one
 * that had none it is the end.
 */
function failInvoice(tx: Transactor, context: Context, invoiceId: string, answer: Rejection): void {
  const invoice = tx.get(tables.invoices, [invoiceId])
  if (invoice === undefined) throw new Error(`no invoice ${invoiceId} was asked for`)
  const order = tx.get(tables.orders, [invoice.orderId])
  if (order === undefined) throw new Error(`invoice ${invoiceId} belongs to no order`)
  if (order.invoiceId === invoiceId) giveUpReplacement(tx, context, invoice.orderId, order, answer)
  tx.put(tables.invoices, [invoiceId], { ...invoice, status: 'failed' })
  if (invoice.replaces !== null) return
  expireOrder(tx, context, invoice.orderId)
  abandonPlanned(tx, context, invoiceId, answer.code)
  resolvePending(tx, context, order.commandId, answer)
}

function settleByHash(
  tx: Transactor,
  context: Context,
  paymentHash: string,
  settlement: { receivedMsat: number; settledAt: number },
): void {
  const invoiceId = tx.get(tables.invoicesByHash, [paymentHash])?.invoiceId
  const invoice = invoiceId === undefined ? undefined : tx.get(tables.invoices, [invoiceId])
  // The wallet may serve other purposes too: money for invoices that are not ours is not ours to book.
  if (invoiceId === undefined || invoice === undefined) return
  settleInvoice(tx, context, invoiceId, invoice, settlement)
}

import { z } from 'zod'
import { hash, ref, time } from '../../protocol/fields.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { completeJob } from '../jobs.ts'
import { defineCommand } from '../method.ts'
import { acceptPayment, losePayment } from './accept.ts'
import { settleInvoice } from './settle.ts'

const receivedMsat = z.int().min(0)
const done = z.object({})

/** A payment of a hold invoice has arrived and waits to be taken or given back. */
export const invoiceAccepted = defineCommand({
  name: 'invoice.accepted',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The payment of an invoice has arrived and waits to be taken.',
  params: z.strictObject({ backend: z.string().max(64), paymentHash: hash, receivedMsat }),
  result: done,
  handle: ({ paymentHash, receivedMsat: received }, tx, context) => {
    const invoiceId = tx.get(tables.invoicesByHash, [paymentHash])?.invoiceId
    const invoice = invoiceId === undefined ? undefined : tx.get(tables.invoices, [invoiceId])
    // The wallet may serve other purposes too: payments that are not ours are not ours to take.
    if (invoiceId === undefined || invoice === undefined) return ok({})
    acceptPayment(tx, context, invoiceId, invoice, received)
    return ok({})
  },
})

/** What the wallet has done with a payment that waited: `null` when the payer has it back. */
export const holdEnded = defineCommand({
  name: 'hold.ended',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet has taken a payment that waited, or given it back.',
  params: z.strictObject({
    jobId: ref,
    invoiceId: ref,
    settled: z.strictObject({ receivedMsat, settledAt: time }).nullable(),
  }),
  result: done,
  handle: ({ jobId, invoiceId, settled }, tx, context) => {
    completeJob(tx, jobId)
    const invoice = tx.get(tables.invoices, [invoiceId])
    if (invoice === undefined) throw new Error(`no invoice ${invoiceId} was asked for`)
    if (settled === null) losePayment(tx, context, invoiceId, invoice)
    else settleInvoice(tx, context, invoiceId, invoice, settled)
    return ok({})
  },
})

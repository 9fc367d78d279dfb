import { type Rejection, reject } from '../../rejections.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef } from '../context.ts'
import { enqueueJob } from '../jobs.ts'
import { msat } from './money.ts'

export type Invoice = RowOf<'invoices'>

/** What an invoice looks like to its customer. */
export function presentInvoice(invoiceId: string, invoice: Invoice): object {
  const { account: _, createdAt: __, ...shown } = invoice
  return { id: invoiceId, ...shown }
}

/** Why no invoice may ask for so much; `null`: one may. */
export function invoiceExcess({ settings }: Context, amountMsat: number): Rejection | null {
  const { maxInvoiceMsat } = settings.orders
  if (amountMsat <= maxInvoiceMsat) return null
  return reject('LIMIT_REACHED', 'this is more than an invoice may ask for', { amountMsat, maxInvoiceMsat })
}

/** Records that an invoice is wanted and asks the wallet for it. Returns its id. */
export function requestInvoice(
  tx: Transactor,
  context: Context,
  wanted: { orderId: string; amountMsat: number; description: string; hold: boolean },
): string {
  const invoiceId = deriveRef(context, 'invoice')
  const amountMsat = msat(wanted.amountMsat)
  tx.put(tables.invoices, [invoiceId], {
    status: 'requested',
    orderId: wanted.orderId,
    account: context.author,
    amountMsat,
    createdAt: context.time,
    bolt11: null,
    paymentHash: null,
    expiresAt: null,
    receivedMsat: null,
    settledAt: null,
    hold: false,
  })
  enqueueJob(tx, context, {
    type: 'create-invoice',
    payload: {
      invoiceId,
      amountMsat,
      description: wanted.description,
      expirySeconds: context.settings.orders.invoiceExpirySeconds,
      hold: wanted.hold,
    },
  })
  return invoiceId
}

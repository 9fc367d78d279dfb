import { type Rejection, reject } from '../../rejections.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef } from '../context.ts'
import { enqueueJob } from '../jobs.ts'
import { msat } from './money.ts'

export type Invoice = RowOf<'invoices'>

/** What an invoice looks like to its customer. */
export function presentInvoice(invoiceId: string, invoice: Invoice): object {
  const { account: _, createdAt: __, creditMsat, replaces, ...shown } = invoice
  return {
    id: invoiceId,
    ...shown,
    ...(creditMsat === 0 ? {} : { creditMsat }),
    ...(replaces === null ? {} : { replaces: replaces.invoiceId }),
  }
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
  wanted: Pick<Invoice, 'orderId' | 'amountMsat' | 'creditMsat' | 'replaces'> & {
    description: string
    expirySeconds: number
    hold: boolean
  },
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
    creditMsat: wanted.creditMsat,
    replaces: wanted.replaces,
  })
  enqueueJob(tx, context, {
    type: 'create-invoice',
    payload: {
      invoiceId,
      amountMsat,
      description: wanted.description,
      expirySeconds: wanted.expirySeconds,
      hold: wanted.hold,
    },
  })
  return invoiceId
}

/** Has the wallet end an invoice that nobody need pay any more, where it can. */
export function withdrawInvoice(tx: Transactor, context: Context, invoiceId: string, invoice: Invoice): void {
  if (invoice.hold && (invoice.status === 'open' || invoice.status === 'expired')) {
    endHold(tx, context, 'cancel-hold', invoiceId, invoice)
  }
}

/** An invoice that can still be paid counts as expired from now on; any other stays as it is. */
export function expireInvoice(tx: Transactor, invoiceId: string, invoice: Invoice): void {
  if (invoice.status !== 'open') return
  tx.put(tables.invoices, [invoiceId], { ...invoice, status: 'expired' })
}

/** The same, and has the wallet end it, where it can. */
export function retireInvoice(tx: Transactor, context: Context, invoiceId: string, invoice: Invoice): void {
  if (invoice.status !== 'open') return
  expireInvoice(tx, invoiceId, invoice)
  withdrawInvoice(tx, context, invoiceId, invoice)
}

/** Has the wallet take a payment that waits, or give it back, or take none any more. */
export function endHold(
  tx: Transactor,
  context: Context,
  type: 'settle-hold' | 'cancel-hold',
  invoiceId: string,
  { paymentHash }: Invoice,
): void {
  if (paymentHash === null) throw new Error(`invoice ${invoiceId} was never made`)
  enqueueJob(tx, context, { type, payload: { invoiceId, paymentHash } }, invoiceId)
}

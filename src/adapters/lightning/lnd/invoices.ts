import { createHash } from 'node:crypto'
import { z } from 'zod'
import { checkInvoiceRequest, isHash } from '../invoice-request.ts'
import { type CreatedInvoice, type InvoiceRequest, type InvoiceState, LightningUnavailable } from '../port.ts'
import type { LndConnection } from './connection.ts'
import { base64, type Invoice, invoiceSchema } from './messages.ts'
import { isDuplicateInvoice, isUnknownInvoice, refusedInvoice, unexpected } from './refusals.ts'

type Source = {
  readonly connection: LndConnection
  /** Unix seconds. */
  now(): number
}

const anything = z.looseObject({})

/** The payment hash of a preimage, both hex. */
export function hashOf(preimage: string): string {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
}

/** An invoice as LND has it; `null` when it knows of none (LND REST, lookupinvoice). Throws `LightningUnavailable`. */
export async function findInvoice(
  connection: LndConnection,
  paymentHash: string,
  signal: AbortSignal,
): Promise<Invoice | null> {
  if (!isHash(paymentHash)) return null
  const said = await connection.call(invoiceSchema, { method: 'GET', path: `/v1/invoice/${paymentHash}` }, signal)
  if ('refusal' in said) {
    if (isUnknownInvoice(said.refusal)) return null
    throw unexpected(said.refusal)
  }
  if (said.answer.r_hash !== paymentHash) throw new LightningUnavailable('lnd answers for another invoice')
  return said.answer
}

/**
 * Makes an invoice of the request's own preimage, or of its hash alone when its payment shall be held (LND REST,
 * addinvoice and addholdinvoice). LND refuses a second invoice of the same hash, so whatever it answered, the invoice that
 * it has is the one: it is looked up, which also tells when it expires. Throws what the port says, and an Error when
 * what it has was another request's.
 */
export async function createInvoice(
  connection: LndConnection,
  request: InvoiceRequest,
  { privateRouteHints, signal }: { privateRouteHints: boolean; signal: AbortSignal },
): Promise<CreatedInvoice> {
  checkInvoiceRequest(request)
  const { preimage, amountMsat, description, descriptionHash, expirySeconds, hold = false } = request
  const paymentHash = hashOf(preimage)
  const json = {
    ...(hold ? { hash: base64(paymentHash) } : { r_preimage: base64(preimage) }),
    memo: description,
    ...(descriptionHash === undefined ? {} : { description_hash: base64(descriptionHash) }),
    value_msat: String(amountMsat),
    expiry: String(expirySeconds),
    private: privateRouteHints,
  }
  const path = hold ? '/v2/invoices/hodl' : '/v1/invoices'
  const said = await connection.call(anything, { method: 'POST', path, json }, signal)
  if ('refusal' in said && !isDuplicateInvoice(said.refusal)) throw refusedInvoice(said.refusal)
  const invoice = await findInvoice(connection, paymentHash, signal)
  if (invoice === null) throw new LightningUnavailable('lnd does not know the invoice that it made')
  if (!isOfRequest(invoice, request)) {
    throw new Error('the idempotency key or preimage of an invoice was used again for a different request')
  }
  return { bolt11: invoice.payment_request, paymentHash, expiresAt: invoice.creation_date + invoice.expiry }
}

/** The state of one invoice. Throws `LightningUnavailable`. */
export async function lookUpInvoice(
  { connection, now }: Source,
  paymentHash: string,
  signal: AbortSignal,
): Promise<InvoiceState> {
  const invoice = await findInvoice(connection, paymentHash, signal)
  if (invoice === null) return { status: 'unknown' }
  const isOver = now() >= invoice.creation_date + invoice.expiry
  switch (invoice.state) {
    case 'OPEN':
      return { status: isOver ? 'expired' : 'open' }
    case 'CANCELED':
      // LND cancels an invoice when it expires (invoices/invoice_expiry_watcher.go) and does not tell the difference.
      return { status: isOver ? 'expired' : 'cancelled' }
    case 'ACCEPTED':
      return { status: 'accepted', ...acceptedOf(invoice) }
    case 'SETTLED': {
      const { r_preimage: preimage, amt_paid_msat: receivedMsat, settle_date: at } = invoice
      if (preimage === null || hashOf(preimage) !== paymentHash) {
        throw new LightningUnavailable('lnd gives another preimage than that of the invoice')
      }
      return { status: 'settled', receivedMsat, at, preimage }
    }
  }
}

/** What waits to be taken, since its last part arrived. */
export function acceptedOf({ amt_paid_msat, htlcs }: Invoice): { receivedMsat: number; at: number } {
  const times = htlcs.filter(({ state }) => state === 'ACCEPTED').map(({ accept_time }) => accept_time)
  if (times.length === 0) throw new LightningUnavailable('lnd holds a payment without parts')
  return { receivedMsat: amt_paid_msat, at: Math.max(...times) }
}

/**
 * Takes the payment that was accepted (LND REST, settleinvoice). A refusal is explained by the state of the invoice, not by
 * its text. Throws `LightningUnavailable`.
 */
export async function settleHold(
  connection: LndConnection,
  preimage: string,
  signal: AbortSignal,
): Promise<'settled' | 'lost'> {
  const json = { preimage: base64(preimage) }
  const said = await connection.call(anything, { method: 'POST', path: '/v2/invoices/settle', json }, signal)
  if ('answer' in said) return 'settled'
  const invoice = await findInvoice(connection, hashOf(preimage), signal)
  if (invoice?.state === 'SETTLED') return 'settled'
  if (invoice?.state === 'ACCEPTED') throw unexpected(said.refusal)
  return 'lost'
}

/** Gives an accepted payment back and ends the invoice (LND REST, cancelinvoice). Throws `LightningUnavailable`. */
export async function cancelHold(
  connection: LndConnection,
  paymentHash: string,
  signal: AbortSignal,
): Promise<'cancelled' | 'settled'> {
  const json = { payment_hash: base64(paymentHash) }
  const said = await connection.call(anything, { method: 'POST', path: '/v2/invoices/cancel', json }, signal)
  if ('answer' in said) return 'cancelled'
  const invoice = await findInvoice(connection, paymentHash, signal)
  if (invoice?.state === 'SETTLED') return 'settled'
  if (invoice === null || invoice.state === 'CANCELED') return 'cancelled'
  throw unexpected(said.refusal)
}

function isOfRequest(invoice: Invoice, request: InvoiceRequest): boolean {
  const { amountMsat, description, descriptionHash = null, expirySeconds, hold = false } = request
  // LND does not say whether payments are held, but it knows no preimage while they are, and it does otherwise.
  const isAsHeld = invoice.state === 'SETTLED' || (invoice.r_preimage === null) === hold
  return (
    invoice.value_msat === amountMsat &&
    invoice.memo === description &&
    invoice.description_hash === descriptionHash &&
    invoice.expiry === expirySeconds &&
    isAsHeld
  )
}

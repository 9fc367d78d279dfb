import { createHash } from 'node:crypto'
import { parseBolt11 } from '../../../bolt11.ts'
import { checkInvoiceRequest, isHash } from '../invoice-request.ts'
import { type CreatedInvoice, type InvoiceRequest, type InvoiceState, LightningUnavailable } from '../port.ts'
import type { LnbitsApi, Payment } from './api.ts'

/** LNbits makes invoices of whole satoshis. */
export const resolutionMsat = 1_000

/** Throws a RangeError for what LNbits cannot write as an invoice, an Error for one that holds payments. */
export function checkRequest(request: InvoiceRequest): void {
  checkInvoiceRequest(request)
  if (request.hold) throw new Error('LNbits cannot hold payments')
  if (request.amountMsat % resolutionMsat !== 0) throw new RangeError('LNbits makes invoices of whole satoshis')
  // LNbits, services/payments.py: an empty memo becomes the title of the site.
  if (request.description === '' && request.descriptionHash === undefined) {
    throw new RangeError('LNbits makes no invoice without a description')
  }
}

/**
 * Makes an invoice, or finds the one that was made for the key before. LNbits has no request that is carried out only
 * once, but keeps a tag with every payment (`extra.tag`) and finds payments by it. The caller sees to it that there is one
 * call per key at a time. A request whose answer was lost and that LNbits still works on while it is asked again can
 * leave a second invoice behind, which nobody has seen.
 */
export async function createInvoice(
  api: LnbitsApi,
  request: InvoiceRequest,
  signal: AbortSignal,
): Promise<CreatedInvoice> {
  const tag = `panda-${sha256(request.idempotencyKey).slice(0, 32)}`
  const fingerprint = fingerprintOf(request)
  const row = (await find(api, tag, signal)) ?? (await make(api, { request, tag, fingerprint }, signal))
  if (row.extra?.request !== fingerprint) {
    throw new Error('the idempotency key of an invoice was used again for a different request')
  }
  // The answer gives the expiry as a time whose zone depends on the version: the signed invoice has no doubt.
  const invoice = parseBolt11(row.bolt11)
  if (invoice?.paymentHash !== row.payment_hash) {
    throw new LightningUnavailable('LNbits answers with an invoice that cannot be read')
  }
  return { bolt11: row.bolt11, paymentHash: row.payment_hash, expiresAt: invoice.expiresAt }
}

async function find(api: LnbitsApi, tag: string, signal: AbortSignal): Promise<Payment | undefined> {
  const filters = { tag, sortby: 'time', direction: 'asc', limit: '10' }
  const first = (await api.payments(filters, signal)).payments.find(({ amount }) => amount > 0)
  return first && requireTag(first, tag)
}

async function make(
  api: LnbitsApi,
  { request, tag, fingerprint }: { request: InvoiceRequest; tag: string; fingerprint: string },
  signal: AbortSignal,
): Promise<Payment> {
  const { amountMsat, description, descriptionHash, expirySeconds } = request
  const body = {
    out: false,
    unit: 'sat',
    amount: amountMsat / resolutionMsat,
    memo: description,
    ...(descriptionHash === undefined ? {} : { description_hash: descriptionHash }),
    expiry: expirySeconds,
    extra: { tag, request: fingerprint },
  }
  return requireTag(await api.createInvoice(body, signal), tag)
}

/** A version that does not keep or find tags would make a new invoice at every retry: then none is handed out. */
function requireTag(row: Payment, tag: string): Payment {
  if (row.tag === tag) return row
  throw new LightningUnavailable('this version of LNbits does not find payments by their tag')
}

/** The state of one of the wallet's invoices. */
export async function lookUpInvoice(
  api: LnbitsApi,
  paymentHash: string,
  { now, signal }: { now: () => number; signal: AbortSignal },
): Promise<InvoiceState> {
  const answer = isHash(paymentHash) ? await api.payment(paymentHash, signal) : null
  if (answer === null) return { status: 'unknown' }
  // The funding source may have it while LNbits missed the news: only what LNbits has booked can be spent. An invoice
  // that the wallet itself paid has two lines, and LNbits answers with the outgoing one.
  const isBehind = answer.payment.status === 'pending' && answer.live === 'success'
  const row =
    answer.payment.amount < 0 || isBehind
      ? (await bookedPayments(api, paymentHash, signal)).find(({ amount }) => amount > 0)
      : answer.payment
  if (row === undefined) return { status: 'unknown' }
  if (row.status === 'success') return { status: 'settled', ...arrivalOf(row), preimage: row.preimage ?? '' }
  if ((parseBolt11(row.bolt11)?.expiresAt ?? 0) <= now()) return { status: 'expired' }
  return { status: row.status === 'failed' ? 'cancelled' : 'open' }
}

/** The wallet's lines with this payment hash, once LNbits has asked its funding source about the pending ones. */
export async function bookedPayments(api: LnbitsApi, paymentHash: string, signal: AbortSignal): Promise<Payment[]> {
  const filters = { payment_hash: paymentHash, recheck_pending: 'true', limit: '10' }
  const { payments } = await api.payments(filters, signal)
  return payments.filter(row => row.payment_hash === paymentHash)
}

/**
 * What arrived, as far as LNbits knows: it books what the invoice asked for. It has no time of settlement; the line is
 * last changed then, in versions that keep account of that (lnbits/lnbits#3159), else `at` is when the invoice was made.
 */
export function arrivalOf(row: Payment): { receivedMsat: number; at: number } {
  return { receivedMsat: row.amount, at: Math.max(row.time, row.updated_at ?? 0) }
}

function fingerprintOf(request: InvoiceRequest): string {
  const { amountMsat, description, descriptionHash = null, expirySeconds } = request
  return sha256(JSON.stringify([amountMsat, description, descriptionHash, expirySeconds]))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

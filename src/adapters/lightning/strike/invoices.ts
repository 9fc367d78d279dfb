import { createHash } from 'node:crypto'
import { parseBolt11 } from '../../../bolt11.ts'
import { checkInvoiceRequest, isHash } from '../invoice-request.ts'
import {
  type CreatedInvoice,
  InvoiceRefused,
  type InvoiceRequest,
  type InvoiceState,
  LightningUnavailable,
} from '../port.ts'
import { type Receive, type ReceiveRequest, type StrikeApi, unavailable } from './api.ts'
import { btcOf, msatOf } from './money.ts'
import type { Register } from './register.ts'

/** Strike counts bitcoin in satoshis. */
export const resolutionMsat = 1_000
/** docs.strike.me/api/create-a-receive-request */
export const maxDescriptionLength = 250

/** Throws a RangeError for what Strike cannot write as an invoice, an Error for one that holds payments. */
export function checkRequest(request: InvoiceRequest): void {
  checkInvoiceRequest(request)
  if (request.hold) throw new Error('Strike cannot hold payments')
  if (request.amountMsat % resolutionMsat !== 0) throw new RangeError('Strike makes invoices of whole satoshis')
  if (request.descriptionHash === undefined && request.description.length > maxDescriptionLength) {
    throw new RangeError(`Strike takes descriptions of at most ${maxDescriptionLength} characters`)
  }
}

/**
 * Makes an invoice, or finds the one that was made for the key before. Of several that are made at once, here or
 * elsewhere, the first that is registered counts; the others nobody sees.
 */
export async function createInvoice(
  { api, register }: { api: StrikeApi; register: Register },
  request: InvoiceRequest,
  signal: AbortSignal,
): Promise<CreatedInvoice> {
  const name = `invoice ${request.idempotencyKey}`
  const fingerprint = fingerprintOf(request)
  const before = await register.read(name, signal)
  const made = before === null ? await make(api, request, signal) : null
  const entry = before ?? (await register.write(name, `${made?.receiveRequestId} ${fingerprint}`, signal))
  const [id = '', registered] = entry.split(' ')
  if (registered !== fingerprint) {
    throw new Error('the idempotency key of an invoice was used again for a different request')
  }
  const { bolt11 } = made?.receiveRequestId === id ? made : await api.receiveRequest(id, signal)
  const invoice = parseBolt11(bolt11?.invoice ?? '')
  if (!bolt11 || invoice?.paymentHash !== bolt11.paymentHash) {
    throw new LightningUnavailable('Strike answers with an invoice that cannot be read')
  }
  return { bolt11: bolt11.invoice, paymentHash: bolt11.paymentHash, expiresAt: invoice.expiresAt }
}

async function make(api: StrikeApi, request: InvoiceRequest, signal: AbortSignal): Promise<ReceiveRequest> {
  const { amountMsat, description, descriptionHash, expirySeconds } = request
  const bolt11 = {
    amount: { amount: btcOf(amountMsat), currency: 'BTC' },
    // Of no characters it may not be; left out, the invoice says nothing.
    ...(descriptionHash === undefined ? description !== '' && { description } : { descriptionHash }),
    expiryInSeconds: expirySeconds,
  }
  const made = await api.createReceiveRequest({ bolt11, targetCurrency: 'BTC' }, signal)
  if (!('refused' in made)) return made
  // That there is no such call is not about the invoice.
  if (made.refused === 'NOT_FOUND') throw unavailable(made)
  throw new InvoiceRefused(`Strike refuses the invoice (${made.refused})`)
}

/** The state of one of the account's invoices. */
export async function lookUpInvoice(
  api: StrikeApi,
  paymentHash: string,
  { now, signal }: { now: () => number; signal: AbortSignal },
): Promise<InvoiceState> {
  const request = isHash(paymentHash) ? await api.receiveRequestByHash(paymentHash, signal) : null
  if (request === null) return { status: 'unknown' }
  const receives = await api.receivesOf(request.receiveRequestId, signal)
  const receive = receives.find(({ state, type }) => state === 'COMPLETED' && type !== 'ONCHAIN')
  if (receive !== undefined) {
    return { status: 'settled', ...arrivalOf(receive), preimage: receive.lightning?.preimage ?? '' }
  }
  return { status: (request.bolt11?.expires ?? 0) <= now() ? 'expired' : 'open' }
}

/**
 * What arrived. Another Strike user may have paid from a balance in other money: then what was credited counts, which is
 * bitcoin for our requests. Throws `LightningUnavailable` when neither is.
 */
export function arrivalOf(receive: Receive): { receivedMsat: number; at: number } {
  const { amountReceived, amountCredited, completed, created } = receive
  const counted = [amountReceived, amountCredited].find(money => money?.currency === 'BTC')
  if (!counted) throw new LightningUnavailable('Strike received something other than bitcoin')
  return { receivedMsat: msatOf(counted.amount), at: Math.floor(completed ?? created) }
}

function fingerprintOf(request: InvoiceRequest): string {
  const { amountMsat, description, descriptionHash = null, expirySeconds } = request
  const text = JSON.stringify([amountMsat, description, descriptionHash, expirySeconds])
  return createHash('sha256').update(text).digest('hex')
}

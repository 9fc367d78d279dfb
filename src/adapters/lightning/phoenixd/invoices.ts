import { z } from 'zod'
import { readAnswer } from '../http-client.ts'
import { checkInvoiceRequest } from '../invoice-request.ts'
import {
  type CreatedInvoice,
  InvoiceRefused,
  type InvoiceRequest,
  type InvoiceState,
  LightningUnavailable,
} from '../port.ts'
import type { Turns } from '../turns.ts'
import { type Api, hash, instant, refused } from './api.ts'
import { arrivalOf, incomingPayment } from './arrivals.ts'
import { decodeInvoice } from './decoding.ts'

/** `createinvoice`: a description has at most so many characters. */
export const maxDescriptionLength = 128

const created = z.object({ paymentHash: hash, serialized: z.string() })
const listed = z.array(
  z.object({ externalId: z.string().optional(), invoice: z.string().optional(), createdAt: instant }),
)

/**
 * Makes an invoice, whose preimage phoenixd chooses. It lets any number of invoices have one `externalId`: the process asks
 * for one key at a time, looks for an invoice first, and where there are several after all, since an answer was lost, the
 * oldest is the one. Throws a RangeError for what cannot be written, and an Error when the key belongs to a different
 * request.
 */
export async function createInvoice(
  api: Api,
  turns: Turns,
  request: InvoiceRequest,
  signal: AbortSignal,
): Promise<CreatedInvoice> {
  checkWritable(request)
  const externalId = `panda:${request.idempotencyKey}`
  return turns.take(externalId, signal, async () => {
    let bolt11 = await findInvoice(api, externalId, signal)
    if (bolt11 === null) {
      const form = { ...formOf(request), externalId }
      const { status, body } = await api.send({ method: 'POST', path: '/createinvoice', form }, signal)
      // What it will not write it says with 400 (phoenixd, Api.kt).
      if (status === 400) throw new InvoiceRefused('phoenixd refuses the invoice')
      if (status !== 200) throw refused(status)
      readAnswer(created, body)
      bolt11 = await findInvoice(api, externalId, signal)
    }
    if (bolt11 === null) throw new LightningUnavailable('phoenixd does not list the invoice that it made')
    const decoded = await decodeInvoice(api, bolt11, signal)
    if (decoded === null) throw new LightningUnavailable('phoenixd cannot read the invoice that it made')
    const { amountMsat, description = '', descriptionHash, expirySeconds, paymentHash, expiresAt } = decoded
    const isSame =
      amountMsat === request.amountMsat &&
      descriptionHash === request.descriptionHash &&
      (descriptionHash !== undefined || description === request.description) &&
      expirySeconds === request.expirySeconds
    if (!isSame) throw new Error('the idempotency key of an invoice was used again for a different request')
    return { bolt11, paymentHash, expiresAt }
  })
}

/** The state of an invoice, as phoenixd tells it. */
export async function lookUpInvoice(api: Api, paymentHash: string, signal: AbortSignal): Promise<InvoiceState> {
  const request = { method: 'GET', path: `/payments/incoming/${paymentHash}` } as const
  const found = await api.find(request, incomingPayment, signal)
  if (found === null) return { status: 'unknown' }
  if (found.paymentHash !== paymentHash) throw new LightningUnavailable('phoenixd answers for another invoice')
  if (found.isPaid) return { status: 'settled', ...arrivalOf(found), preimage: found.preimage }
  return { status: found.isExpired ? 'expired' : 'open' }
}

function checkWritable(request: InvoiceRequest): void {
  checkInvoiceRequest(request)
  if (request.hold === true) throw new RangeError('phoenixd cannot hold payments')
  if (request.amountMsat % 1_000 !== 0) throw new RangeError('phoenixd makes invoices for whole satoshis only')
  if (request.descriptionHash === undefined && request.description.length > maxDescriptionLength) {
    throw new RangeError(`the description of an invoice has more than ${maxDescriptionLength} characters`)
  }
}

function formOf({ amountMsat, description, descriptionHash, expirySeconds }: InvoiceRequest): Record<string, string> {
  return {
    amountSat: String(amountMsat / 1_000),
    expirySeconds: String(expirySeconds),
    ...(descriptionHash === undefined ? { description } : { descriptionHash }),
  }
}

async function findInvoice(api: Api, externalId: string, signal: AbortSignal): Promise<string | null> {
  const query = { externalId, all: 'true', limit: '1000' }
  const all = await api.read({ method: 'GET', path: '/payments/incoming', query }, listed, signal)
  const own = all.filter(one => one.externalId === externalId).sort((a, b) => a.createdAt - b.createdAt)
  return own[0]?.invoice ?? null
}

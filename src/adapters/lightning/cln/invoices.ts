import { createHash } from 'node:crypto'
import { z } from 'zod'
import { checkInvoiceRequest } from '../invoice-request.ts'
import {
  type CreatedInvoice,
  InvoiceRefused,
  type InvoiceRequest,
  type InvoiceState,
  LightningUnavailable,
} from '../port.ts'
import { hash, msat, type Rpc, refusals, refused } from './rpc.ts'

/** lightning-invoice: anything else, no channel to be paid through, none with room; and parameters that it does not take. */
const codesAboutInvoices: readonly number[] = [-1, 902, 903, refusals.invalidParameters]

/** Answer of lightning-invoice. */
const created = z.object({ bolt11: z.string(), payment_hash: hash, expires_at: z.int() })

/** One entry of lightning-listinvoices. */
const listed = z.discriminatedUnion('status', [
  z.object({ status: z.literal('unpaid'), payment_hash: hash }),
  z.object({ status: z.literal('expired'), payment_hash: hash }),
  z.object({
    status: z.literal('paid'),
    payment_hash: hash,
    amount_received_msat: msat,
    paid_at: z.int(),
    payment_preimage: hash,
  }),
])
const listedStates = z.object({ invoices: z.array(listed) })

/** What an entry says of the request that it was made by; BOLT 12 invoices, which we never make, have other fields. */
const listedRequests = z.object({
  invoices: z.array(
    z.object({
      bolt11: z.string(),
      payment_hash: hash,
      amount_msat: msat.optional(),
      description: z.string().optional(),
      expires_at: z.int(),
    }),
  ),
})

/**
 * Makes an invoice. Its label is unique in the node (lightning-invoice, code 900): a repeated request finds the first one,
 * also when that one's answer was lost. Throws a RangeError for what cannot be written, and an Error when the key or the
 * preimage belongs to a different request.
 */
export async function createInvoice(rpc: Rpc, request: InvoiceRequest, signal: AbortSignal): Promise<CreatedInvoice> {
  checkWritable(request)
  const label = labelOf(request.idempotencyKey)
  const { amountMsat, description, expirySeconds, preimage } = request
  const parameters = { amount_msat: amountMsat, label, description, expiry: expirySeconds, preimage }
  const answer = await rpc.call('invoice', parameters, created, signal)
  if (answer.status === 'done') {
    const { bolt11, payment_hash: paymentHash, expires_at: expiresAt } = answer.result
    if (paymentHash !== hashOf(preimage)) throw new LightningUnavailable('the node made an invoice of another preimage')
    return { bolt11, paymentHash, expiresAt }
  }
  if (answer.code === refusals.labelExists) return findInvoice(rpc, label, request, signal)
  if (answer.code === refusals.preimageExists) throw usedBefore()
  if (codesAboutInvoices.includes(answer.code)) {
    throw new InvoiceRefused(`the node refuses the invoice with code ${answer.code}`)
  }
  throw refused('invoice', answer.code)
}

/** The state of an invoice, as the node tells it: it decides when one has expired, since it takes no payment then. */
export async function lookUpInvoice(rpc: Rpc, paymentHash: string, signal: AbortSignal): Promise<InvoiceState> {
  const { invoices } = await rpc.read('listinvoices', { payment_hash: paymentHash }, listedStates, signal)
  const [invoice] = invoices
  if (invoice === undefined) return { status: 'unknown' }
  if (invoice.payment_hash !== paymentHash) throw new LightningUnavailable('the node answers for another invoice')
  switch (invoice.status) {
    case 'unpaid':
      return { status: 'open' }
    case 'expired':
      return { status: 'expired' }
    case 'paid':
      return {
        status: 'settled',
        receivedMsat: invoice.amount_received_msat,
        at: invoice.paid_at,
        preimage: invoice.payment_preimage,
      }
  }
}

function checkWritable(request: InvoiceRequest): void {
  checkInvoiceRequest(request)
  if (request.hold === true) throw new RangeError('Core Lightning cannot hold payments')
  // `deschashonly` hashes the description itself: a hash of what only the caller has cannot be written (lightning-invoice).
  if (request.descriptionHash !== undefined) throw new RangeError('Core Lightning takes no hash of a description')
  // JSON writes control characters and halves of characters so, which the node does not read (lightning-invoice).
  if (JSON.stringify(request.description).replaceAll('\\\\', '').includes('\\u')) {
    throw new RangeError('the description of an invoice has control characters')
  }
}

/** Readable in the node's own lists where the key allows; a label has at most 128 bytes there (lightningd, invoice.c). */
function labelOf(idempotencyKey: string): string {
  if (/^[\w.:@-]{1,100}$/.test(idempotencyKey)) return `panda:${idempotencyKey}`
  return `panda#${createHash('sha256').update(idempotencyKey).digest('hex')}`
}

async function findInvoice(
  rpc: Rpc,
  label: string,
  request: InvoiceRequest,
  signal: AbortSignal,
): Promise<CreatedInvoice> {
  const { invoices } = await rpc.read('listinvoices', { label }, listedRequests, signal)
  const [found] = invoices
  if (found === undefined) throw new LightningUnavailable('the node had the invoice, and has it no more')
  const { bolt11, payment_hash: paymentHash, expires_at: expiresAt, description = '' } = found
  const isSame =
    paymentHash === hashOf(request.preimage) &&
    found.amount_msat === request.amountMsat &&
    description === request.description &&
    expiresAt - timestampOf(bolt11) === request.expirySeconds
  if (!isSame) throw usedBefore()
  return { bolt11, paymentHash, expiresAt }
}

/** Unix seconds: the first seven characters after the separator (BOLT 11, data part). */
function timestampOf(bolt11: string): number {
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
  const start = bolt11.lastIndexOf('1') + 1
  return [...bolt11.slice(start, start + 7)].reduce((sum, letter) => sum * 32 + alphabet.indexOf(letter), 0)
}

function hashOf(preimage: string): string {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
}

function usedBefore(): Error {
  return new Error('the idempotency key or preimage of an invoice was used again for a different request')
}

import { z } from 'zod'
import { readAnswer } from '../http-client.ts'
import { LightningUnavailable, type PaymentOutcome, type PaymentRequest } from '../port.ts'
import { type Api, amount, hash, instant } from './api.ts'
import { decodeInvoice } from './decoding.ts'

/** Payments that this process asked for and has no answer to, by hash. */
export type Unanswered = Map<string, { readonly at: number; before: string | null }>

/** How long phoenixd may take from a request to its list of payments; it is there before anything is sent. */
const listedWithinSeconds = 60
const maxReasonCharacters = 200

/** Entry of `/payments/outgoingbyhash`; `fees` are millisatoshi. phoenixd shows the one that matters most. */
const outgoingPayment = z.object({
  paymentId: z.string(),
  paymentHash: hash.optional(),
  isPaid: z.boolean(),
  preimage: hash.optional(),
  fees: amount,
  completedAt: instant.optional(),
})
type Outgoing = z.output<typeof outgoingPayment>

/** Answer of `/payinvoice`. */
const answered = z.union([z.object({ paymentPreimage: hash, routingFeeSat: amount }), z.object({ reason: z.string() })])

type Context = { readonly api: Api; readonly unanswered: Unanswered; readonly now: () => number }

/** What phoenixd takes for a payment, 4 sat and 0.4 percent; it can be told neither more nor less (lightning-kmp, TrampolineFees). */
export function feeMsatOf(amountMsat: number): number {
  return 4_000 + Math.ceil(amountMsat / 250)
}

/**
 * Pays. phoenixd refuses what it has paid, but not what it is paying already: that is asked before. Never throws for what
 * phoenixd does.
 */
export async function pay(context: Context, request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome> {
  try {
    const invoice = await decodeInvoice(context.api, request.bolt11, signal)
    if (invoice === null) return { status: 'failed', reason: 'phoenixd cannot read this invoice' }
    const { paymentHash } = invoice
    if (isUnanswered(context, paymentHash)) {
      const outcome = await lookUpPayment(context, paymentHash, signal)
      return outcome?.status === 'paid' ? outcome : { status: 'unknown' }
    }
    const run = { at: context.now(), before: null as string | null }
    context.unanswered.set(paymentHash, run)
    const known = await knownBefore(context, paymentHash, signal)
    run.before = known.paymentId
    const outcome = known.outcome ?? refusalOf(invoice, request, context.now())
    if (outcome === null) return await payNow(context, request, paymentHash, signal)
    context.unanswered.delete(paymentHash)
    return outcome
  } catch (error) {
    if (error instanceof LightningUnavailable) return { status: 'unknown' }
    throw error
  }
}

/** What became of a payment. */
export async function lookUpPayment(
  context: Context,
  paymentHash: string,
  signal: AbortSignal,
): Promise<PaymentOutcome | null> {
  const found = await findPayment(context.api, paymentHash, signal)
  if (found === null) return null
  const outcome = outcomeOf(found)
  // It may be an earlier one, while the one asked for last is on its way to the list.
  const isEarlier = found.paymentId === context.unanswered.get(paymentHash)?.before
  const isOpen = outcome.status === 'failed' && isEarlier && isUnanswered(context, paymentHash)
  return isOpen ? { status: 'unknown' } : outcome
}

/** The payment that phoenixd lists, and what became of it unless it failed, so that it can be tried again. */
async function knownBefore(
  { api, unanswered }: Context,
  paymentHash: string,
  signal: AbortSignal,
): Promise<{ paymentId: string | null; outcome: PaymentOutcome | null }> {
  try {
    const found = await findPayment(api, paymentHash, signal)
    const outcome = found === null ? null : outcomeOf(found)
    return { paymentId: found?.paymentId ?? null, outcome: outcome?.status === 'failed' ? null : outcome }
  } catch (error) {
    // Nothing was asked.
    unanswered.delete(paymentHash)
    throw error
  }
}

/** Why phoenixd need not be asked: it does not look at how much a payment costs, nor at when an invoice expires. */
function refusalOf(
  { amountMsat, expiresAt }: { amountMsat: number | undefined; expiresAt: number },
  { maxFeeMsat }: PaymentRequest,
  now: number,
): PaymentOutcome | null {
  if (amountMsat === undefined) return { status: 'failed', reason: 'the invoice names no amount' }
  if (feeMsatOf(amountMsat) > maxFeeMsat) return { status: 'failed', reason: 'the fee is above the limit' }
  return now >= expiresAt ? { status: 'failed', reason: 'the invoice has expired' } : null
}

async function payNow(
  context: Context,
  { bolt11 }: PaymentRequest,
  paymentHash: string,
  signal: AbortSignal,
): Promise<PaymentOutcome> {
  const request = { method: 'POST', path: '/payinvoice', form: { invoice: bolt11 } } as const
  const { status, body } = await context.api.send(request, signal)
  // Who may not pay, or not so, has not paid.
  if (status === 401 || status === 400) {
    context.unanswered.delete(paymentHash)
    const reason = status === 401 ? 'this password does not allow to pay' : 'phoenixd cannot pay this invoice'
    return { status: 'failed', reason }
  }
  if (status !== 200) return { status: 'unknown' }
  const answer = readAnswer(answered, body)
  context.unanswered.delete(paymentHash)
  if ('reason' in answer) {
    // It also says so of what it has paid before, and of this try while another one is under way.
    const outcome = await lookUpPayment(context, paymentHash, signal)
    if (outcome !== null && outcome.status !== 'failed') return outcome
    return { status: 'failed', reason: answer.reason.slice(0, maxReasonCharacters) }
  }
  const { paymentPreimage: preimage, routingFeeSat } = answer
  const paid: PaymentOutcome = { status: 'paid', preimage, feeMsat: routingFeeSat * 1_000 }
  // The answer leaves out parts of a satoshi; the list has them.
  const exact = await lookUpPayment(context, paymentHash, signal).catch(() => null)
  return exact?.status === 'paid' ? exact : paid
}

function isUnanswered({ unanswered, now }: Context, paymentHash: string): boolean {
  for (const [asked, { at }] of unanswered) if (at + listedWithinSeconds <= now()) unanswered.delete(asked)
  return unanswered.has(paymentHash)
}

async function findPayment(api: Api, paymentHash: string, signal: AbortSignal): Promise<Outgoing | null> {
  const request = { method: 'GET', path: `/payments/outgoingbyhash/${paymentHash}` } as const
  const found = await api.find(request, outgoingPayment, signal)
  if (found?.paymentHash !== undefined && found.paymentHash !== paymentHash) {
    throw new LightningUnavailable('phoenixd answers for another payment')
  }
  return found
}

/** A payment that ended otherwise has a time of completion too (phoenixd, JsonSerializers.kt). */
function outcomeOf({ isPaid, preimage, fees, completedAt }: Outgoing): PaymentOutcome {
  if (isPaid && preimage !== undefined) return { status: 'paid', preimage, feeMsat: fees }
  // Early versions called everything paid that had ended.
  if (isPaid || completedAt === undefined) return { status: 'unknown' }
  return { status: 'failed', reason: 'the payment failed' }
}

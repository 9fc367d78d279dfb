import { randomUUID } from 'node:crypto'
import { parseBolt11 } from '../../../bolt11.ts'
import { LightningUnavailable, type PaymentOutcome, type PaymentRequest } from '../port.ts'
import type { Payment, StrikeApi } from './api.ts'
import type { Register } from './register.ts'

/**
 * What Strike refuses to pay for ever, by its documented codes (docs.strike.me/api, Errors). Others may mean that it is
 * being paid, or was, or that it is too busy.
 */
const finalRefusals = new Set([
  ...['AMOUNT_TOO_HIGH', 'AMOUNT_TOO_LOW', 'BALANCE_TOO_LOW', 'INVALID_AMOUNT', 'INVALID_LN_INVOICE'],
  ...['INVALID_RECIPIENT', 'INVALID_STATE_FOR_INVOICE_EXPIRED', 'LN_ROUTE_NOT_FOUND', 'PAYMENT_QUOTE_EXPIRED'],
  ...['SELF_PAYMENT_NOT_ALLOWED', 'TOO_MANY_TRANSACTIONS', 'USER_CURRENCY_UNAVAILABLE'],
])

type Place = {
  readonly api: StrikeApi
  readonly register: Register
  /** Entries about payments that could not be registered, by payment hash: as long as the process lives they are not lost. */
  readonly unregistered: Map<string, string>
}

/**
 * Pays once. Strike executes a quote once only, and finds payments by nothing but the id that it answers with: so we
 * register which quote is going to pay an invoice before it is executed, and its payment after. The caller sees to it
 * that there is one call per invoice at a time. Throws `LightningUnavailable` when the outcome is not known.
 */
export async function pay(place: Place, request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome> {
  const { api, register } = place
  const invoice = parseBolt11(request.bolt11)
  if (invoice === null) return { status: 'failed', reason: 'this is no invoice' }
  const { paymentHash, amountMsat } = invoice
  if (amountMsat === null) return { status: 'failed', reason: 'this invoice names no amount' }
  const made = await outcomeOfMade(place, paymentHash, signal)
  if (made !== null) return made
  // The same quote again: if it was executed Strike says so, if not this is still the payment that was asked for.
  const chosen = await register.read(quoteOf(paymentHash), signal)
  if (chosen !== null) return execute(place, { paymentHash, quoteId: chosen, isFirst: false }, signal)

  // A new quote at every try: until it is registered it pays nothing.
  const quote = await api.createQuote(request.bolt11, randomUUID(), signal)
  if ('refused' in quote) return refusedOutcome(quote.refused)
  const feeMsat = quote.totalAmount - amountMsat
  if (feeMsat < 0) throw new LightningUnavailable('Strike quotes less than what the invoice asks for')
  if (feeMsat > request.maxFeeMsat) {
    return { status: 'failed', reason: `Strike asks for a fee of ${feeMsat} msat, which is above the limit` }
  }
  const quoteId = await register.write(quoteOf(paymentHash), quote.paymentQuoteId, signal)
  return execute(place, { paymentHash, quoteId, isFirst: quoteId === quote.paymentQuoteId }, signal)
}

async function execute(
  place: Place,
  { paymentHash, quoteId, isFirst }: { paymentHash: string; quoteId: string; isFirst: boolean },
  signal: AbortSignal,
): Promise<PaymentOutcome> {
  const { api } = place
  const answer = await api.executeQuote(quoteId, signal)
  if (!('refused' in answer)) {
    await remember(place, paymentHash, answer.paymentId, signal)
    return outcomeOf(answer)
  }
  // The quote was executed before, and the answer got lost.
  if (answer.paymentId !== null) {
    await remember(place, paymentHash, answer.paymentId, signal)
    return outcomeOf(await api.payment(answer.paymentId, signal))
  }
  const outcome = refusedOutcome(answer.refused)
  // At a second try the first may have paid, whatever the second is refused for.
  if (!isFirst || outcome.status !== 'failed') return { status: 'unknown' }
  // Not registered, it could be tried again after a restart, and succeed: then it has not failed.
  const isKept = await remember(place, paymentHash, `${refusedMark}${answer.refused}`, signal)
  return isKept ? outcome : { status: 'unknown' }
}

/** Registers what Strike answered, or keeps it as long as the process lives; says whether it is registered. */
async function remember(place: Place, paymentHash: string, entry: string, signal: AbortSignal): Promise<boolean> {
  try {
    const kept = await place.register.write(paymentOf(paymentHash), entry, signal)
    place.unregistered.delete(paymentHash)
    return kept === entry
  } catch (error) {
    if (!(error instanceof LightningUnavailable)) throw error
    place.unregistered.set(paymentHash, entry)
    return false
  }
}

/**
 * What became of a payment; `null` when none was going to be made. Where Strike's answer got lost only the quote tells, by
 * being executed again: one that was is not executed twice, and one that was not is the payment that was asked for. Throws
 * `LightningUnavailable`.
 */
export async function lookUpPayment(
  place: Place,
  paymentHash: string,
  signal: AbortSignal,
): Promise<PaymentOutcome | null> {
  const made = await outcomeOfMade(place, paymentHash, signal)
  if (made !== null) return made
  const chosen = await place.register.read(quoteOf(paymentHash), signal)
  return chosen === null ? null : execute(place, { paymentHash, quoteId: chosen, isFirst: false }, signal)
}

/** What became of a payment that Strike answered for; `null` when there is no such answer. */
async function outcomeOfMade(place: Place, paymentHash: string, signal: AbortSignal): Promise<PaymentOutcome | null> {
  const { api, register, unregistered } = place
  const forgotten = unregistered.get(paymentHash)
  const isKept = forgotten === undefined || (await remember(place, paymentHash, forgotten, signal))
  const made = forgotten ?? (await register.read(paymentOf(paymentHash), signal))
  if (made === null) return null
  if (made.startsWith(refusedMark)) {
    return isKept ? refusedOutcome(made.slice(refusedMark.length)) : { status: 'unknown' }
  }
  return outcomeOf(await api.payment(made, signal))
}

const refusedMark = 'refused '

function quoteOf(paymentHash: string): string {
  return `quote for ${paymentHash}`
}

function paymentOf(paymentHash: string): string {
  return `payment of ${paymentHash}`
}

function outcomeOf({ state, amount, totalAmount, lightning }: Payment): PaymentOutcome {
  if (state === 'FAILED') return { status: 'failed', reason: 'Strike says that the payment failed' }
  if (state === 'PENDING') return { status: 'unknown' }
  return { status: 'paid', preimage: lightning?.preimage ?? '', feeMsat: Math.max(0, totalAmount - amount) }
}

function refusedOutcome(refused: string): PaymentOutcome {
  if (!finalRefusals.has(refused)) return { status: 'unknown' }
  return { status: 'failed', reason: `Strike refuses the payment (${refused})` }
}

import { parseBolt11 } from '../../../bolt11.ts'
import { LightningUnavailable, type PaymentOutcome, type PaymentRequest } from '../port.ts'
import type { LnbitsApi, Payment } from './api.ts'
import { bookedPayments } from './invoices.ts'

const maxReasonCharacters = 200

/**
 * Pays once: LNbits takes each invoice of others once only, known by its payment hash (services/payments.py). The caller
 * sees to it that there is one call per invoice at a time. Throws `LightningUnavailable` when the outcome is not known.
 */
export async function pay(api: LnbitsApi, request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome> {
  const { bolt11, maxFeeMsat } = request
  const invoice = parseBolt11(bolt11)
  if (invoice === null) return { status: 'failed', reason: 'this is no invoice' }
  if (invoice.amountMsat === null) return { status: 'failed', reason: 'this invoice names no amount' }
  const before = await lookUpPayment(api, invoice.paymentHash, signal)
  if (before !== null) return before
  // LNbits takes no fee limit with a payment: it allows what it reserves, which depends on its settings and the amount.
  const reserveMsat = await api.feeReserveMsat(bolt11, signal)
  if (reserveMsat > maxFeeMsat) {
    return { status: 'failed', reason: `LNbits reserves ${reserveMsat} msat for fees, which is above the limit` }
  }
  const answer = await api.pay(bolt11, signal)
  if (!('refused' in answer)) return outcomeOf(answer)
  // "Internal invoice already paid" comes as a failure, too, although it may be our own payment: the history decides.
  const after = await lookUpPayment(api, invoice.paymentHash, signal)
  if (after !== null) return after
  return answer.status === 'failed' ? { status: 'failed', reason: reasonOf(answer.refused) } : { status: 'unknown' }
}

/** What became of a payment; `null` when the wallet has none. Throws `LightningUnavailable`. */
export async function lookUpPayment(
  api: LnbitsApi,
  paymentHash: string,
  signal: AbortSignal,
): Promise<PaymentOutcome | null> {
  const answer = await api.payment(paymentHash, signal)
  // The wallet's own invoice; had it paid that, LNbits would answer with the outgoing line, whose amount is less.
  if (answer === null || answer.payment.amount > 0) return null
  // What the funding source says at the moment can be "not found" just after it was asked to pay, which older versions
  // take for a failure (lnbits/lnbits pull request 4066): only what LNbits itself has booked is final.
  if (answer.payment.status !== 'pending' || answer.live !== 'success') return outcomeOf(answer.payment)
  const booked = (await bookedPayments(api, paymentHash, signal)).find(({ amount }) => amount < 0)
  return booked === undefined ? { status: 'unknown' } : outcomeOf(booked)
}

function outcomeOf(row: Payment): PaymentOutcome {
  if (row.amount >= 0) throw new LightningUnavailable('LNbits answers with another payment than the one asked for')
  if (row.status === 'success') return { status: 'paid', preimage: row.preimage ?? '', feeMsat: Math.abs(row.fee) }
  if (row.status === 'failed') return { status: 'failed', reason: 'LNbits says that the payment failed' }
  return { status: 'unknown' }
}

/** LNbits' words without keys and ids, which are 32 hex digits or more. */
function reasonOf(detail: string): string {
  const text = detail.replace(/[0-9a-f]{32,}/gi, '…').slice(0, maxReasonCharacters)
  return text === '' ? 'LNbits refused the payment' : text
}

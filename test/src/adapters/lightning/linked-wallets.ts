import type { DevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import type { PaymentOutcome } from '../../../../src/adapters/lightning/port.ts'
import { parseBolt11 } from '../../../../src/bolt11.ts'
import { never } from './invoice-request.ts'

/** A payment from one wallet to the other; whether it has arrived, the other one knows. */
type Payment = {
  readonly idempotencyKey: string
  readonly amountMsat: number
  readonly feeMsat: number
  /** `null` unless it failed. */
  failure: string | null
}

/** What a payment costs who makes it. */
type FeeOf = (amountMsat: number) => number

/**
 * A development wallet that pays another one's invoices and nobody else's, for what it costs: what arrives there is gone
 * here, what waits to be taken there is under way here.
 */
export function linkWallet(from: DevWallet, to: DevWallet, now: () => number, feeOf: FeeOf): DevWallet {
  const payments = new Map<string, Payment>()

  const outcomeOf = async (paymentHash: string, payment: Payment): Promise<PaymentOutcome> => {
    if (payment.failure !== null) return { status: 'failed', reason: payment.failure }
    const state = await to.lookUpInvoice(paymentHash, never)
    if (state.status === 'settled') return { status: 'paid', preimage: state.preimage, feeMsat: payment.feeMsat }
    if (state.status !== 'cancelled') return { status: 'unknown' }
    payment.failure = 'no route'
    return { status: 'failed', reason: payment.failure }
  }
  const balanceMsat = async () => {
    let spentMsat = 0
    for (const [paymentHash, payment] of payments) {
      const { status } = await outcomeOf(paymentHash, payment)
      if (status !== 'failed') spentMsat += payment.amountMsat + payment.feeMsat
    }
    return (await from.balanceMsat(never)) - spentMsat
  }
  return {
    ...from,
    balanceMsat,
    pay: async ({ idempotencyKey, bolt11, maxFeeMsat }) => {
      const invoice = parseBolt11(bolt11)
      if (invoice?.amountMsat == null) return { status: 'failed', reason: 'this is no invoice' }
      const { paymentHash, amountMsat, expiresAt } = invoice
      const spendableMsat = await balanceMsat()
      const before = payments.get(paymentHash)
      if (before?.idempotencyKey === idempotencyKey) return outcomeOf(paymentHash, before)
      if (before?.failure === null) return { status: 'failed', reason: 'this invoice was paid before' }
      const feeMsat = feeOf(amountMsat)
      const payment: Payment = { idempotencyKey, amountMsat, feeMsat, failure: null }
      payments.set(paymentHash, payment)
      if (now() >= expiresAt) payment.failure = 'this invoice has expired'
      else if (feeMsat > maxFeeMsat) payment.failure = 'no route within the fee limit'
      else if (amountMsat + feeMsat > spendableMsat) payment.failure = 'insufficient balance'
      else if ((await to.receive(bolt11)).status === 'refused') payment.failure = 'no route'
      return outcomeOf(paymentHash, payment)
    },
    lookUpPayment: async ({ paymentHash }) => {
      const payment = payments.get(paymentHash)
      return payment === undefined ? null : outcomeOf(paymentHash, payment)
    },
  }
}

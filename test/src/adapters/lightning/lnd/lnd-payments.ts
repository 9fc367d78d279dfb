import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { parseBolt11 } from '../../../../../src/bolt11.ts'
import { never } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import type { InvoiceBook } from './lnd-invoices.ts'
import { refuse, refuseStream, writeMessage } from './lnd-replies.ts'

/** What SendPaymentV2 reads of a request. */
type Send = {
  readonly paymentRequest: string
  readonly feeLimitMsat: number
  readonly noInflightUpdates: boolean
}

type PaymentBook = {
  decode(paymentRequest: string): Reply
  send(wanted: Send): Promise<Reply>
  track(paymentHash: string): Promise<Reply>
}

const failureReasons: Readonly<Record<string, string>> = {
  'insufficient balance': 'FAILURE_REASON_INSUFFICIENT_BALANCE',
}

/** Payments as LND's router makes and tracks them; the development wallet really pays. */
export function openPaymentBook(node: DevWallet, invoices: InvoiceBook, now: () => number): PaymentBook {
  /** How often each was tried: a payment that failed may be tried again. */
  const attempts = new Map<string, number>()
  const keyOf = (paymentHash: string) => `${paymentHash}:${attempts.get(paymentHash)}`
  const outcomeOf = (paymentHash: string) =>
    attempts.has(paymentHash) ? node.lookUpPayment({ idempotencyKey: keyOf(paymentHash), paymentHash }, never) : null

  /** lnrpc.Payment, in the words of LND. */
  const message = async (paymentHash: string) => {
    const outcome = await outcomeOf(paymentHash)
    const isPaid = outcome?.status === 'paid'
    const reason = outcome?.status === 'failed' ? (failureReasons[outcome.reason] ?? 'FAILURE_REASON_NO_ROUTE') : null
    return {
      payment_hash: paymentHash,
      payment_preimage: isPaid ? outcome.preimage : '00'.repeat(32),
      status: isPaid ? 'SUCCEEDED' : reason === null ? 'IN_FLIGHT' : 'FAILED',
      fee_sat: String(Math.floor((isPaid ? outcome.feeMsat : 0) / 1_000)),
      fee_msat: String(isPaid ? outcome.feeMsat : 0),
      failure_reason: reason ?? 'FAILURE_REASON_NONE',
      htlcs: [],
      payment_index: String([...attempts.keys()].indexOf(paymentHash) + 1),
      creation_time_ns: `${now()}000000000`,
    }
  }
  const follow = async (paymentHash: string, noInflightUpdates: boolean): Promise<Reply> => {
    const payment = await message(paymentHash)
    return {
      stream: response => {
        const isOver = payment.status !== 'IN_FLIGHT'
        if (isOver || !noInflightUpdates) writeMessage(response, payment)
        if (isOver) response.end()
      },
    }
  }

  return {
    decode: paymentRequest => {
      const invoice = parseBolt11(paymentRequest)
      if (invoice === null) return refuse(2, 'failed converting data: checksum failed')
      const { paymentHash, amountMsat } = invoice
      return { status: 200, json: { payment_hash: paymentHash, num_msat: String(amountMsat ?? 0), destination: '02' } }
    },
    send: async ({ paymentRequest, feeLimitMsat, noInflightUpdates }) => {
      if (paymentRequest === '') return refuseStream(2, 'invalid vertex length of 0, want 33')
      const invoice = parseBolt11(paymentRequest)
      if (invoice === null) return refuseStream(2, 'failed converting data: checksum failed')
      const { paymentHash, expiresAt, amountMsat } = invoice
      if (now() > expiresAt) return refuseStream(2, `invoice expired. Valid until ${new Date(expiresAt * 1_000)}`)
      if (amountMsat === null) return refuseStream(2, 'amount must be specified when paying a zero amount invoice')
      if (invoices.has(paymentHash)) return refuseStream(2, 'self-payments not allowed')
      const before = await outcomeOf(paymentHash)
      if (before?.status === 'paid') return refuseStream(6, 'invoice is already paid')
      if (before?.status === 'unknown') return refuseStream(6, 'payment is in transition')
      attempts.set(paymentHash, (attempts.get(paymentHash) ?? 0) + 1)
      const payment = { idempotencyKey: keyOf(paymentHash), bolt11: paymentRequest, maxFeeMsat: feeLimitMsat }
      await node.pay(payment, never)
      return follow(paymentHash, noInflightUpdates)
    },
    track: async paymentHash =>
      attempts.has(paymentHash) ? follow(paymentHash, false) : refuseStream(5, "payment isn't initiated"),
  }
}

import type { HttpRequest } from '../http-client.ts'
import { isHash } from '../invoice-request.ts'
import { LightningUnavailable, type PaymentOutcome, type PaymentRequest } from '../port.ts'
import type { LndConnection } from './connection.ts'
import { hashOf } from './invoices.ts'
import { base64InPath, paymentSchema, payReqSchema } from './messages.ts'
import { isUnknownPayment, type Refusal, troubleOf, unexpected } from './refusals.ts'

/** How long LND looks for ways to pay; a part that is under way then may still take hours. */
const attemptSeconds = 60
/** Longer than any invoice that LND makes (invoices.go, MaxPaymentRequestSize). */
const maxInvoiceCharacters = 4_096

/** gRPC: unknown (what LND's errors mostly are), invalid argument. */
const codesOfInvoices: readonly number[] = [2, 3]
/** gRPC: what LND says of a payment that is under way or made. */
const alreadyExists = 6

const unknown = { status: 'unknown' } as const
const failed = (reason: string) => ({ status: 'failed', reason }) as const

/** lnrpc.PaymentFailureReason, for people. */
const failureReasons: Readonly<Record<string, string>> = {
  FAILURE_REASON_TIMEOUT: 'no way was found in time',
  FAILURE_REASON_NO_ROUTE: 'no route within the fee limit',
  FAILURE_REASON_INCORRECT_PAYMENT_DETAILS: 'the payee refuses: unknown payment, or wrong amount',
  FAILURE_REASON_INSUFFICIENT_BALANCE: 'insufficient balance',
  FAILURE_REASON_CANCELED: 'the payment was cancelled',
}

/** What LND says of an invoice that it does not even try to pay (lnrpc/routerrpc/router_backend.go). */
const refusalReasons: readonly [RegExp, string][] = [
  [/invoice expired/, 'this invoice has expired'],
  [/active network/, 'this invoice is of another network'],
  [/amount must be specified/, 'this invoice names no amount'],
  [/self-payments/, 'this invoice is of the node itself'],
]

/** Pays and looks up payments. LND knows a payment by its hash and not by a key: one hash is paid once. */
export type LndPayments = {
  /** Gives `unknown` when there is no answer. */
  pay(request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome>
  /** Throws `LightningUnavailable`. */
  lookUp(paymentHash: string, signal: AbortSignal): Promise<PaymentOutcome | null>
}

export function createLndPayments(connection: LndConnection): LndPayments {
  // LND tries a payment that failed again when asked. Two at once would both find nothing and both be sent, and one could
  // be told that it failed while the other succeeds: those of one hash take turns.
  const turns = new Map<string, Promise<unknown>>()

  /** The outcome of a message, when it is the last; `null` while the payment is under way. */
  const outcomeIn = async (
    request: HttpRequest,
    paymentHash: string,
    signal: AbortSignal,
  ): Promise<PaymentOutcome | Refusal> => {
    for await (const said of connection.stream(paymentSchema, request, signal)) {
      if ('refusal' in said) return said.refusal
      const { status, payment_hash, payment_preimage: preimage, fee_msat: feeMsat, failure_reason } = said.answer
      if (payment_hash !== paymentHash) throw new LightningUnavailable('lnd answers for another payment')
      // LND calls a payment failed only when no part of it is under way any more (channeldb/payment_status.go).
      if (status === 'FAILED') return failed(failureReasons[failure_reason] ?? 'lnd could not make the payment')
      if (status !== 'SUCCEEDED') return unknown
      if (!isHash(preimage) || hashOf(preimage) !== paymentHash) {
        throw new LightningUnavailable('lnd gives another preimage than that of the payment')
      }
      return { status: 'paid', preimage, feeMsat }
    }
    throw new LightningUnavailable('lnd ended its answer too early')
  }

  const lookUp = async (paymentHash: string, signal: AbortSignal) => {
    if (!isHash(paymentHash)) return null
    // The first message is the state now (LND REST, trackpaymentv2); nothing waits for the next.
    const query = { no_inflight_updates: 'false' }
    const path = `/v2/router/track/${base64InPath(paymentHash)}`
    const found = await outcomeIn({ method: 'GET', path, query }, paymentHash, signal)
    if ('status' in found) return found
    if (isUnknownPayment(found)) return null
    throw unexpected(found)
  }

  const attempt = async (
    { bolt11, maxFeeMsat }: PaymentRequest,
    paymentHash: string,
    signal: AbortSignal,
  ): Promise<PaymentOutcome> => {
    // Also what failed stays so, whoever asks: whether it is the same request that asks again, LND could not tell.
    const before = await lookUp(paymentHash, signal)
    if (before !== null) return before
    const json = {
      payment_request: bolt11,
      // Zero: only ways that cost nothing (router.proto).
      fee_limit_msat: String(maxFeeMsat),
      timeout_seconds: attemptSeconds,
      no_inflight_updates: true,
    }
    const made = await outcomeIn({ method: 'POST', path: '/v2/router/send', json }, paymentHash, signal)
    if ('status' in made) return made
    if (!isAboutInvoice(made) && made.code !== alreadyExists) return unknown
    // LND writes a payment down before it sends anything: what it refuses and has no record of was never sent.
    return (await lookUp(paymentHash, signal)) ?? failed(reasonOf(made))
  }

  const pay = async (request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome> => {
    const { bolt11 } = request
    if (!/^[a-z0-9]+$/i.test(bolt11) || bolt11.length > maxInvoiceCharacters) return failed('this is no invoice')
    const read = await connection.call(payReqSchema, { method: 'GET', path: `/v1/payreq/${bolt11}` }, signal)
    if ('refusal' in read) return isAboutInvoice(read.refusal) ? failed(reasonOf(read.refusal)) : unknown
    const { payment_hash: paymentHash } = read.answer
    const go = () => attempt(request, paymentHash, signal)
    const turn = (turns.get(paymentHash) ?? Promise.resolve()).then(go, go).catch(unknownUnlessBug)
    turns.set(paymentHash, turn)
    const forget = () => turns.get(paymentHash) === turn && turns.delete(paymentHash)
    void turn.then(forget, forget)
    return unlessAborted(turn, signal)
  }

  return {
    lookUp,
    pay: async (request, signal) => {
      const { maxFeeMsat } = request
      if (!Number.isSafeInteger(maxFeeMsat) || maxFeeMsat < 0) throw new RangeError('a fee limit is no such amount')
      return pay(request, signal).catch(unknownUnlessBug)
    },
  }
}

function unknownUnlessBug(error: unknown): PaymentOutcome {
  if (error instanceof LightningUnavailable) return unknown
  throw error
}

/** The turn of somebody else may take long. */
function unlessAborted(turn: Promise<PaymentOutcome>, signal: AbortSignal): Promise<PaymentOutcome> {
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(unknown)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** Whether LND will never do what was asked; a path that is not there, for one, says nothing of the invoice. */
function isAboutInvoice(refusal: Refusal): boolean {
  return troubleOf(refusal) === null && codesOfInvoices.includes(refusal.code)
}

function reasonOf({ code, message }: Refusal): string {
  return (
    refusalReasons.find(([pattern]) => pattern.test(message))?.[1] ?? `lnd does not make this payment (code ${code})`
  )
}

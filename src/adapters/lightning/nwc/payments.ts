import { z } from 'zod'
import { parseBolt11 } from '../../../bolt11.ts'
import { LightningUnavailable, type PaymentOutcome, type PaymentRequest } from '../port.ts'
import type { Answer, ErrorCode } from './answer.ts'
import { type Ask, keyOf, lookUp, type Transaction } from './transactions.ts'
import { createTurns } from './turns.ts'

/** Pays invoices, each once. */
export type Payments = {
  /** Does not throw for what the outside world does. */
  pay(request: PaymentRequest, ask: Ask, signal: AbortSignal): Promise<PaymentOutcome>
  /** Throws `LightningUnavailable`. */
  lookUp(payment: { idempotencyKey: string; paymentHash: string }, ask: Ask): Promise<PaymentOutcome | null>
}

const paidSchema = z.object({
  preimage: z.string().regex(/^[0-9a-f]{64}$/),
  fees_paid: z.int().nonnegative().nullish(),
})

const unknown: PaymentOutcome = { status: 'unknown' }

/**
 * What an error says of the payment. `refused`: the wallet did not try. `ended`: it did not, or tried in vain, and a
 * look-up must agree, since an earlier try may still be under way. `unclear`: only a look-up tells; Alby Hub says INTERNAL
 * for a payment that failed, that timed out and that was made before (nip47/controllers/map_nip47_error.go).
 */
const meanings: Record<ErrorCode, ['refused' | 'ended' | 'unclear', reason: string]> = {
  RATE_LIMITED: ['refused', 'the wallet takes no more requests for now'],
  NOT_IMPLEMENTED: ['refused', 'the wallet does not pay'],
  RESTRICTED: ['refused', 'this wallet connection may not pay'],
  UNAUTHORIZED: ['refused', 'this wallet connection is not known to the wallet'],
  UNSUPPORTED_ENCRYPTION: ['refused', 'the wallet does not take NIP-44'],
  QUOTA_EXCEEDED: ['ended', 'the budget of this wallet connection is used up'],
  INSUFFICIENT_BALANCE: ['ended', 'insufficient balance'],
  FEE_LIMIT_EXCEEDED: ['ended', 'no route within the fee limit'],
  PAYMENT_FAILED: ['ended', 'no route'],
  INTERNAL: ['unclear', ''],
  NOT_FOUND: ['unclear', ''],
  OTHER: ['unclear', ''],
}

/**
 * NIP-47 has no limit of fees: `maxFeeMsat` goes along as the proposed `max_fee` (nips pull request 2444), which wallets
 * that do not know it ignore. What a payment did cost is in its outcome, above the limit too: it happened.
 */
export function createPayments(now: () => number): Payments {
  const turns = createTurns()

  const payOnce = async (request: PaymentRequest, ask: Ask): Promise<PaymentOutcome> => {
    const { idempotencyKey, bolt11, maxFeeMsat } = request
    const invoice = parseBolt11(bolt11)
    if (invoice === null) return failed('this is no invoice')
    const { paymentHash, amountMsat, expiresAt } = invoice
    const before = await find(ask, paymentHash)
    if (before !== null && before.outcome.status !== 'failed') {
      return isOf(before.row, idempotencyKey) ? before.outcome : failed('this invoice was paid before')
    }
    // Wallets try a failed payment again when they are asked to; a key is for one try. Where the wallet has kept no key, what
    // it says of the payment afterwards could be about the former try, and given back while this one is under way.
    if (before !== null && isOf(before.row, idempotencyKey)) return before.outcome
    if (amountMsat === null) return failed('this invoice names no amount')
    if (now() >= expiresAt) return failed('this invoice has expired')
    const metadata = { idempotency_key: idempotencyKey }
    const answer = await ask('pay_invoice', { invoice: bolt11, max_fee: maxFeeMsat, metadata })
    return outcomeOf(answer, () => find(ask, paymentHash))
  }

  return {
    pay: async (request, ask, signal) => {
      try {
        // The same invoice in any case.
        return await turns(request.bolt11.toLowerCase(), signal, () => payOnce(request, ask))
      } catch (error) {
        if (error instanceof LightningUnavailable) return unknown
        throw error
      }
    },
    lookUp: async ({ idempotencyKey, paymentHash }, ask) => {
      const found = await find(ask, paymentHash)
      return found !== null && isOf(found.row, idempotencyKey) ? found.outcome : null
    },
  }
}

type Found = { readonly row: Transaction; readonly outcome: PaymentOutcome }

async function find(ask: Ask, paymentHash: string): Promise<Found | null> {
  const row = await lookUp(ask, paymentHash)
  return row === null || row.type === 'incoming' ? null : { row, outcome: statusOf(row) }
}

/** Whether a payment was asked for by this key, as far as the wallet has kept that: NIP-47 leaves it the choice. */
function isOf(row: Transaction, idempotencyKey: string): boolean {
  return (keyOf(row)?.idempotency_key ?? idempotencyKey) === idempotencyKey
}

async function outcomeOf(answer: Answer, findAgain: () => Promise<Found | null>): Promise<PaymentOutcome> {
  if (answer.ok) {
    const paid = paidSchema.safeParse(answer.result)
    // A look-up knows the fee that was not told.
    if (!paid.success || typeof paid.data.fees_paid !== 'number') return (await findAgain())?.outcome ?? unknown
    return { status: 'paid', preimage: paid.data.preimage, feeMsat: paid.data.fees_paid }
  }
  const [meaning, reason] = meanings[answer.code]
  if (meaning === 'refused') return failed(reason)
  const found = await findAgain()
  if (found !== null && found.outcome.status !== 'failed') return found.outcome
  if (meaning === 'unclear') return found?.outcome ?? unknown
  return failed(reason)
}

/** An outgoing transaction. `expired` is the invoice, not the payment, which may be under way (Alby Hub says so of those). */
function statusOf({ state, settled_at: settledAt, preimage, fees_paid: feeMsat }: Transaction): PaymentOutcome {
  const isSettled = (state ?? (typeof settledAt === 'number' ? 'settled' : 'pending')) === 'settled'
  if (state === 'failed') return failed('the payment failed')
  if (!isSettled) return unknown
  const paid = paidSchema.safeParse({ preimage, fees_paid: feeMsat })
  if (!paid.success) throw new LightningUnavailable("the wallet's settled payment is without preimage")
  // NIP-47 has the fee in every look-up; a wallet that leaves it out says that there was none.
  return { status: 'paid', preimage: paid.data.preimage, feeMsat: paid.data.fees_paid ?? 0 }
}

function failed(reason: string): PaymentOutcome {
  return { status: 'failed', reason }
}

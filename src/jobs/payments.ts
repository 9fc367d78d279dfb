import type { LightningBackend, PaymentOutcome } from '../adapters/lightning/port.ts'
import { paymentEnded } from '../domain/billing/withdraw-facts.ts'
import type { Job, JobWorker } from './job.ts'
import { unlessUnavailable } from './unless-unavailable.ts'

/** After its invoice has expired for so long, a payment that the wallet has never heard of was never made. */
const forgottenAfterSeconds = 3_600
const maxReasonCharacters = 256

/** Which payments the wallet has been asked for, kept on disk: a crash must not make us ask twice. */
export type AskedPayments = {
  has(withdrawalId: string): boolean
  /** Resolves once it is durable. */
  add(withdrawalId: string): Promise<void>
}

type PayJob = Job & { type: 'pay-invoice' }

/**
 * Has the wallet pay an invoice, once: whatever the first try left unknown is only looked up, until the wallet says what
 * became of it. A wallet that has never heard of a payment may hear of it yet, as long as the invoice can be paid.
 */
export function payInvoiceWorker(
  backend: LightningBackend,
  asked: AskedPayments,
  now: () => number,
): JobWorker<'pay-invoice'> {
  const firstTry = async ({ payload }: PayJob, signal: AbortSignal): Promise<PaymentOutcome | null> => {
    const { withdrawalId: idempotencyKey, bolt11, maxFeeMsat, reserveMsat } = payload
    const capabilities = await unlessUnavailable(backend.capabilities(signal))
    if (capabilities === null) return null
    // A wallet that is away has not been asked, and can be asked later; what it can do may be known from before.
    if ((await unlessUnavailable(backend.check(signal).then(() => true))) === null) return null
    if (!capabilities.pay) return { status: 'failed', reason: 'the wallet of this service does not pay' }
    if (!capabilities.limitsFees && maxFeeMsat < reserveMsat) {
      // A customer whose own channel earns the fees could have the operator pay what is over the limit.
      return { status: 'failed', reason: `the wallet of this service cannot limit fees: allow ${reserveMsat} msat` }
    }
    // Another try may be asking by now, if nobody hears this one any more.
    if (signal.aborted) return null
    await asked.add(idempotencyKey)
    if (signal.aborted) return null
    return unlessUnavailable(backend.pay({ idempotencyKey, bolt11, maxFeeMsat }, signal))
  }
  const lookUp = async ({ payload }: PayJob, signal: AbortSignal): Promise<PaymentOutcome | null> => {
    const { withdrawalId: idempotencyKey, paymentHash, expiresAt } = payload
    const known = await unlessUnavailable(
      backend.lookUpPayment({ idempotencyKey, paymentHash }, signal).then(outcome => ({ outcome })),
    )
    if (known === null) return null
    if (known.outcome === null && now() > expiresAt + forgottenAfterSeconds) {
      return { status: 'failed', reason: 'the wallet never made this payment' }
    }
    return known.outcome
  }
  return {
    attempt: async (job, signal) => {
      const outcome = await (asked.has(job.payload.withdrawalId) ? lookUp(job, signal) : firstTry(job, signal))
      return outcome === null || outcome.status === 'unknown' ? null : ended(job, outcome)
    },
    giveUp: () => null,
  }
}

function ended({ id: jobId, payload }: PayJob, outcome: Exclude<PaymentOutcome, { status: 'unknown' }>) {
  const { withdrawalId } = payload
  const said =
    outcome.status === 'failed' ? { ...outcome, reason: outcome.reason.slice(0, maxReasonCharacters) } : outcome
  return {
    method: paymentEnded,
    params: { jobId, withdrawalId, outcome: said },
    dedupeKey: `payment:${withdrawalId}:ended`,
  }
}

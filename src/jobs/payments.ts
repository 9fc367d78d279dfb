import { hash } from 'node:crypto'
import { CircuitOpen } from '../adapters/lightning/circuit-breaker.ts'
import type { LightningBackend, PaymentOutcome } from '../adapters/lightning/port.ts'
import { paymentEnded } from '../domain/billing/withdraw-facts.ts'
import type { Job, JobWorker } from './job.ts'
import { isUnavailable, unlessUnavailable } from './unless-unavailable.ts'

/** After its invoice has expired for so long, a payment that the wallet has never heard of was never made. */
const forgottenAfterSeconds = 3_600
const maxReasonCharacters = 256

/** Which payments a wallet has been asked for, kept on disk: a crash must not make us ask twice. */
export type AskedPayments = {
  has(id: string): boolean
  /** Whether another wallet was asked than the one that is there now, which knows nothing of it. */
  isOfAnother(id: string): boolean
  /** Resolves once it is durable. */
  add(id: string): Promise<void>
  /** The wallet was not asked after all. */
  remove(id: string): Promise<void>
}

type PayJob = Job & { type: 'pay-invoice' }

/**
 * Has the wallet pay an invoice, once: whatever the first try left unknown is only looked up, until the wallet says what
 * became of it. A wallet that has never heard of a payment may hear of it yet, as long as the invoice can be paid; one that
 * was not asked, or cannot tell, proves nothing by that, and the operator has to decide. `report` hears of wallets that lie.
 */
export function payInvoiceWorker(options: {
  backend: LightningBackend
  asked: AskedPayments
  /** Whether it is still to be paid, and no operator has said meanwhile what became of it. */
  isOpen(withdrawalId: string): boolean
  /** Log time, Unix seconds. */
  now(): number
  report(error: unknown): void
}): JobWorker<'pay-invoice'> {
  const { backend, asked, isOpen, now, report } = options
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
    // What is decided is final: it must not be paid after all.
    if (!isOpen(idempotencyKey)) {
      await asked.remove(idempotencyKey)
      return null
    }
    try {
      return await backend.pay({ idempotencyKey, bolt11, maxFeeMsat }, signal)
    } catch (error) {
      // As long as this one is heard, the mark is its own.
      if (error instanceof CircuitOpen && !signal.aborted) await asked.remove(idempotencyKey)
      if (isUnavailable(error)) return null
      throw error
    }
  }
  const lookUp = async ({ payload }: PayJob, signal: AbortSignal): Promise<PaymentOutcome | null> => {
    const { withdrawalId: idempotencyKey, paymentHash, expiresAt } = payload
    // To be asked may be what makes a backend pay that never heard the first time.
    if (!isOpen(idempotencyKey)) return null
    const known = await unlessUnavailable(
      backend.lookUpPayment({ idempotencyKey, paymentHash }, signal).then(outcome => ({ outcome })),
    )
    if (known === null) return null
    const { outcome } = known
    if (asked.isOfAnother(idempotencyKey)) return outcome?.status === 'paid' ? outcome : null
    if (outcome !== null) return outcome
    // Not by when it was asked for: log time may have stood still for long, until a jump of the clock was confirmed.
    if (now() <= expiresAt + forgottenAfterSeconds) return null
    const capabilities = await unlessUnavailable(backend.capabilities(signal))
    return capabilities?.knowsItsPayments === true
      ? { status: 'failed', reason: 'the wallet never made this payment' }
      : null
  }
  const attempt = async (job: PayJob, signal: AbortSignal) => {
    const outcome = await (asked.has(job.payload.withdrawalId) ? lookUp(job, signal) : firstTry(job, signal))
    if (outcome === null || outcome.status === 'unknown') return null
    if (outcome.status === 'failed' || isPreimage(outcome.preimage, job.payload.paymentHash)) return ended(job, outcome)
    report(
      new Error(`the wallet says that it paid ${job.payload.withdrawalId}, and shows the preimage of something else`),
    )
    return ended(job, { ...outcome, preimage: '' })
  }
  return { attempt, giveUp: () => null }
}

function isPreimage(preimage: string, paymentHash: string): boolean {
  return /^[0-9a-f]{64}$/.test(preimage) && hash('sha256', Buffer.from(preimage, 'hex')) === paymentHash
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

import { CannotHold, type LightningBackend } from '../adapters/lightning/port.ts'
import { holdEnded } from '../domain/billing/hold-facts.ts'
import type { Fact } from '../pipeline/facts.ts'
import type { Job, JobWorker } from './job.ts'
import type { PreimageOf } from './preimages.ts'
import { unlessUnavailable } from './unless-unavailable.ts'

type HoldJob = Job & { type: 'settle-hold' | 'cancel-hold' }

/** Two weeks: nodes lock a payment for 2,016 blocks at most, and then it is back with the payer. */
const longestWaitSeconds = 14 * 86_400

/**
 * Has the wallet take a payment that waits. It goes on until the wallet says what became of the payment, or, where another has
 * taken its place that has none which wait, until no payment can. `now` is log time, Unix seconds.
 */
export function settleHoldWorker(
  backend: LightningBackend,
  preimageOf: PreimageOf,
  now: () => number,
): JobWorker<'settle-hold'> {
  return {
    attempt: async (job, signal) => {
      const settled = backend.settleHold(preimageOf(job.payload.invoiceId), signal)
      const outcome = await answerOr(settled, isBack(job, now()) ? 'lost' : null)
      if (outcome === null) return null
      return outcome === 'lost' ? ended(job, null) : whatArrived(backend, job, signal)
    },
    giveUp: () => null,
  }
}

/** Has the wallet give a payment back, or end an invoice that nobody need pay. */
export function cancelHoldWorker(backend: LightningBackend, now: () => number): JobWorker<'cancel-hold'> {
  return {
    attempt: async (job, signal) => {
      const cancelled = backend.cancelHold(job.payload.paymentHash, signal)
      const outcome = await answerOr(cancelled, isBack(job, now()) ? 'cancelled' : null)
      if (outcome === null) return null
      return outcome === 'cancelled' ? ended(job, null) : whatArrived(backend, job, signal)
    },
    giveUp: () => null,
  }
}

/** What the wallet answers; `other`: it is another than the one that was paid. */
async function answerOr<T>(answer: Promise<T>, other: T | null): Promise<T | null> {
  try {
    return await unlessUnavailable(answer)
  } catch (error) {
    if (error instanceof CannotHold) return other
    throw error
  }
}

function isBack({ createdAt }: HoldJob, now: number): boolean {
  return now > createdAt + longestWaitSeconds
}

async function whatArrived(backend: LightningBackend, job: HoldJob, signal: AbortSignal): Promise<Fact | null> {
  const state = await unlessUnavailable(backend.lookUpInvoice(job.payload.paymentHash, signal))
  if (state?.status !== 'settled') return null
  return ended(job, { receivedMsat: state.receivedMsat, settledAt: state.at })
}

function ended({ id: jobId, payload }: HoldJob, settled: { receivedMsat: number; settledAt: number } | null): Fact {
  const { invoiceId } = payload
  return { method: holdEnded, params: { jobId, invoiceId, settled }, dedupeKey: `hold:${jobId}:ended` }
}

import type { LightningBackend } from '../adapters/lightning/port.ts'
import { holdEnded } from '../domain/billing/hold-facts.ts'
import type { Fact } from '../pipeline/facts.ts'
import type { Job, JobWorker } from './job.ts'
import type { PreimageOf } from './preimages.ts'
import { unlessUnavailable } from './unless-unavailable.ts'

type HoldJob = Job & { type: 'settle-hold' | 'cancel-hold' }

/** Has the wallet take a payment that waits. It goes on until the wallet says what became of the payment. */
export function settleHoldWorker(backend: LightningBackend, preimageOf: PreimageOf): JobWorker<'settle-hold'> {
  return {
    attempt: async (job, signal) => {
      const outcome = await unlessUnavailable(backend.settleHold(preimageOf(job.payload.invoiceId), signal))
      if (outcome === null) return null
      return outcome === 'lost' ? ended(job, null) : whatArrived(backend, job, signal)
    },
    giveUp: () => null,
  }
}

/** Has the wallet give a payment back, or end an invoice that nobody need pay. */
export function cancelHoldWorker(backend: LightningBackend): JobWorker<'cancel-hold'> {
  return {
    attempt: async (job, signal) => {
      const outcome = await unlessUnavailable(backend.cancelHold(job.payload.paymentHash, signal))
      if (outcome === null) return null
      return outcome === 'cancelled' ? ended(job, null) : whatArrived(backend, job, signal)
    },
    giveUp: () => null,
  }
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

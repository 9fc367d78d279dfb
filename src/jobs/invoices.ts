import { CircuitOpen } from '../adapters/lightning/circuit-breaker.ts'
import { InvoiceRefused, type LightningBackend } from '../adapters/lightning/port.ts'
import { invoiceCreated, invoiceFailed, invoiceLookedUp } from '../domain/billing/invoice-facts.ts'
import { parseBolt11 } from '../protocol/bolt11.ts'
import type { PreimageOf } from './preimages.ts'
import type { JobWorker } from './runner.ts'
import { isUnavailable, unlessUnavailable } from './unless-unavailable.ts'

/**
 * Has the wallet make an invoice, one whose payment waits if that is wanted and it can; the invoice's id is the wallet's
 * idempotency key, so a retry makes no second one. While the wallet is known to be away nobody waits for it. `report` hears
 * why it refuses an invoice.
 */
export function createInvoiceWorker(
  backend: LightningBackend,
  preimageOf: PreimageOf,
  { report }: { report(error: unknown): void },
): JobWorker<'create-invoice'> {
  type CreateJob = Parameters<JobWorker<'create-invoice'>['giveUp']>[0]
  const failed = ({ id: jobId, payload: { invoiceId } }: CreateJob, reason: 'unavailable' | 'refused') => ({
    method: invoiceFailed,
    params: { jobId, invoiceId, reason },
    dedupeKey: `invoice:${invoiceId}:failed`,
  })
  const create = async (
    { invoiceId, amountMsat, description, expirySeconds, hold: wanted }: CreateJob['payload'],
    signal: AbortSignal,
  ) => {
    const { hold: canHold, resolutionMsat } = await backend.capabilities(signal)
    const hold = wanted && canHold
    const request = {
      idempotencyKey: invoiceId,
      preimage: preimageOf(invoiceId),
      amountMsat: Math.ceil(amountMsat / resolutionMsat) * resolutionMsat,
      description,
      expirySeconds,
      ...(hold ? { hold } : {}),
    }
    const created = await backend.createInvoice(request, signal)
    const said = parseBolt11(created.bolt11)
    // A customer pays what stands in the invoice, whatever the wallet says beside it.
    if (said?.paymentHash !== created.paymentHash || said.amountMsat !== request.amountMsat) {
      throw new Error(`${backend.name} made another invoice than was asked for`)
    }
    return { ...created, hold }
  }
  return {
    attempt: async (job, signal) => {
      try {
        const { invoiceId } = job.payload
        const params = { jobId: job.id, invoiceId, ...(await create(job.payload, signal)) }
        return { method: invoiceCreated, params, dedupeKey: `invoice:${invoiceId}:created` }
      } catch (error) {
        if (error instanceof InvoiceRefused) {
          report(error)
          return failed(job, 'refused')
        }
        if (error instanceof CircuitOpen) return failed(job, 'unavailable')
        if (isUnavailable(error)) return null
        throw error
      }
    },
    giveUp: job => failed(job, 'unavailable'),
  }
}

/** Asks the wallet about an invoice whose preimage a customer showed. */
export function lookUpInvoiceWorker(backend: LightningBackend): JobWorker<'look-up-invoice'> {
  const fact = (
    { id: jobId, payload: { commandId, paymentHash } }: Parameters<JobWorker<'look-up-invoice'>['giveUp']>[0],
    answer: { settled: { receivedMsat: number; settledAt: number } | null; reachable: boolean },
  ) => ({
    method: invoiceLookedUp,
    params: { jobId, commandId, paymentHash, ...answer },
    dedupeKey: `look-up:${commandId}`,
  })
  return {
    attempt: async (job, signal) => {
      const state = await unlessUnavailable(backend.lookUpInvoice(job.payload.paymentHash, signal))
      if (state === null) return null
      const settled = state.status === 'settled' ? { receivedMsat: state.receivedMsat, settledAt: state.at } : null
      return fact(job, { settled, reachable: true })
    },
    giveUp: job => fact(job, { settled: null, reachable: false }),
  }
}

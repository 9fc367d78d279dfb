import { type LightningBackend, LightningUnavailable } from '../adapters/lightning/port.ts'
import { invoiceCreated, invoiceFailed, invoiceLookedUp } from '../domain/billing/invoice-facts.ts'
import type { PreimageOf } from './preimages.ts'
import type { JobWorker } from './runner.ts'

/** Has the wallet make an invoice; the invoice's id is the wallet's idempotency key, so a retry makes no second one. */
export function createInvoiceWorker(backend: LightningBackend, preimageOf: PreimageOf): JobWorker<'create-invoice'> {
  return {
    attempt: async ({ id: jobId, payload }, signal) => {
      const { invoiceId, amountMsat, description, expirySeconds } = payload
      const preimage = preimageOf(invoiceId)
      const request = { idempotencyKey: invoiceId, preimage, amountMsat, description, expirySeconds }
      const created = await orNull(backend.createInvoice(request, signal))
      if (created === null) return null
      const params = { jobId, invoiceId, ...created }
      return { method: invoiceCreated, params, dedupeKey: `invoice:${invoiceId}:created` }
    },
    giveUp: ({ id: jobId, payload: { invoiceId } }) => ({
      method: invoiceFailed,
      params: { jobId, invoiceId },
      dedupeKey: `invoice:${invoiceId}:failed`,
    }),
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
      const state = await orNull(backend.lookUpInvoice(job.payload.paymentHash, signal))
      if (state === null) return null
      const settled = state.status === 'settled' ? { receivedMsat: state.receivedMsat, settledAt: state.at } : null
      return fact(job, { settled, reachable: true })
    },
    giveUp: job => fact(job, { settled: null, reachable: false }),
  }
}

/** The answer, or `null` when the wallet is out of reach; other errors are bugs and pass through. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof LightningUnavailable || isAbort(error)) return null
    throw error
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}

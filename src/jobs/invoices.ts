import { createHash } from 'node:crypto'
import { CircuitOpen } from '../adapters/lightning/circuit-breaker.ts'
import { withFittingDescription } from '../adapters/lightning/description.ts'
import {
  type CreatedInvoice,
  InvoiceRefused,
  type InvoiceRequest,
  type LightningBackend,
} from '../adapters/lightning/port.ts'
import { parseBolt11 } from '../bolt11.ts'
import { invoiceCreated, invoiceFailed, invoiceLookedUp } from '../domain/billing/invoice-facts.ts'
import type { JobWorker } from './job.ts'
import type { PreimageOf } from './preimages.ts'
import { isUnavailable, unlessUnavailable } from './unless-unavailable.ts'

/** By how much the wallet's clock may differ from ours, and what a retry may have taken. */
const maxSkewSeconds = 600

/** The wallet's invoice is not what was asked for: to ask again would bring the same one. */
class WrongInvoice extends Error {
  override readonly name = 'WrongInvoice'
}

/**
 * Has the wallet make an invoice, one whose payment waits if that is wanted and it can; the invoice's id is the wallet's
 * idempotency key, so a retry makes no second one. While the wallet is known to be away nobody waits for it, nor for an
 * operator to confirm the machine's clock: in the log nobody could say when an invoice of now expires. An invoice that is not
 * the one that was asked for reaches nobody: a customer pays what stands in it, whatever the wallet says beside it. `report`
 * hears of that, and why the wallet refuses an invoice.
 */
export function createInvoiceWorker(
  backend: LightningBackend,
  preimageOf: PreimageOf,
  options: {
    /** Of the network, as its invoices begin after `ln`. */
    currency(): string
    /** Log time, Unix seconds. */
    now(): number
    /** Unix seconds by the machine's clock, of which log time does not believe every step. */
    wallSeconds(): number
    report(error: unknown): void
  },
): JobWorker<'create-invoice'> {
  const { currency, now, wallSeconds, report } = options
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
    const capabilities = await backend.capabilities(signal)
    const { resolutionMsat } = capabilities
    const hold = wanted && capabilities.hold
    const wholeMsat = Math.ceil(amountMsat / resolutionMsat) * resolutionMsat
    const asked = { idempotencyKey: invoiceId, preimage: preimageOf(invoiceId), amountMsat: wholeMsat, description }
    const request = withFittingDescription({ ...asked, expirySeconds, ...(hold ? { hold } : {}) }, capabilities)
    const created = await backend.createInvoice(request, signal)
    const fault = faultOf(created, request, { currency: currency(), now: now() })
    if (fault !== null) throw new WrongInvoice(`${backend.name} made another invoice than was asked for: ${fault}`)
    return { ...created, hold }
  }
  return {
    attempt: async (job, signal) => {
      if (Math.abs(wallSeconds() - now()) > maxSkewSeconds) return failed(job, 'unavailable')
      try {
        const { invoiceId } = job.payload
        const params = { jobId: job.id, invoiceId, ...(await create(job.payload, signal)) }
        return { method: invoiceCreated, params, dedupeKey: `invoice:${invoiceId}:created` }
      } catch (error) {
        if (error instanceof InvoiceRefused || error instanceof WrongInvoice) {
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

/** What stands in an invoice otherwise than it was asked for; `null`: nothing. */
function faultOf(
  created: CreatedInvoice,
  { amountMsat, preimage, expirySeconds, hold = false }: InvoiceRequest,
  { currency, now }: { currency: string; now: number },
): string | null {
  const said = parseBolt11(created.bolt11)
  if (said === null) return 'it cannot be read'
  if (said.currency !== currency) return `it is of the network ${said.currency}`
  if (said.amountMsat !== amountMsat) return `it asks for ${said.amountMsat} millisatoshi`
  if (said.paymentHash !== created.paymentHash) return 'its payment hash is another'
  // Not every wallet takes a preimage of ours; to hold a payment it has to.
  if (hold && said.paymentHash !== hashOf(preimage)) return 'its payment hash is not of our preimage'
  if (said.expiresAt !== created.expiresAt) return 'it expires at another time'
  if (said.expiresAt <= now) return 'it has expired'
  if (Math.abs(said.expiresAt - now - expirySeconds) > maxSkewSeconds) return 'it expires at another time'
  return null
}

function hashOf(preimage: string): string {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
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

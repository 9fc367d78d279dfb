import { AddressUnavailable, type LightningAddresses } from '../adapters/lnurl-pay/port.ts'
import { withdrawalResolved, withdrawalUnresolved } from '../domain/billing/withdraw-facts.ts'
import type { Job, JobWorker } from './runner.ts'

/** Strangers' servers may be slow: they get half of the places in which the wallet's work is done too. */
const maxAtOnce = 8
const maxReasonCharacters = 256

type ResolveJob = Job & { type: 'resolve-address' }

/**
 * Asks a Lightning address for the invoice of a withdrawal. Asking costs nothing, so a crash may make us ask again: the
 * first answer that gets into the log counts, and no other is ever paid.
 */
export function resolveAddressWorker(addresses: LightningAddresses): JobWorker<'resolve-address'> {
  let underWay = 0
  /** Why the addresses of jobs that are tried again did not answer the last time. */
  const troubles = new Map<string, string>()
  return {
    attempt: async (job, signal) => {
      if (underWay >= maxAtOnce) return null
      underWay++
      try {
        const { lightningAddress, amountMsat, comment, currency } = job.payload
        const request = { lightningAddress, amountMsat, comment, currency }
        const answer = await addresses.requestInvoice(request, signal)
        troubles.delete(job.id)
        return answer.status === 'invoice' ? resolved(job, answer.bolt11) : unresolved(job, answer.reason)
      } catch (error) {
        if (!(error instanceof AddressUnavailable)) throw error
        troubles.set(job.id, error.message)
        return null
      } finally {
        underWay--
      }
    },
    giveUp: job => {
      const trouble = troubles.get(job.id) ?? 'there was no time to ask it'
      troubles.delete(job.id)
      return unresolved(job, `${trouble}; nothing was paid, try again later`)
    },
  }
}

function resolved({ id: jobId, payload: { withdrawalId } }: ResolveJob, bolt11: string) {
  return { method: withdrawalResolved, params: { jobId, withdrawalId, bolt11 }, dedupeKey: keyOf(withdrawalId) }
}

function unresolved({ id: jobId, payload: { withdrawalId } }: ResolveJob, said: string) {
  const reason = said.slice(0, maxReasonCharacters)
  return { method: withdrawalUnresolved, params: { jobId, withdrawalId, reason }, dedupeKey: keyOf(withdrawalId) }
}

/** One for both: what was said first counts. */
function keyOf(withdrawalId: string): string {
  return `withdrawal:${withdrawalId}:resolved`
}

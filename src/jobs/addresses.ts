import { AddressUnavailable } from '../adapters/lnurl-pay/failures.ts'
import type { AskAddress } from '../adapters/lnurl-pay/http.ts'
import { withdrawalResolved, withdrawalUnresolved } from '../domain/billing/withdraw-facts.ts'
import type { Job, JobWorker } from './job.ts'
import { unlessAborted } from './unless-aborted.ts'

/** A stranger's server may be slow: it gets few of the places, whatever names it has below its domain. */
const maxOfDomain = 3
const domainLabels = 2
const maxReasonCharacters = 256

type ResolveJob = Job & { type: 'resolve-address' }

/**
 * Asks a Lightning address for the invoice of a withdrawal. Asking costs nothing, so a crash may make us ask again: the
 * first answer that gets into the log counts, and no other is ever paid.
 */
export function resolveAddressWorker(askAddress: AskAddress): JobWorker<'resolve-address'> {
  const underWay = new Map<string, number>()
  /** Why the addresses of jobs that are tried again did not answer the last time. */
  const troubles = new Map<string, string>()
  const trouble = (job: ResolveJob, said: string) => {
    troubles.set(job.id, said)
    return null
  }
  return {
    attempt: async (job, signal) => {
      const { lightningAddress, amountMsat, comment, currency } = job.payload
      const domain = domainOf(lightningAddress)
      const others = underWay.get(domain) ?? 0
      if (others >= maxOfDomain) return null
      underWay.set(domain, others + 1)
      try {
        const request = { lightningAddress, amountMsat, comment, currency }
        const answer = await unlessAborted(askAddress(request, signal), signal, null)
        if (answer === null) return trouble(job, 'its server does not answer in time')
        troubles.delete(job.id)
        return answer.status === 'invoice' ? resolved(job, answer.bolt11) : unresolved(job, answer.reason)
      } catch (error) {
        if (!(error instanceof AddressUnavailable)) throw error
        return trouble(job, error.message)
      } finally {
        const left = (underWay.get(domain) ?? 0) - 1
        if (left > 0) underWay.set(domain, left)
        else underWay.delete(domain)
      }
    },
    giveUp: job => {
      const last = troubles.get(job.id) ?? 'there was no time to ask it'
      troubles.delete(job.id)
      return unresolved(job, `${last}; nothing was paid, try again later`)
    },
  }
}

function domainOf(lightningAddress: string): string {
  const domain = lightningAddress.slice(lightningAddress.indexOf('@') + 1)
  return domain.split('.').slice(-domainLabels).join('.')
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

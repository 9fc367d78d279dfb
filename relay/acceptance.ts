import { kindClass, type NostrEvent, type VerifiedEvent } from './event.ts'
import type { Origin } from './host.ts'
import type { Limits } from './limits.ts'
import type { Policy } from './policies/policy.ts'
import { expirationOf } from './store/record.ts'
import type { Vanishing } from './vanish.ts'

/** What there is against keeping an ordinary event whose signature is right: the OK's message, or `null`. */
export type Acceptance = (event: VerifiedEvent, origin: Origin) => string | null

/** Makes the judgement: the operator's bans, then what the NIPs ask, then the policies. */
export function createAcceptance(options: {
  limits: Limits
  vanishing: Vanishing
  /** What an operator has banned (NIP-86), from wherever it comes. */
  barred: (event: NostrEvent) => string | null
  policy: Policy
  now(): number
}): Acceptance {
  const { limits, vanishing, barred, policy, now } = options

  const sourceFault = (event: NostrEvent, origin: Origin): string | null => {
    switch (origin.source) {
      case 'import':
      case 'sync':
        return importFault(event)
      default:
        return timeFault(event)
    }
  }

  const timeFault = (event: NostrEvent): string | null => {
    const time = now()
    if (hasExpired(event, time)) return expired
    if (event.created_at > time + limits.createdAtAheadSeconds) return 'invalid: created_at is too far in the future'
    const isEphemeral = kindClass(event.kind) === 'ephemeral'
    const behindSeconds = isEphemeral ? limits.ephemeralBehindSeconds : limits.createdAtBehindSeconds
    return event.created_at < time - behindSeconds ? 'invalid: created_at is too long ago' : null
  }

  /** What an operator brings in has been let in by a relay before, in its time and from its author. */
  const importFault = (event: NostrEvent): string | null => {
    if (hasExpired(event, now())) return expired
    return kindClass(event.kind) === 'ephemeral' ? 'invalid: ephemeral events are not stored' : null
  }

  return (event, origin) => {
    // Whoever wants to vanish may say so, whatever there is against its events (NIP-62).
    const isVanishing = vanishing.isRequest(event)
    const fault = (isVanishing ? null : barred(event)) ?? sourceFault(event, origin)
    if (fault !== null || isVanishing || origin.source === 'import') return fault
    return policy(event, origin)
  }
}

const expired = 'invalid: this event has expired'

function hasExpired(event: NostrEvent, time: number): boolean {
  const expiration = expirationOf(event)
  return expiration > 0 && expiration <= time
}

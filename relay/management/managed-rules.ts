import type { NostrEvent } from '../event.ts'
import type { RelayIdentity } from '../info.ts'
import type { Policy } from '../policies/policy.ts'
import { createIpTest } from './ip-networks.ts'
import type { Managed } from './managed.ts'

/** What follows from what an operator has set while the relay runs (NIP-86), as it stands at the moment. */
export type ManagedRules = {
  /** Why an event must not come in, from wherever it comes, or `null`. */
  barred(event: Pick<NostrEvent, 'id' | 'pubkey'>): string | null
  /** What is asked of ordinary events besides. */
  readonly policy: Policy
  isBlocked(ip: string): boolean
  /** To be called when the list of blocked addresses has changed. */
  ipsChanged(): void
  /** The relay as the operator calls it now. */
  identity(configured: RelayIdentity): RelayIdentity
}

/** Reads the lists. A kind that is allowed shuts out those that are not, deletions excepted: they add nothing. */
export function createManagedRules(managed: Managed): ManagedRules {
  const bannedKeys = managed.get('banned-keys')
  const bannedEvents = managed.get('banned-events')
  const allowedKinds = managed.get('allowed-kinds')
  const disallowedKinds = managed.get('disallowed-kinds')
  const texts = managed.get('texts')
  let isBlocked = createIpTest(managed.get('blocked-ips').keys())

  return {
    barred: ({ id, pubkey }) => {
      if (bannedKeys.has(pubkey)) return 'blocked: this key is banned here'
      return bannedEvents.has(id) ? 'blocked: this event is banned here' : null
    },
    policy: ({ kind }) => {
      if (disallowedKinds.size === 0 && allowedKinds.size === 0) return null
      const name = String(kind)
      const isShutOut = allowedKinds.size > 0 && !allowedKinds.has(name) && kind !== 5
      return isShutOut || disallowedKinds.has(name) ? `blocked: kind ${name} is not allowed here` : null
    },
    isBlocked: ip => isBlocked(ip),
    ipsChanged: () => {
      isBlocked = createIpTest(managed.get('blocked-ips').keys())
    },
    identity: configured => {
      if (texts.size === 0) return configured
      const { name, description, links } = configured
      const icon = texts.get('icon')
      const none = { icon: null, banner: null, postingPolicy: null, privacyPolicy: null, termsOfService: null }
      return {
        ...configured,
        name: texts.get('name') ?? name,
        description: texts.get('description') ?? description,
        ...(icon === undefined ? {} : { links: { ...(links ?? none), icon } }),
      }
    },
  }
}

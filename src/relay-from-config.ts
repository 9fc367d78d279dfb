import type { Host } from '../relay/host.ts'
import type { RelayMetrics } from '../relay/metrics/metrics.ts'
import { policyFrom } from '../relay/policies/from-settings.ts'
import { requirementsOf } from '../relay/policies/requirements.ts'
import type { createRelay } from '../relay/relay.ts'
import { packageHomepage, packageVersion } from './cli/version.ts'
import type { Config } from './config.ts'

type RelayOptions = Parameters<typeof createRelay>[0]

/** What the configuration says of the relay, as the relay takes it. */
export function relayFromConfig(
  { relay }: Config,
  { publicKey, host, metrics }: { publicKey: string; host: Host; metrics: RelayMetrics },
) {
  const refused = (type: keyof RelayMetrics['policyRefusals']) => void metrics.policyRefusals[type]++
  return {
    metrics,
    policy: policyFrom(relay.policies, { ...host, refused }),
    requirements: requirementsOf(relay.policies),
    searchedKinds: relay.search.kinds,
    limits: relay.limits,
    retention: relay.retention,
    membership: relay.membership,
    identity: {
      name: relay.name,
      description: relay.description,
      contact: relay.contact,
      adminKey: relay.adminKey,
      publicKey,
      version: packageVersion(),
      restrictedWrites: relay.policy !== 'open',
      storesEvents: relay.policy !== 'commands',
      software: packageHomepage(),
      links: relay,
    },
  } satisfies Partial<RelayOptions>
}

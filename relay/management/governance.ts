import type { EventTemplate, NostrEvent, VerifiedEvent } from '../event.ts'
import type { Admission, Applied, Host, Origin } from '../host.ts'
import type { RelayIdentity } from '../info.ts'
import type { Limits } from '../limits.ts'
import { createMembership, type Membership, type MembershipSettings, noMembership } from '../membership/membership.ts'
import { allOf, type Policy } from '../policies/policy.ts'
import type { Secp256k1 } from '../signatures/secp256k1.ts'
import { createRemoving } from '../store/removing.ts'
import type { EventStore } from '../store/store.ts'
import type { Outcome, Writer } from '../store/writer.ts'
import { createVanishing, type Vanishing } from '../vanish.ts'
import { createHttpAuth } from './http-auth.ts'
import { createManaged } from './managed.ts'
import { createManagedRules } from './managed-rules.ts'
import { createManagement, type Management } from './management.ts'
import { managementMethods } from './management-methods.ts'

/** Who may manage a relay over HTTP (NIP-86). */
export type ManagementOptions = {
  isOperator(pubkey: string): boolean
  /** How clients call the relay over HTTP, beside its websocket URLs. */
  readonly urls: readonly string[]
  /** Told of each change: its method, the operator, and the key, id, kind or address that it is about. */
  changed(fields: { method: string; operator: string; subject: string | number | null }): void
}

/** What keys and operators decide about a relay while it runs: who has vanished, who is banned, who is a member. */
export type Governance = {
  readonly vanishing: Vanishing
  readonly membership: Membership
  readonly manage: Management
  readonly policy: Policy
  barred(event: NostrEvent): string | null
  admitFirst(event: VerifiedEvent, origin: Origin): Admission | undefined
  isBlocked(ip: string): boolean
  identity(): RelayIdentity
  /** There are events to be removed. */
  wake(): void
  /** Called at intervals. */
  look(): void
  stop(): void
}

const unmanaged = { status: 403, body: { error: 'restricted: nobody may manage this relay' } } as const

/** Puts together vanishing (NIP-62), management (NIP-86) and membership (NIP-43). */
export function createGovernance(options: {
  store: EventStore
  writer: Writer
  secp: Secp256k1
  host: Host
  limits: Limits
  identity: RelayIdentity
  urls: readonly string[]
  policy: Policy | undefined
  membership: MembershipSettings | undefined
  management: ManagementOptions | undefined
  sign: ((template: EventTemplate) => NostrEvent) | undefined
  find(filter: object): NostrEvent[]
  applyLocally(apply: () => Applied, done: (outcome: Outcome<Applied>) => void): void
  /** Ends the connections of a key that is no longer a member. */
  endConnectionsOf(pubkey: string): void
  /** Ends the connections from addresses that are blocked now. */
  endBlocked(): void
  /** How many events were removed. */
  removed(count: number): void
  now(): number
  onError(error: unknown): void
}): Governance {
  const { store, writer, host, identity, urls, policy, management, find, applyLocally, endBlocked, now, onError } =
    options
  const { databases, vanished, removals } = store
  const isOperator = management?.isOperator ?? (() => false)
  const removing = createRemoving({ ...options, removals })
  const managed = createManaged(databases.management, writer)
  const rules = createManagedRules(managed)
  const membership = createMembership({
    ...options,
    settings: options.membership ?? noMembership,
    database: databases.membership,
    sign: options.sign ?? null,
    publicKey: identity.publicKey,
    url: urls[0] ?? identity.name,
    openKinds: host.openKinds ?? new Set(),
    isOperator,
    isBanned: pubkey => managed.get('banned-keys').has(pubkey),
    onShutOut: options.endConnectionsOf,
  })
  const apply = (change: () => Applied) =>
    new Promise<void>((resolve, reject) => {
      applyLocally(change, outcome => (outcome.ok ? resolve() : reject(outcome.error)))
    })
  const methods = managementMethods({
    managed,
    rules,
    membership,
    store,
    removals,
    isOperator,
    isProtected: host.isProtected,
    find,
    apply,
    onRemoval: () => {
      store.forgetRemoved()
      removing.wake()
    },
    onIpsChanged: () => {
      rules.ipsChanged()
      endBlocked()
    },
  })
  const manage = (allowed: ManagementOptions) => {
    const authorize = createHttpAuth({ secp: options.secp, urls: [...urls, ...allowed.urls], now })
    return createManagement({ authorize, isOperator, methods, managed, changed: allowed.changed, now, onError })
  }

  return {
    vanishing: createVanishing({ vanished, removals, urls }),
    membership,
    manage: management === undefined ? async () => unmanaged : manage(management),
    policy: allOf([rules.policy, membership.policy, ...(policy === undefined ? [] : [policy])]),
    barred: rules.barred,
    admitFirst: membership.admit,
    isBlocked: rules.isBlocked,
    identity: () => {
      const nips = [...(membership.isEnabled ? [43] : []), ...(management === undefined ? [] : [86])]
      return {
        ...rules.identity(identity),
        restrictedWrites: identity.restrictedWrites || membership.isClosed() || managed.get('allowed-kinds').size > 0,
        restrictedReads: membership.isReadingClosed,
        alsoNips: nips,
      }
    },
    wake: removing.wake,
    look: removing.look,
    stop: removing.stop,
  }
}

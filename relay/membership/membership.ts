import { networkOf } from '../connection/connection-counter.ts'
import { type EventTemplate, type NostrEvent, tagValue, type VerifiedEvent } from '../event.ts'
import type { Admission, Applied, Origin } from '../host.ts'
import type { Limits } from '../limits.ts'
import { createBuckets } from '../policies/buckets.ts'
import { membersOnly } from '../policies/members.ts'
import type { Policy } from '../policies/policy.ts'
import type { Rows } from '../store/pending-writes.ts'
import type { EventStore } from '../store/store.ts'
import { wrapKinds } from '../store/vanished.ts'
import type { Writer } from '../store/writer.ts'
import { createClaims } from './claims.ts'
import { createMembers, type Members } from './members.ts'
import { createMembershipChanges, type MembershipChanges, membershipKinds } from './membership-changes.ts'

/** How a relay for members only works (NIP-43). */
export type MembershipSettings = {
  /** Whether only members may write, and others may join with an invitation. */
  readonly enabled: boolean
  readonly read: 'everyone' | 'members'
  /** Who gets invitations to pass on. */
  readonly invite: 'members' | 'operators' | 'nobody'
  readonly claimSeconds: number
  readonly usesPerClaim: number
  /** Whether the relay says in public who its members are. */
  readonly publishList: boolean
}

/** Who may write and read, and how that changes. */
export type Membership = {
  readonly members: Members
  readonly changes: MembershipChanges
  readonly isEnabled: boolean
  readonly isReadingClosed: boolean
  /** To be called when a key has been banned: it keeps its place among the members, of no use as long as it is. */
  banned(pubkey: string): void
  /** Whether only members may write: it is enabled, or an operator has listed some (NIP-86). */
  isClosed(): boolean
  isMember(pubkey: string): boolean
  readonly policy: Policy
  /** What becomes of requests to join and to leave, and of events that only the relay itself makes; other events are ordinary. */
  admit(event: VerifiedEvent, origin: Origin): Admission | undefined
  /** Why keys may not ask for what these filters say, as the message of CLOSED, or `null`. */
  readFault(filters: readonly unknown[], authenticated: ReadonlySet<string>): string | null
  /** An invitation, if one is asked for: its event, or the message of CLOSED. */
  invite(filters: readonly unknown[], authenticated: ReadonlySet<string>): NostrEvent | string | null
}

export const noMembership: MembershipSettings = {
  enabled: false,
  read: 'everyone',
  invite: 'nobody',
  claimSeconds: 604_800,
  usesPerClaim: 1,
  publishList: false,
}

/** How many members there may be. */
export const maxMembers = 50_000
const windowSeconds = 300
/** Somebody who types a code wrong needs a few; a claim has 128 bits. */
const triesPerMinute = 5
const triesAtOnce = 10
const invitesPerMinute = 2
const invitesAtOnce = 20
/** What only the relay says of itself. */
const own: ReadonlySet<number> = new Set([
  membershipKinds.added,
  membershipKinds.removed,
  membershipKinds.list,
  membershipKinds.invite,
  membershipKinds.role,
])

/** Makes it. `url` is how the relay calls itself when it welcomes somebody. */
export function createMembership(options: {
  settings: MembershipSettings
  database: Rows
  store: EventStore
  writer: Writer
  sign: ((template: EventTemplate) => NostrEvent) | null
  publicKey: string
  url: string
  limits: Limits
  /** Kinds that everybody may read though only members may read the rest. */
  openKinds: ReadonlySet<number>
  isOperator(pubkey: string): boolean
  isBanned(pubkey: string): boolean
  /** Told of who may no longer read, though it could so far. */
  onShutOut(pubkey: string): void
  now(): number
  onError(error: unknown): void
}): Membership {
  const { settings, database, writer, sign, publicKey, url, openKinds, isOperator, isBanned, onShutOut, now, onError } =
    options
  const { enabled } = settings
  const members = createMembers(database)
  const claims = createClaims(database, { lastSeconds: settings.claimSeconds, uses: settings.usesPerClaim })
  const isReadingClosed = enabled && settings.read === 'members'
  const shutOut = (pubkey: string) => {
    if (isReadingClosed) onShutOut(pubkey)
  }
  const changes = createMembershipChanges({
    ...options,
    members,
    sign: enabled && settings.publishList ? sign : null,
    onRemoved: shutOut,
  })
  const mayTry = createBuckets({ perSecond: triesPerMinute / 60, burst: triesAtOnce })
  const mayAskForInvite = createBuckets({ perSecond: invitesPerMinute / 60, burst: invitesAtOnce })

  const isClosed = () => enabled || members.all().size > 0
  const isMember = (pubkey: string) => (members.all().has(pubkey) && !isBanned(pubkey)) || isOperator(pubkey)
  const mayInvite = (pubkey: string) => {
    if (settings.invite === 'nobody') return false
    return settings.invite === 'members' ? isMember(pubkey) : isOperator(pubkey)
  }
  const isOneMember = (keys: ReadonlySet<string>) => {
    for (const key of keys) if (isMember(key)) return true
    return false
  }
  const refuseOthers = membersOnly(isMember)
  const asksForOpenKinds = (filter: unknown): boolean => {
    const kinds = kindsOf(filter)
    return kinds !== undefined && kinds.length > 0 && kinds.every(kind => openKinds.has(kind as number))
  }

  const personalFault = (event: NostrEvent, origin: Origin): string | null => {
    if (origin.source !== 'client') return 'blocked: who joins or leaves says so here'
    return Math.abs(event.created_at - now()) > windowSeconds ? 'invalid: created_at is too far from now' : null
  }

  const join = (event: VerifiedEvent, origin: Origin): Admission => {
    const claim = tagValue(event, 'claim')
    const fault = personalFault(event, origin)
    if (fault !== null) return refuse(fault)
    if (claim === undefined) return refuse('invalid: a request to join has a claim tag')
    if (!mayTry(networkOf(origin.ip))) return refuse('rate-limited: too many tries, come back in a few minutes')
    if (isBanned(event.pubkey)) return refuse('blocked: this key is banned here')
    // Whoever guesses costs no transaction.
    const looked = members.all().has(event.pubkey) ? 'member' : claims.look(claim, now())
    if (looked === 'unknown' || looked === 'expired') return refuse(claimFaults[looked])
    return { kind: 'apply', apply: () => joinNow(event.pubkey, claim) }
  }

  const joinNow = (pubkey: string, claim: string): Applied => {
    if (members.get(pubkey) !== undefined) return say(true, 'duplicate: you are already a member of this relay.')
    const found = claims.find(claim, now())
    if (found === 'unknown' || found === 'expired') return say(false, claimFaults[found])
    // An invitation is worth what its inviter is now.
    if (!mayInvite(found.inviter)) return say(false, claimFaults.unknown)
    if (members.all().size >= maxMembers) return say(false, 'restricted: this relay takes no more members.')
    claims.use(claim, found)
    const added = changes.add(pubkey, { reason: `invited by ${found.inviter}`, roles: [] })
    const committed = () => {
      claims.used(claim, found)
      added.committed?.()
    }
    return { ...added, message: `info: welcome to ${url}!`, committed }
  }

  const leave = (event: VerifiedEvent, origin: Origin): Admission => {
    if (!event.tags.some(tag => tag[0] === '-')) return refuse('invalid: a request to leave has a "-" tag')
    const fault = personalFault(event, origin)
    if (fault !== null) return refuse(fault)
    if (!mayTry(networkOf(origin.ip))) return refuse('rate-limited: too many tries, come back in a few minutes')
    return {
      kind: 'apply',
      apply: () => {
        if (members.get(event.pubkey) === undefined) return say(true, 'duplicate: you are not a member of this relay.')
        return { ...changes.remove(event.pubkey), message: 'info: you are no longer a member of this relay.' }
      },
    }
  }

  const issue = (inviter: string): NostrEvent | string => {
    if (sign === null) return 'error: this relay cannot sign invitations'
    if (!mayAskForInvite(inviter)) return 'rate-limited: too many invitations, come back in a few minutes'
    const issued = claims.issue(inviter, now())
    if (issued === null) return 'rate-limited: too many invitations are open'
    writer.submit<void>({
      lane: 'first',
      run: () => claims.keep(issued),
      done: outcome => {
        if (!outcome.ok) onError(outcome.error)
      },
    })
    const tags = [['-'], ['claim', issued.claim]]
    return sign({ kind: membershipKinds.invite, created_at: now(), tags, content: '' })
  }

  return {
    members,
    changes,
    isEnabled: enabled,
    isReadingClosed,
    banned: shutOut,
    isClosed,
    isMember,
    policy: (event, origin) => {
      if (!isClosed() || isOneMember(origin.authenticated)) return null
      // Whose message it is, its author's key does not tell (NIP-59).
      const mayBeMember = wrapKinds.has(event.kind) && origin.authenticated.size === 0
      return mayBeMember ? 'auth-required: only members may write to this relay' : refuseOthers(event, origin)
    },
    admit: (event, origin) => {
      if (!enabled) return undefined
      if (event.kind === membershipKinds.join) return join(event, origin)
      if (event.kind === membershipKinds.leave) return leave(event, origin)
      if (!own.has(event.kind) || event.pubkey !== publicKey) return undefined
      return refuse('blocked: events of the relay come from the relay itself')
    },
    readFault: (filters, authenticated) => {
      if (!isReadingClosed || isOneMember(authenticated)) return null
      if (filters.length > 0 && filters.every(asksForOpenKinds)) return null
      const prefix = authenticated.size === 0 ? 'auth-required' : 'restricted'
      return `${prefix}: only members may read this relay`
    },
    invite: (filters, authenticated) => {
      if (!enabled || !filters.some(filter => asksForInvite(filter, publicKey))) return null
      for (const key of authenticated) if (mayInvite(key)) return issue(key)
      if (authenticated.size === 0) return 'auth-required: invitations are for members'
      return 'restricted: you may not invite others to this relay'
    },
  }
}

const claimFaults = {
  unknown: 'restricted: that is an invalid invite code.',
  expired: 'restricted: that invite code is expired.',
} as const

function refuse(message: string): Admission {
  return { kind: 'refuse', message }
}

function say(accepted: boolean, message: string): Applied {
  return { accepted, message, store: [], deliver: [] }
}

/** The kinds that a filter names, as far as it is one; `undefined` when it asks for all. */
function kindsOf(filter: unknown): unknown[] | undefined {
  if (typeof filter !== 'object' || filter === null || !('kinds' in filter)) return undefined
  return Array.isArray(filter.kinds) ? filter.kinds : undefined
}

function asksForInvite(filter: unknown, publicKey: string): boolean {
  if (!kindsOf(filter)?.includes(membershipKinds.invite)) return false
  const authors = (filter as { authors?: unknown }).authors
  return !Array.isArray(authors) || authors.includes(publicKey)
}

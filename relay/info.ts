import { encodeEvent } from './event.ts'
import type { Limits } from './limits.ts'
import { openHost } from './open-host.ts'
import { noRequirements, type Requirements } from './policies/requirements.ts'

/** What an operator says of a relay (NIP-11). */
export type RelayIdentity = {
  readonly name: string
  readonly description: string
  readonly publicKey: string
  readonly contact: string | null
  /** Of a person whom users may write to. The relay's own key is nobody's to read for. */
  readonly adminKey?: string | null
  readonly version: string
  /** Whether only some may write, which clients show. */
  readonly restrictedWrites: boolean
  /** Whether ordinary events are stored at all; they are unless it is said. */
  readonly storesEvents?: boolean
  /** Whether only some may read, which clients have to sign in for. */
  readonly restrictedReads?: boolean
  /** NIPs that this relay offers besides. */
  readonly alsoNips?: readonly number[]
  /** Home page of the software; left out when there is none, since clients take it for a URL. */
  readonly software?: string | undefined
  /** URLs of what clients may show or link to. */
  readonly links?: {
    readonly icon: string | null
    readonly banner: string | null
    readonly postingPolicy: string | null
    readonly privacyPolicy: string | null
    readonly termsOfService: string | null
  }
}

/** Everything that the relay can do for clients; `isOn` says of some whether it does. */
export const supportedNips = [1, 2, 4, 9, 11, 13, 17, 28, 40, 42, 45, 50, 59, 62, 65, 67, 70, 77]

/** The relay information document (NIP-11). Its limits are those in force. */
export function informationDocument(
  identity: RelayIdentity,
  limits: Limits,
  requirements: Requirements = noRequirements,
  restrictedKinds: ReadonlySet<number> = openHost.restrictedKinds,
  searchedKinds: ReadonlySet<number> = new Set(),
): object {
  const { name, description, publicKey, contact, version, restrictedWrites, storesEvents = true, software } = identity
  const { icon, banner, postingPolicy, privacyPolicy, termsOfService } = identity.links ?? noLinks
  const isOn = (nip: number): boolean => {
    if (aboutStored.includes(nip) && !storesEvents) return false
    if (nip === 50) return searchedKinds.size > 0
    if (nip === 4) return restrictedKinds.has(4)
    if (nip === 17 || nip === 59) return restrictedKinds.has(1_059)
    return nip !== 13 || requirements.asksForWork
  }
  return {
    name,
    description,
    self: publicKey,
    ...present({ pubkey: identity.adminKey, contact, icon, banner, software }),
    supported_nips: [...supportedNips.filter(isOn), ...(identity.alsoNips ?? [])].sort((a, b) => a - b),
    version,
    ...present({
      posting_policy: postingPolicy,
      privacy_policy: privacyPolicy,
      terms_of_service: termsOfService,
    }),
    limitation: {
      max_message_length: limits.maxMessageBytes,
      max_subscriptions: limits.maxSubscriptions,
      max_limit: limits.maxLimit,
      default_limit: limits.maxLimit,
      max_subid_length: 64,
      max_event_tags: limits.maxTags,
      max_content_length: limits.maxEventBytes - bytesBesideContent,
      min_pow_difficulty: requirements.minPowDifficulty,
      auth_required: identity.restrictedReads ?? false,
      payment_required: false,
      restricted_writes: restrictedWrites || requirements.restrictedWrites,
      created_at_lower_limit: limits.createdAtBehindSeconds,
      created_at_upper_limit: limits.createdAtAheadSeconds,
    },
  }
}

/** Of an event without tags. */
const bytesBesideContent = encodeEvent({
  id: '0'.repeat(64),
  pubkey: '0'.repeat(64),
  created_at: 1e9,
  kind: 1,
  tags: [],
  content: '',
  sig: '0'.repeat(128),
}).length

const noLinks = { icon: null, banner: null, postingPolicy: null, privacyPolicy: null, termsOfService: null }

/** Of no use where no ordinary events are stored. */
const aboutStored = [2, 4, 9, 13, 17, 28, 50, 59, 62, 65, 70]

/** The fields that have a value. */
function present(fields: Readonly<Record<string, string | null | undefined>>): Record<string, string> {
  const pairs = Object.entries(fields).flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : []))
  return Object.fromEntries(pairs)
}

import type { Limits } from './limits.ts'

/** What an operator says of a relay (NIP-11). */
export type RelayIdentity = {
  readonly name: string
  readonly description: string
  readonly publicKey: string
  readonly contact: string | null
  readonly version: string
  /** Whether only some may write, which clients show. */
  readonly restrictedWrites: boolean
}

const software = 'panda'
export const supportedNips = [1, 2, 4, 9, 11, 17, 40, 42, 59, 65, 70]

/** The relay information document (NIP-11). Its limits are those in force. */
export function informationDocument(identity: RelayIdentity, limits: Limits): object {
  const { name, description, publicKey, contact, version, restrictedWrites } = identity
  return {
    name,
    description,
    pubkey: publicKey,
    self: publicKey,
    ...(contact === null ? {} : { contact }),
    supported_nips: supportedNips,
    software,
    version,
    limitation: {
      max_message_length: limits.maxMessageBytes,
      max_subscriptions: limits.maxSubscriptions,
      max_limit: limits.maxLimit,
      default_limit: limits.maxLimit,
      max_subid_length: 64,
      max_event_tags: limits.maxTags,
      max_content_length: limits.maxEventBytes,
      min_pow_difficulty: 0,
      auth_required: false,
      payment_required: false,
      restricted_writes: restrictedWrites,
      created_at_lower_limit: limits.createdAtBehindSeconds,
      created_at_upper_limit: limits.createdAtAheadSeconds,
    },
  }
}

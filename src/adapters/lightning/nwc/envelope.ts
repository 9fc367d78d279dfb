import { decrypt, encrypt, getConversationKey } from 'nostr-tools/nip44'
import { finalizeEvent, getPublicKey, type VerifiedEvent, verifyEvent } from 'nostr-tools/pure'
import { z } from 'zod'
import type { NwcUri } from './uri.ts'

/** Kinds of NIP-47. Notifications of kind 23196 are the same in NIP-04, which is not used here. */
export const kinds = { info: 13194, request: 23194, response: 23195, notification: 23197 } as const

/** Both ends of a connection, and what only they can compute (NIP-44). */
export type Keys = {
  readonly walletPubkey: string
  readonly clientPubkey: string
  readonly secretKey: Uint8Array
  readonly conversationKey: Uint8Array
}

const authKind = 22242
/** Later the wallet ignores the request (NIP-47, `expiration`): what had no answer by then will not happen later. */
const requestLifeSeconds = 60
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`))

const eventSchema = z.object({
  id: hex(32),
  pubkey: hex(32),
  created_at: z.int().nonnegative(),
  kind: z.int().nonnegative(),
  tags: z.array(z.array(z.string()).max(100)).max(100),
  content: z.string(),
  sig: hex(64),
})

/** An event as a relay sent it: of the right shape, nothing more. */
export type ReadEvent = z.output<typeof eventSchema>

export function keysOf({ walletPubkey, secret }: NwcUri): Keys {
  const secretKey = Buffer.from(secret, 'hex')
  return {
    walletPubkey,
    clientPubkey: getPublicKey(secretKey),
    secretKey,
    conversationKey: getConversationKey(secretKey, walletPubkey),
  }
}

/** A request to the wallet; `now` is Unix seconds. Throws a RangeError when it is longer than NIP-44 can encrypt. */
export function signRequest(keys: Keys, request: { method: string; params: object }, now: number): VerifiedEvent {
  const text = JSON.stringify(request)
  if (Buffer.byteLength(text) > 65_535) throw new RangeError('a request to the wallet is too long')
  const tags = [
    ['p', keys.walletPubkey],
    ['encryption', 'nip44_v2'],
    ['expiration', String(now + requestLifeSeconds)],
  ]
  const content = encrypt(text, keys.conversationKey)
  return finalizeEvent({ kind: kinds.request, created_at: now, tags, content }, keys.secretKey)
}

/** Says to a relay who asks (NIP-42). */
export function signAuth(keys: Keys, relay: string, challenge: string, now: number): VerifiedEvent {
  const tags = [
    ['relay', relay],
    ['challenge', challenge],
  ]
  return finalizeEvent({ kind: authKind, created_at: now, tags, content: '' }, keys.secretKey)
}

export function readEvent(value: unknown): ReadEvent | null {
  return eventSchema.safeParse(value).data ?? null
}

/** Whether the event's id and signature are its author's. */
export function isGenuine(event: ReadEvent): boolean {
  // A copy: the library keeps a mark of what it has verified on the object.
  return verifyEvent({ ...event })
}

export function hasTag(event: ReadEvent, name: string, value: string): boolean {
  return event.tags.some(tag => tag[0] === name && tag[1] === value)
}

/** What the wallet wrote; `null` when it cannot be read with this connection's key. */
export function readContent(keys: Keys, event: ReadEvent): string | null {
  try {
    return decrypt(event.content, keys.conversationKey)
  } catch {
    // The library throws on what is not NIP-44 or was written for another key.
    return null
  }
}

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type EventTemplate, finalizeEvent, generateSecretKey, getPublicKey, nip44, verifyEvent } from 'nostr-tools'
import type { NostrEvent } from '../../relay/event.ts'

/** Signs and reads what goes between a client and the service, with nostr-tools alone. */

export type Key = { readonly secretKey: Uint8Array; readonly publicKey: string }

/** A result, answer or notice, decrypted. */
export type Reply = {
  readonly method: string
  readonly status: string
  readonly type: string
  readonly body: Record<string, unknown>
  readonly event: NostrEvent
}

/** How a command differs from one that is right. */
export type Twist = {
  readonly kind?: number
  /** How long ago it was signed; negative: it will be. */
  readonly ageSeconds?: number
  readonly service?: string
  /** `null`: the params go in the clear. */
  readonly encryption?: string | null
  /** What stands in the content instead of the params. */
  readonly content?: string
  readonly tags?: readonly string[][]
}

export function newKey(): Key {
  return toKey(generateSecretKey())
}

/** The key in a file of the data directory. */
export function readKey(file: string): Key {
  return toKey(Buffer.from(readFileSync(file, 'utf8').trim(), 'hex'))
}

/** Unix seconds, by this machine's clock. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}

/** Signs any event; its fields are plain, without nostr-tools' mark that it has been verified. */
export function sign({ secretKey }: Key, template: Partial<EventTemplate> & { kind: number }): NostrEvent {
  const { id, pubkey, created_at, kind, tags, content, sig } = finalizeEvent(
    { created_at: nowSeconds(), tags: [], content: '', ...template },
    secretKey,
  )
  return { id, pubkey, created_at, kind, tags, content, sig }
}

/** A signed command, encrypted unless twisted otherwise. No two are equal. */
export function command(service: string, key: Key, method: string, params: unknown, twist: Twist = {}): NostrEvent {
  const { kind = 2410, ageSeconds = 0, encryption = 'nip44_v2', tags = [] } = twist
  const plain = JSON.stringify(params)
  const sealed = encryption === null ? plain : nip44.v2.encrypt(plain, conversation(key, service))
  return sign(key, {
    kind,
    created_at: nowSeconds() - ageSeconds,
    tags: [
      ['p', twist.service ?? service],
      ['method', method],
      ['salt', randomBytes(8).toString('hex')],
      ...(encryption === null ? [] : [['encryption', encryption]]),
      ...tags,
    ],
    content: twist.content ?? sealed,
  })
}

/** A signed query. */
export function query(service: string, key: Key, method: string, params: unknown, twist: Twist = {}): NostrEvent {
  return command(service, key, method, params, { kind: 22_410, ...twist })
}

/** Checks and decrypts what the service has signed. Throws when it is not the service's or not for this key. */
export function open(event: NostrEvent, service: string, key: Key): Reply {
  if (event.pubkey !== service || !verifyEvent({ ...event })) throw new Error(`${event.id} is not of the service`)
  const tag = (name: string) => event.tags.find(one => one[0] === name)?.[1] ?? ''
  const isSealed = tag('encryption') === 'nip44_v2'
  const text = isSealed ? nip44.v2.decrypt(event.content, conversation(key, service)) : event.content
  const body = JSON.parse(text) as Record<string, unknown>
  return { method: tag('method'), status: tag('status'), type: tag('type'), body, event }
}

const conversations = new Map<string, Uint8Array>()

/** Kept: an ECDH in JavaScript takes longer than the service takes for the whole command. */
function conversation(key: Key, other: string): Uint8Array {
  const pair = `${key.publicKey} ${other}`
  const known = conversations.get(pair) ?? nip44.v2.utils.getConversationKey(key.secretKey, other)
  conversations.set(pair, known)
  return known
}

function toKey(secretKey: Uint8Array): Key {
  return { secretKey, publicKey: getPublicKey(secretKey) }
}

import { encodeEvent, eventId, type NostrEvent, type VerifiedEvent } from '../event.ts'
import { isWellFormed } from '../text.ts'
import type { Secp256k1 } from './secp256k1.ts'

/** An event that has the shape of one, or what is wrong with it. `id` is there when it can be named in an OK. */
export type ParsedEvent =
  | { readonly ok: true; readonly event: NostrEvent }
  | { readonly ok: false; readonly id: string | null; readonly reason: string }

/** Bounds on a single event. */
export type EventLimits = {
  readonly maxTags: number
  readonly maxTagValueLength: number
  readonly maxEventBytes: number
}

const hex64 = /^[0-9a-f]{64}$/
const hex128 = /^[0-9a-f]{128}$/
const maxTime = 2 ** 47
/** A control character becomes `\u0000`. */
const maxBytesPerCharacter = 6
/** Everything but tags and content: the other five fields and the names of all. */
const envelopeBytes = 512

/** Checks the shape of an event as it came off the wire (NIP-01), and takes its seven fields only. */
export function parseEvent(value: unknown, limits: EventLimits): ParsedEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return bad(null, 'an event is an object')
  const { id, pubkey, created_at, kind, tags, content, sig } = value as Record<string, unknown>
  if (typeof id !== 'string' || !hex64.test(id)) return bad(null, 'id: 64 lower-case hex digits')
  if (typeof pubkey !== 'string' || !hex64.test(pubkey)) return bad(id, 'pubkey: 64 lower-case hex digits')
  if (typeof sig !== 'string' || !hex128.test(sig)) return bad(id, 'sig: 128 lower-case hex digits')
  if (!isInteger(created_at, maxTime)) return bad(id, 'created_at: Unix seconds')
  if (!isInteger(kind, 65_535)) return bad(id, 'kind: an integer from 0 to 65535')
  if (typeof content !== 'string') return bad(id, 'content: a string')
  if (!Array.isArray(tags) || tags.length > limits.maxTags) return bad(id, `tags: a list of at most ${limits.maxTags}`)
  let characters = content.length
  for (const tag of tags) {
    if (!Array.isArray(tag) || tag.length === 0) return bad(id, 'tags: each is a list of strings')
    for (const part of tag) {
      if (typeof part !== 'string') return bad(id, 'tags: each is a list of strings')
      characters += part.length + 1
      if (part.length > limits.maxTagValueLength) {
        return bad(id, `tags: values of at most ${limits.maxTagValueLength} characters`)
      }
    }
  }
  if (!isWellFormed(content) || !tags.every(tag => tag.every(isWellFormed))) {
    return bad(id, 'an event holds no lone surrogates, which no UTF-8 can carry')
  }
  const event: NostrEvent = { id, pubkey, created_at, kind, tags, content, sig }
  // Most events are far too short to need the exact length, which costs as much as hashing them.
  const mayBeTooLong = characters * maxBytesPerCharacter + envelopeBytes > limits.maxEventBytes
  if (mayBeTooLong && Buffer.byteLength(encodeEvent(event)) > limits.maxEventBytes) {
    return bad(id, `an event has at most ${limits.maxEventBytes} bytes`)
  }
  return { ok: true, event }
}

/** Whether the id is the hash of the event. Cheap: comes before any look-up by id. */
export function hasRightId(event: NostrEvent): boolean {
  return eventId(event) === event.id
}

/** The event as verified, or `null` when the signature is not the author's. The id has been checked before. */
export function verifySignature(event: NostrEvent, secp: Secp256k1): VerifiedEvent | null {
  const isRight = secp.verify(hexBytes(event.sig), hexBytes(event.id), hexBytes(event.pubkey))
  return isRight ? (event as VerifiedEvent) : null
}

function hexBytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex')
}

function bad(id: string | null, reason: string): ParsedEvent {
  return { ok: false, id, reason }
}

function isInteger(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max && !Object.is(value, -0)
}

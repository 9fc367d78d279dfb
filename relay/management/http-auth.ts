import { createHash, timingSafeEqual } from 'node:crypto'
import { type NostrEvent, tagValue } from '../event.ts'
import type { Secp256k1 } from '../signatures/secp256k1.ts'
import { hasRightId, parseEvent, verifySignature } from '../signatures/verify.ts'

/** The kind of an event that authorizes one HTTP request (NIP-98). */
const httpAuthKind = 27_235
const windowSeconds = 60
/** Base64; an event for a request has three short tags. */
const maxHeaderLength = 8_192
const eventLimits = { maxTags: 20, maxTagValueLength: 2_048, maxEventBytes: 6_144 }

/** Whose request it is, with the id of the event that said so, or why that is not known. */
export type Authorized =
  | { readonly ok: true; readonly pubkey: string; readonly id: string; readonly goodUntil: number }
  | { readonly ok: false; readonly reason: string }

/** Makes the check of `POST` requests to one of some URLs, with a body that the event has to name (NIP-98, NIP-86). */
export function createHttpAuth(options: {
  secp: Secp256k1
  /** As clients know the relay, over HTTP or as a websocket; never what a request says of itself. */
  urls: readonly string[]
  now(): number
}): (authorization: string | undefined, body: string) => Authorized {
  const { secp, now } = options
  const urls = new Set(options.urls.map(httpForm))
  return (authorization, body) => {
    const event = readHeader(authorization)
    if (typeof event === 'string') return refuse(event)
    if (event.kind !== httpAuthKind) return refuse(`authorization is an event of kind ${httpAuthKind}`)
    if (Math.abs(event.created_at - now()) > windowSeconds) return refuse('created_at is too far from now')
    if (tagValue(event, 'method')?.toUpperCase() !== 'POST') return refuse('the method tag is not POST')
    const url = httpForm(tagValue(event, 'u') ?? '')
    if (url === null || !urls.has(url)) return refuse('the u tag is not the URL of this relay')
    if (!isHashOf(body, tagValue(event, 'payload'))) return refuse('the payload tag is not the SHA-256 of the body')
    if (!hasRightId(event)) return refuse('the id is not the hash of the event')
    if (verifySignature(event, secp) === null) return refuse('the signature is not of this author')
    return { ok: true, pubkey: event.pubkey, id: event.id, goodUntil: event.created_at + windowSeconds }
  }
}

function refuse(reason: string): Authorized {
  return { ok: false, reason }
}

function readHeader(authorization: string | undefined): NostrEvent | string {
  const expected = 'send Authorization: Nostr <base64 of an event> (NIP-98)'
  const [, base64] =
    /^Nostr +([A-Za-z0-9+/_-]+={0,2})$/i.exec((authorization ?? '').slice(0, maxHeaderLength + 1)) ?? []
  if (base64 === undefined || (authorization ?? '').length > maxHeaderLength) return expected
  try {
    const parsed = parseEvent(JSON.parse(Buffer.from(base64, 'base64').toString()), eventLimits)
    return parsed.ok ? parsed.event : parsed.reason
  } catch {
    // What the header holds is not repeated.
    return expected
  }
}

/** One spelling for the URL of the relay, as a websocket's or a page's; `null` for one with query, fragment or user. */
function httpForm(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, host, pathname, search, hash, username, password } = new URL(text)
  if (`${search}${hash}${username}${password}` !== '') return null
  const scheme = protocol === 'wss:' ? 'https:' : protocol === 'ws:' ? 'http:' : protocol
  return `${scheme}//${host}${pathname.endsWith('/') ? pathname.slice(0, -1) : pathname}`
}

function isHashOf(body: string, hex: string | undefined): boolean {
  if (hex === undefined || !/^[0-9a-f]{64}$/i.test(hex)) return false
  return timingSafeEqual(createHash('sha256').update(body).digest(), Buffer.from(hex, 'hex'))
}

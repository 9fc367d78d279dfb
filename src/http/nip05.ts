import type { Nip05Answer } from '../pipeline/nip05.ts'
import { refusalBody } from './refusal.ts'

export const nip05Path = '/.well-known/nostr.json'

/**
 * Answers for a host (lower case, without port) and a name (lower case, `a-z0-9-_.`, at most 64 characters);
 * `null` when no name was asked for, `''` when what was asked for cannot be a name.
 */
export type ResolveNip05 = (host: string, name: string | null) => Nip05Answer

/** Somebody may register the name in a moment and look at once. */
const unknownNameTtlSeconds = 10
const maxNameLength = 64

/** A `GET` for names: the Host header, the request's target or URL, and its `If-None-Match`. */
export type Nip05Request = { readonly host: string; readonly url: string; readonly ifNoneMatch: string | undefined }

/** A response to a lookup; `headers` are names and values in turn, which node writes in half the time of an object. */
export type Nip05Reply = {
  readonly status: 200 | 304 | 404
  readonly headers: string[]
  readonly body: string | null
}

/**
 * The reply to `GET /.well-known/nostr.json?name=` (NIP-05). Never a redirect: clients must not follow one.
 * The most frequent request of all, so URL and host are taken apart by hand, and nothing is built that is not sent.
 */
export function replyToNip05(resolve: ResolveNip05, { host, url, ifNoneMatch }: Nip05Request): Nip05Reply {
  const answer = resolve(toHost(host), nameOf(url))
  if (!answer.known) return { status: 404, headers: unknownHostHeaders, body: unknownHost }
  const body = bodyOf(answer)
  const etag = entityTag(body)
  const ttlSeconds = answer.found === null ? Math.min(unknownNameTtlSeconds, answer.ttlSeconds) : answer.ttlSeconds
  const cacheControl = `public, max-age=${ttlSeconds}`
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) {
    // Without content-length: it would be taken for the length of the body that is not there.
    return { status: 304, headers: headersOf(cacheControl, etag, body).slice(0, 6), body: null }
  }
  return { status: 200, headers: headersOf(cacheControl, etag, body), body }
}

/**
 * By hand, because an object whose keys are names is a shape of its own for every name: slow to make and to write. Neither
 * a name nor a key holds anything that JSON escapes.
 */
function bodyOf({ found }: Nip05Answer): string {
  if (found === null) return '{"names":{},"relays":{}}'
  const { name, publicKey, relays } = found
  return `{"names":{"${name}":"${publicKey}"},"relays":{"${publicKey}":${JSON.stringify(relays)}}}`
}

const unknownHost = JSON.stringify(refusalBody('NOT_FOUND', 'this host serves no names'))
const unknownHostHeaders = headersOf('no-store', entityTag(unknownHost), unknownHost)

function headersOf(cacheControl: string, etag: string, body: string): string[] {
  return [
    'access-control-allow-origin',
    '*',
    'cache-control',
    cacheControl,
    'etag',
    etag,
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
  ]
}

/**
 * A tag of 64 bits by two FNV-1a hashes. It only has to change when an honest answer changes, and a call into OpenSSL costs
 * as much as the rest of the lookup.
 */
function entityTag(body: string): string {
  let low = 0x811c9dc5
  let high = 0x01234567
  for (let index = 0; index < body.length; index++) {
    const code = body.charCodeAt(index)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code, 0x85ebca6b)
  }
  return `"${low >>> 0}-${high >>> 0}"`
}

/** The host of a Host header or URL authority: without port, in lower case. */
export function toHost(authority: string): string {
  const port = authority.lastIndexOf(':')
  // An IPv6 literal has colons of its own: only one behind its bracket begins a port.
  const host = port > 0 && authority.indexOf(']', port) === -1 ? authority.slice(0, port) : authority
  return host.toLowerCase()
}

/** The first `name` of a URL's query in lower case; `null` when there is none, `''` when it cannot be a name. */
export function nameOf(url: string): string | null {
  const query = url.indexOf('?')
  if (query === -1) return null
  let at = query + 1
  while (!url.startsWith('name=', at)) {
    const next = url.indexOf('&', at)
    if (next === -1) return null
    at = next + 1
  }
  const end = url.indexOf('&', at)
  return toName(url.slice(at + 5, end === -1 ? undefined : end))
}

function toName(value: string): string {
  // A name needs no escapes, but some clients escape what need not be.
  const text = value.includes('%') ? decodeEscapes(value) : value
  if (text.length > maxNameLength) return ''
  for (let index = 0; index < text.length; index++) if (!isNameCode(text.charCodeAt(index))) return ''
  return text.toLowerCase()
}

function decodeEscapes(value: string): string {
  if (value.length > maxNameLength * 3) return ''
  try {
    return decodeURIComponent(value)
  } catch {
    return ''
  }
}

/** `a-z A-Z 0-9 - . _` */
function isNameCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  )
}

/** Weak comparison with a list of tags or `*` (RFC 9110 section 13.1.2); a cache between may have weakened ours. */
function matches(ifNoneMatch: string, etag: string): boolean {
  for (const part of ifNoneMatch.split(',')) {
    const tag = part.trim()
    if (tag === '*' || tag === etag || tag === `W/${etag}`) return true
  }
  return false
}

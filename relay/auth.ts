import { randomBytes } from 'node:crypto'
import { type NostrEvent, tagValue } from './event.ts'
import { normalizeUrl } from './url.ts'

/** The kind of an authentication event (NIP-42). It is never stored and never delivered. */
export const authKind = 22_242

/** A fresh challenge, good for the life of its connection. */
export function newChallenge(): string {
  return randomBytes(16).toString('hex')
}

/** Why an authentication event with a valid signature does not count, or `null`. The relay is known by its configured URLs. */
export function authFault(
  event: NostrEvent,
  expected: { challenge: string; urls: readonly string[]; now: number; windowSeconds: number },
): string | null {
  if (event.kind !== authKind) return `invalid: authentication is kind ${authKind}`
  if (Math.abs(event.created_at - expected.now) > expected.windowSeconds)
    return 'invalid: created_at is too far from now'
  if (tagValue(event, 'challenge') !== expected.challenge)
    return 'invalid: this is not the challenge of this connection'
  const url = normalizeUrl(tagValue(event, 'relay') ?? '')
  const isOurs = url !== null && expected.urls.some(own => normalizeUrl(own) === url)
  return isOurs ? null : 'invalid: this authentication is for another relay'
}

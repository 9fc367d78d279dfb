import type { Policy } from './policy.ts'

/** Only events of these keys, in lower-case hex. */
export function allowAuthors(keys: Iterable<string>): Policy {
  const allowed = new Set(keys)
  return ({ pubkey }) => (allowed.has(pubkey) ? null : 'restricted: only some keys may write to this relay')
}

/** No events of these keys, in lower-case hex. */
export function denyAuthors(keys: Iterable<string>): Policy {
  const denied = new Set(keys)
  return ({ pubkey }) => (denied.has(pubkey) ? 'blocked: this key may not write to this relay' : null)
}

import type { NostrEvent } from './event.ts'

/** Reposts carry a whole event in their content (NIP-18). */
const repostKinds = new Set([6, 16])

/** Why an event may not come from this connection as NIP-70 has it, with its prefix, or `null`. */
export function protectionFault(event: NostrEvent, authenticated: ReadonlySet<string>): string | null {
  if (isProtected(event)) {
    if (authenticated.size === 0) return 'auth-required: a protected event comes from its author'
    if (!authenticated.has(event.pubkey)) return 'restricted: a protected event comes from its author'
  }
  if (repostKinds.has(event.kind) && embedsProtected(event.content)) return 'blocked: this reposts a protected event'
  return null
}

function isProtected(event: { tags: readonly (readonly string[])[] }): boolean {
  return event.tags.some(tag => tag[0] === '-')
}

function embedsProtected(content: string): boolean {
  try {
    const tags: unknown = (JSON.parse(content) as { tags?: unknown }).tags
    return Array.isArray(tags) && tags.some(tag => Array.isArray(tag) && tag[0] === '-')
  } catch {
    // Not an event, so there is nothing to protect.
    return false
  }
}

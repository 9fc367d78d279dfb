import { hash } from 'node:crypto'

/** A signed Nostr event as it travels on the wire (NIP-01). */
export type NostrEvent = {
  id: string
  pubkey: string
  /** Unix seconds. */
  created_at: number
  kind: number
  tags: string[][]
  content: string
  sig: string
}

/** What an author decides about an event; id and signature follow from it and the author's key. */
export type EventTemplate = Pick<NostrEvent, 'kind' | 'created_at' | 'tags' | 'content'>

declare const verified: unique symbol

/** An event whose id and signature have been checked here. Only `verifyEvent` and our own signing make one. */
export type VerifiedEvent = NostrEvent & { readonly [verified]: true }

/** The NIP-01 serialisation whose SHA-256 is the event's id. */
export function serializeForId(event: Omit<NostrEvent, 'id' | 'sig'>): string {
  return JSON.stringify([0, event.pubkey, event.created_at, event.kind, event.tags, event.content])
}

/** The event's id: lower-case hex of the SHA-256 of its serialisation (NIP-01). */
export function eventId(event: Omit<NostrEvent, 'id' | 'sig'>): string {
  return hash('sha256', serializeForId(event), 'hex')
}

/** The canonical JSON of an event: NIP-01's seven fields in this order and nothing else. */
export function encodeEvent(event: NostrEvent): string {
  const { id, pubkey, created_at, kind, tags, content, sig } = event
  return JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig })
}

/** The value of the first tag of this name, if there is one. */
export function tagValue(event: Pick<NostrEvent, 'tags'>, name: string): string | undefined {
  for (const tag of event.tags) if (tag[0] === name) return tag[1]
  return undefined
}

/** The storage class of a kind (NIP-01, "Kinds"). */
export function kindClass(kind: number): 'regular' | 'replaceable' | 'ephemeral' | 'addressable' {
  if (kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)) return 'replaceable'
  if (kind >= 20_000 && kind < 30_000) return 'ephemeral'
  if (kind >= 30_000 && kind < 40_000) return 'addressable'
  return 'regular'
}

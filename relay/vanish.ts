import type { NostrEvent } from './event.ts'
import type { Prepared } from './store/prepared.ts'
import type { Removals } from './store/removals.ts'
import { type Vanished, vanishKind } from './store/vanished.ts'
import { normalizeUrl } from './url.ts'

/** Requests to vanish (NIP-62) on their way in. */
export type Vanishing = {
  /** Whether an event is one that is meant for this relay. Those for others are ordinary events. */
  isRequest(event: NostrEvent): boolean
  /** Remembers that the author has vanished, and asks for the removal of its events; inside a transaction only. */
  apply(request: Prepared): void
}

/** A relay is meant by one of its URLs, compared as in NIP-42, or by `ALL_RELAYS`. */
export function createVanishing(options: {
  vanished: Vanished
  removals: Pick<Removals, 'request'>
  urls: readonly string[]
}): Vanishing {
  const { vanished, removals } = options
  const urls = new Set(options.urls.map(normalizeUrl))
  return {
    isRequest: ({ kind, tags }) => {
      if (kind !== vanishKind) return false
      return tags.some(([name, value]) => {
        if (name !== 'relay' || value === undefined) return false
        return value === 'ALL_RELAYS' || (URL.canParse(value) && urls.has(normalizeUrl(value)))
      })
    },
    apply: ({ event, pubkey }) => {
      vanished.add(pubkey, event.created_at)
      removals.request('vanish', pubkey, event.created_at)
    },
  }
}

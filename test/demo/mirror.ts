import { verifyEvent } from 'nostr-tools'
import { Relay, useWebSocketImplementation } from 'nostr-tools/relay'
import { WebSocket } from 'ws'
import type { NostrEvent } from '../../relay/event.ts'
import type { Stage } from './stage.ts'

useWebSocketImplementation(WebSocket)

/**
 * The newest event of a name as a mirror sees it, with nostr-tools and nobody's key. Throws when there is none, or when
 * it is not signed by the service.
 */
export async function mirrorName({ panda }: Stage, identifier: string): Promise<NostrEvent> {
  const relay = await Relay.connect(panda.websocketUrl)
  try {
    const events = await new Promise<NostrEvent[]>(resolve => {
      const found: NostrEvent[] = []
      relay.subscribe([{ kinds: [32_410], authors: [panda.servicePublicKey], '#d': [identifier] }], {
        onevent: event => found.push(event),
        oneose: () => resolve(found),
      })
    })
    const [event] = events
    if (event === undefined || events.length > 1) throw new Error(`${events.length} events of ${identifier}`)
    if (!verifyEvent({ ...event })) throw new Error(`the event of ${identifier} has a wrong signature`)
    return event
  } finally {
    relay.close()
  }
}

/** The tags of one name, without the name. */
export function tagsOf(event: Pick<NostrEvent, 'tags'>, name: string): string[][] {
  return event.tags.filter(tag => tag[0] === name).map(tag => tag.slice(1))
}

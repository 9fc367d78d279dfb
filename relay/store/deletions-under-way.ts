import type { NostrEvent } from '../event.ts'
import { vanishKind } from './vanished.ts'

/**
 * The ids that deletion requests name, and the keys that ask to vanish, which are not durable yet: what is stored does not
 * tell of them.
 */
export type DeletionsUnderWay = {
  /** Whether one may be about an event: it is by such a key, or for one, or is named. */
  mayConcern(event: NostrEvent): boolean
  /** Takes in a deletion request (NIP-09) or a request to vanish (NIP-62); other events are passed over. */
  begin(event: NostrEvent): void
  end(event: NostrEvent): void
}

/** Makes the register. A request that is under way several times counts each time. */
export function createDeletionsUnderWay(): DeletionsUnderWay {
  /** Ids and keys: nothing is both. */
  const counts = new Map<string, number>()
  const addOne = (subject: string, step: 1 | -1) => {
    const count = (counts.get(subject) ?? 0) + step
    if (count === 0) counts.delete(subject)
    else counts.set(subject, count)
  }
  const add = (event: NostrEvent, step: 1 | -1) => {
    if (event.kind === vanishKind) addOne(event.pubkey, step)
    if (event.kind !== 5) return
    for (const [name, id] of event.tags) if (name === 'e' && id !== undefined) addOne(id, step)
  }
  return {
    mayConcern: ({ id, pubkey, tags }) => {
      if (counts.size === 0) return false
      if (counts.has(id) || counts.has(pubkey)) return true
      return tags.some(([name, value]) => name === 'p' && value !== undefined && counts.has(value))
    },
    begin: event => add(event, 1),
    end: event => add(event, -1),
  }
}

import type { NostrEvent } from './event.ts'

/** The ids that deletion requests name which are not durable yet: what is stored does not tell of them. */
export type DeletionsUnderWay = {
  isUnderWay(id: string): boolean
  /** Takes in a deletion request (NIP-09); other events are passed over. */
  begin(event: NostrEvent): void
  end(event: NostrEvent): void
}

/** Makes the register. A request that is under way several times counts each time. */
export function createDeletionsUnderWay(): DeletionsUnderWay {
  const counts = new Map<string, number>()
  const add = (event: NostrEvent, step: 1 | -1) => {
    if (event.kind !== 5) return
    for (const [name, id] of event.tags) {
      if (name !== 'e' || id === undefined) continue
      const count = (counts.get(id) ?? 0) + step
      if (count === 0) counts.delete(id)
      else counts.set(id, count)
    }
  }
  return {
    isUnderWay: id => counts.has(id),
    begin: event => add(event, 1),
    end: event => add(event, -1),
  }
}

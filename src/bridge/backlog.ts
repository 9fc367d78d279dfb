import type { NostrEvent } from '../../relay/event.ts'

/** Commands that wait their turn, oldest first: what an author sent in an order is to happen in it. */
export type Backlog = {
  /** `false` when there is no room for it; one that is here already is no news. */
  add(event: NostrEvent): boolean
  /** Takes out the oldest command whose author may have one handled now. */
  take(mayBeHandled: (author: string) => boolean): NostrEvent | undefined
  size(): number
  /** `created_at` of the oldest command that found no room, to be asked for again; `null` once it has been told. */
  takeMissed(): number | null
}

type Entry = { readonly event: NostrEvent; readonly bytes: number; readonly isCustomer: boolean }

/** Makes a backlog. Strangers have half of its room, and nobody has more than `maxPerAuthor` of it. */
export function createBacklog(limits: {
  maxEvents: number
  maxBytes: number
  maxPerAuthor: number
  isCustomer(author: string): boolean
}): Backlog {
  const { maxEvents, maxBytes, maxPerAuthor, isCustomer } = limits
  const entries: Entry[] = []
  const ids = new Set<string>()
  const perAuthor = new Map<string, number>()
  const used = { customers: { count: 0, bytes: 0 }, strangers: { count: 0, bytes: 0 } }
  let missed: number | null = null

  const count = ({ event, bytes, isCustomer: known }: Entry, by: 1 | -1) => {
    const use = known ? used.customers : used.strangers
    use.count += by
    use.bytes += by * bytes
    const ofAuthor = (perAuthor.get(event.pubkey) ?? 0) + by
    if (ofAuthor === 0) perAuthor.delete(event.pubkey)
    else perAuthor.set(event.pubkey, ofAuthor)
  }
  const removeAt = (index: number): Entry | undefined => {
    const [entry] = entries.splice(index, 1)
    if (entry === undefined) return undefined
    ids.delete(entry.event.id)
    count(entry, -1)
    return entry
  }
  const miss = (event: NostrEvent) => {
    missed = missed === null ? event.created_at : Math.min(missed, event.created_at)
  }
  const isFull = ({ bytes, isCustomer: known }: Entry) => {
    const use = known ? used.customers : used.strangers
    return use.count + 1 > maxEvents / 2 || use.bytes + bytes > maxBytes / 2
  }

  return {
    add: event => {
      if (ids.has(event.id)) return true
      const entry: Entry = { event, bytes: sizeOf(event), isCustomer: isCustomer(event.pubkey) }
      if ((perAuthor.get(event.pubkey) ?? 0) >= maxPerAuthor) {
        miss(event)
        return false
      }
      while (isFull(entry)) {
        // The newest of its class makes room for what is older, since it is what comes last anyway.
        const newest = entries.findLastIndex(other => other.isCustomer === entry.isCustomer)
        const other = entries[newest]
        if (other === undefined || isBefore(other.event, event)) {
          miss(event)
          return false
        }
        removeAt(newest)
        miss(other.event)
      }
      entries.splice(placeOf(entries, event), 0, entry)
      ids.add(event.id)
      count(entry, 1)
      return true
    },
    take: mayBeHandled => {
      const index = entries.findIndex(({ event }) => mayBeHandled(event.pubkey))
      return index === -1 ? undefined : removeAt(index)?.event
    },
    size: () => entries.length,
    takeMissed: () => {
      const since = missed
      missed = null
      return since
    },
  }
}

function isBefore(one: NostrEvent, other: NostrEvent): boolean {
  return one.created_at < other.created_at || (one.created_at === other.created_at && one.id < other.id)
}

/** Where an event belongs among entries in order of time. */
function placeOf(entries: readonly Entry[], event: NostrEvent): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle]
    if (entry !== undefined && isBefore(entry.event, event)) low = middle + 1
    else high = middle
  }
  return low
}

/** About how many bytes of memory an event takes. */
function sizeOf({ content, tags }: NostrEvent): number {
  let bytes = 1_000 + content.length
  for (const tag of tags) for (const value of tag) bytes += value.length + 20
  return bytes
}

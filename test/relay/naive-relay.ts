import { kindClass, type NostrEvent } from '../../relay/event.ts'

/** A filter as a client writes it. */
export type RawFilter = { readonly [field: string]: readonly (string | number)[] | number | undefined }

/** What a relay does, in NIP-01's, 09's, 40's and 42's words and without any thought of speed. */
export type NaiveRelay = {
  /** Whether the event is taken; `isNew` when subscribers hear of it. */
  publish(event: NostrEvent, now: number): { readonly accepted: boolean; readonly isNew: boolean }
  /** All that is stored, what has expired and what nobody may read included. */
  stored(): readonly NostrEvent[]
}

/** Makes one that is empty. */
export function createNaiveRelay(): NaiveRelay {
  let events: NostrEvent[] = []
  const deletedIds = new Set<string>()
  const deletedAddresses = new Map<string, number>()

  const remove = (isGone: (event: NostrEvent) => boolean) => {
    events = events.filter(event => !isGone(event))
  }

  const applyDeletion = ({ pubkey, created_at, tags }: NostrEvent) => {
    for (const [name, value = ''] of tags) {
      if (name === 'e') {
        const target = events.find(({ id }) => id === value)
        if (target !== undefined && (target.pubkey !== pubkey || target.kind === 5)) continue
        deletedIds.add(`${value} ${pubkey}`)
        remove(({ id }) => id === value)
      }
      if (name === 'a' && value.split(':')[1] === pubkey) {
        deletedAddresses.set(value, Math.max(created_at, deletedAddresses.get(value) ?? 0))
        remove(event => addressOf(event) === value && event.created_at <= created_at)
      }
    }
  }

  return {
    publish: (event, now) => {
      const taken = { accepted: true, isNew: true }
      const refused = { accepted: false, isNew: false }
      if (events.some(({ id }) => id === event.id)) return { accepted: true, isNew: false }
      if (isExpired(event, now)) return refused
      if (kindClass(event.kind) === 'ephemeral') return taken
      if (event.kind !== 5 && deletedIds.has(`${event.id} ${event.pubkey}`)) return refused
      const address = addressOf(event)
      if (address !== null) {
        if (event.created_at <= (deletedAddresses.get(address) ?? -1)) return refused
        const current = events.find(other => addressOf(other) === address)
        if (current !== undefined && newestFirst(current, event) < 0) return refused
        remove(other => other === current)
      }
      events.push(event)
      if (event.kind === 5) applyDeletion(event)
      return taken
    },
    stored: () => events,
  }
}

/** Newest first, and the lower id first in the same second. */
export function newestFirst(a: NostrEvent, b: NostrEvent): number {
  return b.created_at - a.created_at || (a.id < b.id ? -1 : 1)
}

export function isExpired(event: NostrEvent, now: number): boolean {
  const expiration = Number(event.tags.find(([name]) => name === 'expiration')?.[1])
  return expiration > 0 && expiration <= now
}

/** Whether somebody with these keys may read the event, when only its parties may read its kind. */
export function mayRead(event: NostrEvent, restricted: ReadonlySet<number>, keys: ReadonlySet<string>): boolean {
  if (!restricted.has(event.kind)) return true
  return keys.has(event.pubkey) || event.tags.some(([name, value]) => name === 'p' && keys.has(String(value)))
}

/** Whether a filter asks for an event. */
export function asksFor(filter: RawFilter, event: NostrEvent): boolean {
  const lists: [string, (string | number)[]][] = [
    ['ids', [event.id]],
    ['authors', [event.pubkey]],
    ['kinds', [event.kind]],
    ...event.tags.map(([name]): [string, string[]] => [`#${name}`, valuesOf(event, name)]),
  ]
  return Object.entries(filter).every(([key, field]) => {
    if (key === 'since') return event.created_at >= Number(field)
    if (key === 'until') return event.created_at <= Number(field)
    if (!Array.isArray(field)) return true
    return lists.some(([of, values]) => of === key && values.some(value => field.includes(value)))
  })
}

function valuesOf({ tags }: NostrEvent, name: string | undefined): string[] {
  return tags.flatMap(([of, value]) => (of === name && value !== undefined ? [value] : []))
}

function addressOf({ kind, pubkey, tags }: NostrEvent): string | null {
  if (kindClass(kind) === 'replaceable') return `${kind}:${pubkey}:`
  if (kindClass(kind) !== 'addressable') return null
  return `${kind}:${pubkey}:${tags.find(([name]) => name === 'd')?.[1] ?? ''}`
}

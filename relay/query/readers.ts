import type { NostrEvent } from '../event.ts'
import { recordHasTag, recordIsBy, recordKind } from '../store/record.ts'
import type { Filter } from './filter.ts'
import type { Visible } from './query.ts'

/** Whether one of the keys is the event's author or in its `p` tags. */
export function isPartyTo(event: NostrEvent, keys: ReadonlySet<string>): boolean {
  if (keys.size === 0) return false
  return keys.has(event.pubkey) || event.tags.some(tag => tag[0] === 'p' && tag[1] !== undefined && keys.has(tag[1]))
}

/**
 * Whether these filters name restricted kinds and the reader has not signed in (NIP-42), so that there may be more for it.
 * Whether there is must not show: it would tell everybody who writes to whom, and when.
 */
export function mayMiss(
  filters: readonly Filter[],
  restrictedKinds: ReadonlySet<number>,
  keys: ReadonlySet<string>,
): boolean {
  return keys.size === 0 && filters.some(({ kinds }) => kinds?.some(kind => restrictedKinds.has(kind)))
}

/** What a reader may see of stored events: everything but restricted kinds, and of those what one of the keys is party to. */
export function visibleTo(restrictedKinds: ReadonlySet<number>, keys: ReadonlySet<string>): Visible {
  const tagValues = [...keys].map(key => Buffer.from(key))
  const letter = 'p'.charCodeAt(0)
  const authors = [...keys].map(key => Buffer.from(key, 'hex'))
  return record => {
    if (!restrictedKinds.has(recordKind(record))) return true
    if (keys.size === 0) return false
    return authors.some(author => recordIsBy(record, author)) || recordHasTag(record, letter, tagValues)
  }
}

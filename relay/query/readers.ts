import type { NostrEvent } from '../event.ts'
import { recordHasTag, recordIsBy, recordKind } from '../store/record.ts'
import type { Visible } from './query.ts'

/** Whether one of the keys is the event's author or in its `p` tags. */
export function isPartyTo(event: NostrEvent, keys: ReadonlySet<string>): boolean {
  if (keys.size === 0) return false
  return keys.has(event.pubkey) || event.tags.some(tag => tag[0] === 'p' && tag[1] !== undefined && keys.has(tag[1]))
}

/** What a reader may see, and whether something was left out for it who has not signed in (NIP-42). */
export function openEyes(
  restrictedKinds: ReadonlySet<number>,
  keys: ReadonlySet<string>,
): { readonly visible: Visible; mayMiss(): boolean } {
  const isVisible = visibleTo(restrictedKinds, keys)
  let isWithheld = false
  return {
    visible: record => {
      if (isVisible(record)) return true
      isWithheld = true
      return false
    },
    mayMiss: () => isWithheld && keys.size === 0,
  }
}

/** The same for stored events: everything but restricted kinds, and of those what one of the keys is party to. */
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

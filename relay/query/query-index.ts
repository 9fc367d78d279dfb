import { authorKindPrefix, authorPrefix, endKey, kindPrefix, tagPrefix } from '../store/keys.ts'
import type { Rows } from '../store/pending-writes.ts'
import type { PositionIndex } from '../store/positions.ts'
import type { EventStore } from '../store/store.ts'
import type { Filter } from './filter.ts'

/** Where the candidates for a filter are: the index, and the prefixes of its keys. */
export type Index = { readonly index: PositionIndex; readonly prefixes: readonly Buffer[] }

/** More cursors than this are no help: one index with fewer, and a look at each event, is cheaper. */
const maxCursors = 1_000

/**
 * Chooses the index: tags (the letter with fewest values) > authors and kinds > authors > kinds > time. In steps, since
 * finding the kinds of a thousand authors takes longer than a slice.
 */
export function* chooseIndex(store: EventStore, filter: Filter): Generator<void, Index> {
  const { byTag, byAuthorKind, byKind, byTime } = store.positions
  const authors =
    filter.authors === undefined ? undefined : distinct(filter.authors).map(hex => Buffer.from(hex, 'hex'))
  const kinds = filter.kinds === undefined ? undefined : distinct(filter.kinds)
  let fewest: { letter: string; values: readonly string[] } | undefined
  for (const [letter, values] of filter.tags) {
    if (fewest === undefined || values.length < fewest.values.length) fewest = { letter, values }
  }
  if (fewest !== undefined) {
    const { letter, values } = fewest
    return { index: byTag, prefixes: distinctPrefixes(values.map(value => tagPrefix(letter, value))) }
  }
  if (authors !== undefined && kinds !== undefined && authors.length * kinds.length <= maxCursors) {
    const prefixes = authors.flatMap(author => kinds.map(kind => authorKindPrefix(author, kind)))
    return { index: byAuthorKind, prefixes: distinctPrefixes(prefixes) }
  }
  if (authors !== undefined) {
    const prefixes = yield* authorKindsOf(store.databases.byAuthorKind, authors)
    if (prefixes !== null) return { index: byAuthorKind, prefixes }
  }
  if (kinds !== undefined) return { index: byKind, prefixes: kinds.map(kindPrefix) }
  return { index: byTime, prefixes: [Buffer.alloc(0)] }
}

/** Every author and kind that there is for these authors; `null` when there are too many to merge. */
function* authorKindsOf(byAuthorKind: Rows, authors: readonly Buffer[]): Generator<void, Buffer[] | null> {
  const prefixes: Buffer[] = []
  for (const author of distinctPrefixes(authors.map(authorPrefix))) {
    let start = authorKindPrefix(author, 0)
    const end = endKey(authorKindPrefix(author, 0xffff), 0)
    for (;;) {
      const [key] = byAuthorKind.getKeys({ start, end, limit: 1 })
      yield
      if (key === undefined) break
      if (prefixes.length >= maxCursors) return null
      const prefix = Buffer.from(key.subarray(0, 10))
      prefixes.push(prefix)
      const kind = prefix.readUInt16BE(8)
      if (kind === 0xffff) break
      start = authorKindPrefix(author, kind + 1)
    }
  }
  return prefixes
}

/** Two values with one prefix are one cursor, or their events would come twice. */
function distinctPrefixes(prefixes: readonly Buffer[]): readonly Buffer[] {
  if (prefixes.length < 2) return prefixes
  return [...new Map(prefixes.map(prefix => [prefix.toString('latin1'), prefix])).values()]
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return values.length < 2 ? values : [...new Set(values)]
}

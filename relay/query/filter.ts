import type { NostrEvent } from '../event.ts'
import { maxSearchLength, maxSearchWords, parseSearch, type Search } from '../search/search.ts'
import { hasWords } from '../search/searched-text.ts'
import { isWellFormed } from '../text.ts'

/** A subscription filter (NIP-01), checked. Absent fields do not restrict. */
export type Filter = {
  readonly ids?: readonly string[]
  readonly authors?: readonly string[]
  readonly kinds?: readonly number[]
  /** Letter → values. */
  readonly tags: ReadonlyMap<string, readonly string[]>
  readonly since?: number
  readonly until?: number
  /** Words that the event has (NIP-50); `kinds` are then among those that are searched. */
  readonly search?: Search
  readonly limit: number
  /** Whether it is ours: the client would take more. */
  readonly isCapped?: boolean
}

/** Bounds on what a filter may ask. */
export type FilterLimits = {
  readonly maxLimit: number
  readonly maxValues: number
  readonly maxTagKeys: number
  /** Kinds that `search` may find; without any it is not offered. */
  readonly searchedKinds?: ReadonlySet<number>
}

export type ParsedFilter =
  | { readonly ok: true; readonly filter: Filter }
  /** `isUnknown`: it may be right, but nobody here knows what it means. */
  | { readonly ok: false; readonly reason: string; readonly isUnknown?: true }

const hex64 = /^[0-9a-f]{64}$/
const tagKey = /^#[A-Za-z]$/
const hexTags = new Set(['#e', '#p'])
const maxTime = 2 ** 47
const nothingSearched: ReadonlySet<number> = new Set()

/** Checks a filter as a client sent it. Unknown fields are refused, so that nobody takes their absence from the answer for an answer. */
export function parseFilter(value: unknown, limits: FilterLimits): ParsedFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return no('a filter is an object')
  const filter: { -readonly [K in keyof Filter]: Filter[K] } = {
    tags: new Map(),
    limit: limits.maxLimit,
    isCapped: true,
  }
  const tags = new Map<string, readonly string[]>()
  const { searchedKinds = nothingSearched } = limits
  for (const [key, field] of Object.entries(value)) {
    if (key === 'ids' || key === 'authors') {
      if (!isListOf(field, isHex64, limits.maxValues))
        return no(`${key}: up to ${limits.maxValues} of 64 lower-case hex digits`)
      filter[key] = field
    } else if (key === 'kinds') {
      if (!isListOf(field, isKind, limits.maxValues))
        return no(`kinds: up to ${limits.maxValues} integers from 0 to 65535`)
      filter.kinds = field
    } else if (key === 'since' || key === 'until') {
      if (!isTime(field)) return no(`${key}: Unix seconds`)
      filter[key] = field
    } else if (key === 'limit') {
      if (!isTime(field)) return no('limit: an integer that is not negative')
      filter.limit = Math.min(field, limits.maxLimit)
      filter.isCapped = field > limits.maxLimit
    } else if (key === 'search' && searchedKinds.size > 0) {
      const search = typeof field === 'string' ? parseSearch(field) : 'too-long'
      if (search === 'too-long')
        return no(`search: a text of up to ${maxSearchLength} characters and ${maxSearchWords} words`)
      if (search !== null) filter.search = search
    } else if (tagKey.test(key)) {
      const isValue = hexTags.has(key) ? isHex64 : isText
      const what = hexTags.has(key) ? 'of 64 lower-case hex digits' : 'texts of up to 1024 characters'
      if (!isListOf(field, isValue, limits.maxValues)) return no(`${key}: up to ${limits.maxValues} ${what}`)
      tags.set(key.slice(1), field)
    } else {
      return { ok: false, reason: `${key.slice(0, 32)}: this filter field is not known here`, isUnknown: true }
    }
  }
  if (tags.size > limits.maxTagKeys) return no(`up to ${limits.maxTagKeys} kinds of tags in a filter`)
  filter.tags = tags
  if (filter.search !== undefined) filter.kinds = kindsToSearch(filter, filter.search, searchedKinds)
  return { ok: true, filter }
}

/** What of an event a filter looks at. */
export type Filtered = Pick<NostrEvent, 'id' | 'pubkey' | 'created_at' | 'kind' | 'tags' | 'content'>

/** Makes the test whether an event is what a filter asks for; `limit` is not looked at. Its cost is that of the event's tags. */
export function eventTest(filter: Filter): (event: Filtered) => boolean {
  const { since = 0, until = maxTime } = filter
  const ids = setOf(filter.ids)
  const authors = setOf(filter.authors)
  const kinds = setOf(filter.kinds)
  const words = filter.search?.words
  const tags = [...filter.tags].map(([letter, values]) => ({ letter, values: new Set(values) }))
  return event => {
    if (event.created_at < since || event.created_at > until) return false
    if (kinds !== null && !kinds.has(event.kind)) return false
    if (authors !== null && !authors.has(event.pubkey)) return false
    if (ids !== null && !ids.has(event.id)) return false
    for (const { letter, values } of tags) if (!hasTag(event, letter, values)) return false
    return words === undefined || hasWords(event, words)
  }
}

/** Of the kinds that a filter asks for those that are searched; none when its search has no words. */
function kindsToSearch({ kinds }: Pick<Filter, 'kinds'>, search: Search, searched: ReadonlySet<number>): number[] {
  if (search.words.length === 0) return []
  return kinds === undefined ? [...searched] : kinds.filter(kind => searched.has(kind))
}

/** Few tags are looked through sooner than looked up. */
const fewTags = 16

function hasTag(event: Filtered, letter: string, values: ReadonlySet<string>): boolean {
  if (event.tags.length > fewTags) return hasCommon(tagValuesOf(event, letter), values)
  for (const [name, value] of event.tags) if (name === letter && value !== undefined && values.has(value)) return true
  return false
}

/** Of events that thousands of filters are tried on. */
const sorted = new WeakMap<Filtered, ReadonlyMap<string, ReadonlySet<string>>>()
const noValues: ReadonlySet<string> = new Set()

function tagValuesOf(event: Filtered, letter: string): ReadonlySet<string> {
  let values = sorted.get(event)
  if (values === undefined) {
    const byName = new Map<string, Set<string>>()
    for (const [name, value] of event.tags) {
      if (name?.length !== 1 || value === undefined) continue
      const former = byName.get(name)
      if (former === undefined) byName.set(name, new Set([value]))
      else former.add(value)
    }
    values = byName
    sorted.set(event, values)
  }
  return values.get(letter) ?? noValues
}

function hasCommon(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const [few, many] = one.size < other.size ? [one, other] : [other, one]
  for (const value of few) if (many.has(value)) return true
  return false
}

function setOf<T>(values: readonly T[] | undefined): ReadonlySet<T> | null {
  return values === undefined ? null : new Set(values)
}

function no(reason: string): ParsedFilter {
  return { ok: false, reason }
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T, max: number): value is T[] {
  return Array.isArray(value) && value.length <= max && value.every(is)
}

function isHex64(value: unknown): value is string {
  return typeof value === 'string' && hex64.test(value)
}

function isText(value: unknown): value is string {
  // Bytes could not tell a lone surrogate from the character that stands for it.
  return typeof value === 'string' && value.length <= 1_024 && isWellFormed(value)
}

function isKind(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxTime
}

/** A filter is tried on events that its values have nothing to do with. */
const valuesPerFilter = 32
/** A longer value counts as several. */
const charactersPerValue = 64

/** What filters take of memory, and of time for each event, while they are open: in values of usual length. */
export function weightOf(filters: readonly Filter[]): number {
  let weight = filters.length * valuesPerFilter
  for (const { ids, authors, kinds, tags, search } of filters) {
    for (const list of [ids, authors, kinds]) weight += list?.length ?? 0
    for (const list of [search?.words ?? [], ...tags.values()]) {
      for (const value of list) weight += Math.max(1, Math.ceil(value.length / charactersPerValue))
    }
  }
  return weight
}

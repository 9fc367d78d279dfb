import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wholeSpan } from '../../../relay/connection/page.ts'
import { kindClass, type NostrEvent } from '../../../relay/event.ts'
import { createFairShare } from '../../../relay/fair-share.ts'
import { type Filter, parseFilter } from '../../../relay/query/filter.ts'
import { openScan } from '../../../relay/query/query.ts'
import { visibleTo } from '../../../relay/query/readers.ts'
import { recordEvent } from '../../../relay/store/record.ts'
import { createSubscriptions } from '../../../relay/subscriptions.ts'
import { startTime } from '../authors.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

const now = startTime
const pubkeys = ['1'.repeat(64), `${'1'.repeat(16)}${'2'.repeat(48)}`, 'f'.repeat(64)]
const searched = new Set([0, 1, 4, 30_023])
const restrictedKinds = new Set([4])
/** Each is one word; some begin with another. */
const vocabulary = ['panda', 'pand', 'pandas', 'bamboo', '漢', '字', 'über', 'no1']

const words = fc.array(fc.constantFrom(...vocabulary), { maxLength: 5 })
const id = fc
  .tuple(fc.constantFrom('00', 'ab'), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 30 }))
  .map(([first, third, last]) => (first.repeat(6) + Buffer.from([third, last]).toString('hex')).repeat(4))

const event = fc
  .record({
    id,
    pubkey: fc.constantFrom(...pubkeys),
    created_at: fc.constantFrom(0, now - 2, now - 1, now),
    kind: fc.constantFrom(0, 1, 4, 7, 30_023),
    title: words,
    words,
    extra: fc.constantFrom<string[][]>(
      [],
      [['t', 'a']],
      [['expiration', String(now)]],
      [['expiration', String(now + 1)]],
      [['d', 'x']],
    ),
  })
  .map(({ title, words, extra, ...fields }) => ({
    ...fields,
    title,
    words,
    tags: fields.kind === 0 ? extra : [...extra, ['title', title.join(', ')]],
    content:
      fields.kind === 0
        ? JSON.stringify({ name: title.join(' ').toUpperCase(), about: words.join('-'), picture: 'pandas' })
        : words.join(' ').toUpperCase(),
    sig: '0'.repeat(128),
  }))

type Event = NostrEvent & { title: string[]; words: string[] }

/** Some are deleted by their authors after they came. */
const history = fc.tuple(
  fc.uniqueArray(event, { maxLength: 40, size: 'max', selector: ({ id }) => id }),
  fc.array(fc.nat(39), { maxLength: 8 }),
)

const rarely = <T>(field: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: field })
const filter = fc
  .record({
    query: fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 3 }),
    ids: rarely(fc.array(id, { maxLength: 5 })),
    authors: rarely(fc.subarray(pubkeys)),
    kinds: rarely(fc.subarray([0, 1, 4, 7, 30_023])),
    '#t': rarely(fc.constant(['a', 'b'])),
    since: rarely(fc.constantFrom(0, now - 1)),
    until: rarely(fc.constantFrom(now - 2, now)),
    limit: rarely(fc.constantFrom(0, 1, 2, 5)),
  })
  .map(({ query, ...fields }) => ({
    ...(Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)) as Partial<
      typeof fields
    >),
    query,
    search: query.join(' , '),
  }))

type Asked = Partial<{
  ids: string[]
  authors: string[]
  kinds: number[]
  '#t': readonly string[]
  since: number
  until: number
  limit: number
}> & { query: string[]; search: string }

function parsed({ query: _, ...filter }: Asked): Filter {
  const result = parseFilter(filter, { maxLimit: 500, maxValues: 100, maxTagKeys: 3, searchedKinds: searched })
  if (!result.ok) throw new Error(result.reason)
  return result.filter
}

/** A search by looking at every event: 0 for what has the very title, then titles with all words, then the rest; 3 for none. */
function degree({ query }: Asked, { title, words }: Event): number {
  if (title.join(' ') === query.join(' ')) return 0
  if (query.every(word => title.includes(word))) return 1
  return query.every(word => title.includes(word) || words.includes(word)) ? 2 : 3
}

function asksFor(filter: Asked, event: Event): boolean {
  if (!searched.has(event.kind) || degree(filter, event) === 3) return false
  if (filter.ids && !filter.ids.includes(event.id)) return false
  if (filter.authors && !filter.authors.includes(event.pubkey)) return false
  if (filter.kinds && !filter.kinds.includes(event.kind)) return false
  if (filter['#t'] && !event.tags.some(([name, value]) => name === 't' && value === 'a')) return false
  return event.created_at >= (filter.since ?? 0) && event.created_at <= (filter.until ?? Number.POSITIVE_INFINITY)
}

const newestFirst = (a: NostrEvent, b: NostrEvent) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1)
const isOver = ({ tags }: Event) => tags.some(([name, value]) => name === 'expiration' && Number(value) <= now)

function addressOf({ kind, pubkey, tags }: NostrEvent): string | null {
  if (kindClass(kind) === 'replaceable') return `${kind}:${pubkey}`
  if (kindClass(kind) === 'addressable') return `${kind}:${pubkey}:${tags.find(([name]) => name === 'd')?.[1] ?? ''}`
  return null
}

let temporary: TemporaryStore
beforeAll(() => {
  temporary = openTemporaryStore()
  temporary.store.searchKinds([...searched])
})
afterAll(() => temporary.close())

/** Writes a history; says what is left of it, by looking at every event as it comes. */
function write([events, deleted]: [Event[], number[]], put = temporary.put): Event[] {
  let left: Event[] = []
  for (const event of events) {
    put(event)
    const address = addressOf(event)
    const rival = address === null ? undefined : left.find(other => addressOf(other) === address)
    if (rival !== undefined && newestFirst(rival, event) < 0) continue
    left = [...left.filter(other => other !== rival), event]
  }
  for (const [index, at] of deleted.entries()) {
    const target = left[at]
    if (target === undefined) continue
    put({ ...target, id: String(index).padStart(64, '9'), kind: 5, tags: [['e', target.id]], created_at: now })
    left = left.filter(other => other !== target)
  }
  return left
}

function find(filter: Asked, keys: ReadonlySet<string>, options: { unordered?: boolean; isOver?: () => boolean } = {}) {
  const { store } = temporary
  const scan = openScan(store, parsed(filter), {
    now,
    latest: store.latestSeq(),
    visible: visibleTo(restrictedKinds, keys),
    seen: null,
    unordered: options.unordered ?? false,
  })
  const found: string[] = []
  for (;;) {
    const record = scan.next(options.isOver ?? (() => false))
    if (record === null) return { found, hasMore: scan.hasMore() }
    if (record !== undefined) found.push(recordEvent(record).id)
  }
}

const runs = { numRuns: 100 }

describe('a search of stored events', () => {
  it('gives what a look at every event gives, the most relevant first and then the newest', () => {
    const readers = fc.subarray(pubkeys).map(keys => new Set(keys))
    fc.assert(
      fc.property(history, fc.array(filter, { minLength: 8, maxLength: 8 }), readers, (history, filters, keys) => {
        temporary.clear()
        const left = write(history as [Event[], number[]]).filter(event => !isOver(event))
        for (const filter of filters as Asked[]) {
          const expected = left
            .filter(event => asksFor(filter, event) && (event.kind !== 4 || keys.has(event.pubkey)))
            .sort((a, b) => degree(filter, a) - degree(filter, b) || newestFirst(a, b))
            .map(({ id }) => id)
          const { limit = 500 } = filter
          for (const isOver of [() => false, () => true]) {
            const { found, hasMore } = find(filter, keys, { isOver })
            expect(found).toEqual(expected.slice(0, limit))
            if (hasMore !== undefined) expect(hasMore).toBe(expected.length > limit)
          }
          if (filter.limit === undefined) {
            const { found } = find(filter, keys, { unordered: true })
            expect(found.sort()).toEqual(expected.sort())
          }
        }
      }),
      runs,
    )
  })

  it('leaves no row of what is replaced, deleted or expired', () => {
    fc.assert(
      fc.property(history, history => {
        temporary.clear()
        const { store, sweep, put } = temporary
        const left = write(history as [Event[], number[]])
        const rows = () => [...store.databases.words.getKeys({})].map(key => key.toString('hex'))
        while (store.hasExpired(now)) sweep(now)
        const after = rows()
        temporary.clear()
        for (const event of left) if (!isOver(event)) put(event)
        expect(after.map(withoutNumber)).toEqual(rows().map(withoutNumber))
      }),
      runs,
    )
  })

  it('writes nothing for kinds that are not searched', () => {
    temporary.clear()
    temporary.put({
      id: 'a'.repeat(64),
      pubkey: 'b'.repeat(64),
      created_at: 1,
      kind: 7,
      tags: [],
      content: 'panda',
      sig: '',
    })
    expect([...temporary.store.databases.words.getKeys({})]).toEqual([])
  })
})

const withoutNumber = (key: string) => key.slice(0, -12)

describe('a live search', () => {
  it('is given exactly the events that have all of its words', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 10 }), fc.array(filter, { maxLength: 5 }), (events, filters) => {
        const subscriptions = createSubscriptions({ room: createFairShare(1), onError: rethrow, nowMs: () => 0 })
        const delivered = filters.map(() => [] as string[])
        for (const [index, filter] of (filters as Asked[]).entries()) {
          subscriptions.add({
            network: '',
            filters: [parsed(filter)],
            deliver: ({ id }) => void delivered[index]?.push(id),
          })
        }
        for (const event of events) subscriptions.publish(event, wholeSpan(Buffer.from('')), '')
        for (const [index, filter] of (filters as Asked[]).entries()) {
          const expected = (events as Event[]).filter(event => asksFor(filter, event))
          expect(delivered[index]).toEqual(expected.map(({ id }) => id))
        }
      }),
      runs,
    )
  })
})

function rethrow(error: unknown): never {
  throw error
}

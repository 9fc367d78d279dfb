import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wholeSpan } from '../../../relay/connection/page.ts'
import { kindClass, type NostrEvent } from '../../../relay/event.ts'
import { createFairShare } from '../../../relay/fair-share.ts'
import { isPartyTo } from '../../../relay/query/readers.ts'
import { recordEvent } from '../../../relay/store/record.ts'
import { createSubscriptions } from '../../../relay/subscriptions.ts'
import { startTime } from '../authors.ts'
import { beginScan, filterOf, find } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

/** Authors 1 and 2, and 3 and 4, begin with the same 8 bytes, which is all that index keys hold of them. */
const pubkeys = ['1'.repeat(64), `${'1'.repeat(16)}${'2'.repeat(48)}`, 'f'.repeat(64), `${'f'.repeat(63)}0`]
const kinds = [0, 1, 4, 5, 10_002, 20_001, 30_000, 30_023, 65_535]
const restrictedKinds = new Set([4, 30_023])
const now = startTime
const times = [0, 1, startTime - 2, startTime - 1, startTime, startTime + 1, 2 ** 47]
const longValue = 'x'.repeat(1_024)
const values = ['', 'a', 'b', 'é', longValue, `${longValue.slice(1)}y`, '1'.repeat(63), ...pubkeys]
const letters = ['d', 'p', 't', 'T']

const tag = fc.oneof(
  fc.tuple(fc.constantFrom(...letters), fc.constantFrom(...values)),
  fc.tuple(fc.constantFrom(...letters), fc.constantFrom(...values), fc.constantFrom(...values)),
  fc.tuple(fc.constantFrom(...letters)),
  fc.tuple(fc.constantFrom('tt', '', '-', '1'), fc.constantFrom(...values)),
  fc.tuple(fc.constant('expiration'), fc.constantFrom('0', 'no', String(now), String(now + 1), String(now - 1))),
)

/** Ids that differ late in the 8 bytes which index keys hold of them. */
const id = fc
  .tuple(fc.constantFrom('00', 'ab', 'ff'), fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 9 })))
  .map(([first, last]) => (first.repeat(6) + Buffer.from(last).toString('hex')).repeat(4))

const event = fc.record({
  id,
  pubkey: fc.constantFrom(...pubkeys),
  created_at: fc.constantFrom(...times),
  kind: fc.constantFrom(...kinds),
  tags: fc.array(tag, { maxLength: 6, size: 'max' }),
  content: fc.constantFrom('', 'text', '"]', 'ä'.repeat(2_000)),
  sig: fc.constant('0'.repeat(128)),
})

const events = fc.uniqueArray(event, { maxLength: 40, size: 'max', selector: ({ id }) => id })

/** A field that is absent more often than not: many together leave nothing to find. */
const rarely = <T>(field: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: field })
const some = <T>(list: readonly T[]) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 9, arbitrary: fc.shuffledSubarray([...list], { minLength: 1 }) },
    { weight: 3, arbitrary: fc.array(fc.constantFrom(...list), { minLength: 1, size: 'max', maxLength: 6 }) },
  )
const filter = fc
  .record({
    ids: rarely(fc.array(id, { maxLength: 4 })),
    authors: rarely(some(pubkeys)),
    kinds: rarely(some(kinds)),
    '#t': rarely(some(values)),
    '#T': rarely(some(values)),
    '#d': rarely(some(values)),
    '#p': rarely(some(pubkeys)),
    since: rarely(fc.constantFrom(...times)),
    until: rarely(fc.constantFrom(...times)),
    limit: rarely(fc.constantFrom(0, 1, 2, 5, 1_000)),
  })
  .map(fields => Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)) as RawFilter)

type RawFilter = {
  [key: string]: readonly (string | number)[] | number | undefined
  since?: number
  until?: number
  limit?: number
}

const readers = fc.subarray(pubkeys).map(keys => new Set(keys))

const newestFirst = (a: NostrEvent, b: NostrEvent) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1)

/** NIP-01's words, one by one. */
function asksFor(filter: RawFilter, event: NostrEvent): boolean {
  for (const [key, field] of Object.entries(filter)) {
    if (key === 'since' && event.created_at < Number(field)) return false
    if (key === 'until' && event.created_at > Number(field)) return false
    if (!Array.isArray(field)) continue
    if (key === 'ids' && !field.includes(event.id)) return false
    if (key === 'authors' && !field.includes(event.pubkey)) return false
    if (key === 'kinds' && !field.includes(event.kind)) return false
    if (key.startsWith('#') && !event.tags.some(([name, value]) => `#${name}` === key && field.includes(value))) {
      return false
    }
  }
  return true
}

function isReadable(event: NostrEvent, keys: ReadonlySet<string>): boolean {
  if (!restrictedKinds.has(event.kind)) return true
  return keys.has(event.pubkey) || event.tags.some(([name, value]) => name === 'p' && keys.has(String(value)))
}

function isOver(event: NostrEvent): boolean {
  const expiration = Number(event.tags.find(([name]) => name === 'expiration')?.[1])
  return expiration > 0 && expiration <= now
}

function addressOf({ kind, pubkey, tags }: NostrEvent): string | null {
  if (kindClass(kind) === 'replaceable') return `${kind}:${pubkey}`
  if (kindClass(kind) === 'addressable') return `${kind}:${pubkey}:${tags.find(([name]) => name === 'd')?.[1] ?? ''}`
  return null
}

/** What a relay holds after these events: of each address the newest, the lower id in the same second. */
function kept(events: readonly NostrEvent[]): NostrEvent[] {
  return events.filter(event => {
    const address = addressOf(event)
    return address === null || !events.some(other => addressOf(other) === address && newestFirst(other, event) < 0)
  })
}

const runs = { numRuns: 150 }

let temporary: TemporaryStore
beforeAll(() => {
  temporary = openTemporaryStore()
})
afterAll(() => temporary.close())

function withStore(events: readonly NostrEvent[], act: (temporary: TemporaryStore) => void): void {
  temporary.clear()
  for (const event of events) temporary.put(event)
  act(temporary)
}

describe('a query for stored events', () => {
  it('gives what a look at every event gives, in order, to those who may read it', () => {
    fc.assert(
      fc.property(events, fc.array(filter, { minLength: 8, maxLength: 8 }), readers, (events, filters, keys) => {
        withStore(events, ({ store }) => {
          for (const filter of filters) {
            const expected = kept(events)
              .filter(event => asksFor(filter, event) && isReadable(event, keys) && !isOver(event))
              .sort(newestFirst)
              .slice(0, Math.min(500, filter.limit ?? 500))
            expect(find(store, filter, { restrictedKinds, keys })).toEqual(expected)
          }
        })
      }),
      runs,
    )
  })

  it('does not depend on the order in which the events came', () => {
    const orders = events.chain(list =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(orders, filter, ([events, shuffled], filter) => {
        let first: NostrEvent[] = []
        withStore(events, ({ store }) => {
          first = find(store, filter)
        })
        withStore(shuffled, ({ store }) => expect(find(store, filter)).toEqual(first))
      }),
      runs,
    )
  })

  it('in slices, with writes between them, gives what was there when it began and nothing twice', () => {
    fc.assert(
      fc.property(events, events, filter, (before, between, filter) => {
        withStore(before, ({ store, put }) => {
          const expected = find(store, filter)
          const scan = beginScan(store, filter)
          const later = between.filter(({ id }) => !before.some(event => event.id === id))
          const found: NostrEvent[] = []
          for (;;) {
            const next = later.pop()
            if (next !== undefined) put(next)
            const record = scan.next(() => true)
            if (record === null) break
            if (record !== undefined) found.push(recordEvent(record))
          }
          // What was replaced meanwhile is gone, and a limit is then filled up with older events.
          const isThere = ({ id }: NostrEvent) => store.has(id)
          const foundIds = found.map(({ id }) => id)
          expect(new Set(foundIds).size).toBe(found.length)
          expect(found.every(({ id }) => before.some(event => event.id === id))).toBe(true)
          expect(foundIds).toEqual(expect.arrayContaining(expected.filter(isThere).map(({ id }) => id)))
          if (filter.limit === undefined) expect(expected).toEqual(expect.arrayContaining(found))
          expect(found).toEqual([...found].sort(newestFirst))
        })
      }),
      runs,
    )
  })

  it('for several filters gives an event once', () => {
    fc.assert(
      fc.property(events, filter, filter, (events, one, other) => {
        withStore(events, ({ store }) => {
          const seen = new Set<number>()
          const found: string[] = []
          for (const filter of [one, other, one]) {
            const scan = beginScan(store, { ...filter, limit: 500 }, {}, seen)
            for (let record = scan.next(() => false); record; record = scan.next(() => false)) {
              found.push(recordEvent(record).id)
            }
          }
          const expected = kept(events).filter(
            event => (asksFor(one, event) || asksFor(other, event)) && !isOver(event),
          )
          expect(found.sort()).toEqual(expected.map(({ id }) => id).sort())
        })
      }),
      runs,
    )
  })

  it('leaves nothing of a replaced or expired event in any index', () => {
    fc.assert(
      fc.property(events, events => {
        withStore(events, ({ store, put, sweep, root }) => {
          for (const [index, event] of events.entries()) {
            put({
              ...event,
              id: index.toString(16).padStart(64, '9'),
              kind: 5,
              tags: [
                ['e', event.id],
                ['expiration', '1'],
              ],
            })
          }
          const deletions = events.filter(({ kind }) => kind === 5)
          // Each removes so many rows at most.
          while (store.hasExpired(2 ** 47)) expect(sweep(2 ** 47)).toBeGreaterThan(0)
          // What is left are deletions, which cannot be deleted and of which some do not expire, and tombstones.
          const left = find(store, {}, { now: 0 })
          expect(left.every(({ kind }) => kind === 5)).toBe(true)
          expect(left.length).toBeLessThanOrEqual(deletions.length)
          root.transactionSync(() => {
            for (const { id } of left) {
              const seq = store.seqOf(Buffer.from(id, 'hex'))
              if (seq === undefined) throw new Error('what was found has a number')
            }
          })
          const { events: records, ids, addresses, expirations, byTime, byKind, byAuthorKind } = store.databases
          for (const database of [records, ids, byTime, byKind, byAuthorKind]) {
            expect([...database.getKeys({})]).toHaveLength(left.length)
          }
          for (const database of [addresses, expirations]) expect([...database.getKeys({})]).toHaveLength(0)
        })
      }),
      runs,
    )
  })
})

describe('a live subscription', () => {
  it('is given exactly the events that one of its filters asks for, once', () => {
    fc.assert(
      fc.property(
        events,
        fc.array(fc.array(filter, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
        fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
        (events, requests, removed) => {
          const subscriptions = createSubscriptions({ room: createFairShare(1), onError: rethrow, nowMs: () => 0 })
          const delivered = requests.map(() => [] as string[])
          const all = requests.map((filters, index) => ({
            network: '',
            filters: filters.map(filterOf),
            deliver: (event: NostrEvent) => void delivered[index]?.push(event.id),
          }))
          const remove = all.map(subscription => subscriptions.add(subscription))
          for (const [index, removeOne] of remove.entries()) if (removed[index]) removeOne()
          for (const event of events) subscriptions.publish(event, wholeSpan(Buffer.from('')), '')
          for (const [index, filters] of requests.entries()) {
            const expected = events.filter(event => filters.some(filter => asksFor(filter, event)))
            expect(delivered[index]).toEqual(removed[index] ? [] : expected.map(({ id }) => id))
          }
          expect(subscriptions.count()).toBe(all.filter((_, index) => !removed[index]).length)
        },
      ),
      runs,
    )
  })

  it('of restricted kinds knows the same parties as a query', () => {
    fc.assert(
      fc.property(event, readers, (event, keys) => {
        expect(!restrictedKinds.has(event.kind) || isPartyTo(event, keys)).toBe(isReadable(event, keys))
      }),
    )
  })
})

function rethrow(error: unknown): never {
  throw error
}

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { defaultLimits } from '../../../relay/limits.ts'
import { createRelayMetrics } from '../../../relay/metrics/metrics.ts'
import { loadVector } from '../../../relay/negentropy/negentropy-load.ts'
import { createCounts } from '../../../relay/query/counts.ts'
import type { Filter } from '../../../relay/query/filter.ts'
import { createLine } from '../../../relay/query/line.ts'
import { openScan } from '../../../relay/query/query.ts'
import { isIndexFilled } from '../../../relay/search/search-index.ts'
import type { EventStore } from '../../../relay/store/store.ts'
import { author, startTime } from '../authors.ts'
import { beginScan, filterOf } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'
import { serveRelay } from '../serve-relay.ts'
import { storeMany as storeUnsigned, until } from './stored.ts'

/** What takes long is looked at in slices by how long it takes, not by how many records it is. */
const alice = author(1)
const open: TemporaryStore[] = []
afterEach(() => void vi.restoreAllMocks())
afterAll(async () => {
  for (const temporary of open) await temporary.close()
})

const heavyTags = [['a', 'x'], ...Array.from({ length: 1_999 }, (_, index) => ['t', `v${index}`])]
const others = Array.from({ length: 500 }, (_, index) => `other${index}`)
const heavy = 32

function storeMany(count: number, tags: string[][], content = ''): EventStore {
  const temporary = openTemporaryStore()
  open.push(temporary)
  const { root, store } = temporary
  store.searchKinds([1])
  const events = Array.from({ length: count }, (_, index) =>
    alice.sign({ created_at: startTime - index, tags, content }),
  )
  root.transactionSync(() => {
    for (const event of events) {
      const stored = store.put(event)
      if (stored.status === 'stored') store.markDelivered(stored.seq, stored.record)
    }
  })
  return store
}

describe('a query of events with two thousand tags', () => {
  let store: EventStore
  beforeAll(() => {
    store = storeMany(heavy, heavyTags)
  })

  it.each<[string, object, number]>([
    ['of which none is asked for', { '#a': ['x'], '#t': others }, 0],
    ['of which all are', { '#a': ['x'], '#t': ['v1998'] }, heavy],
    ['which are found by something else', { kinds: [1] }, heavy],
  ])('looks at the clock every few events: %s', (_case, filter, expected) => {
    const scan = beginScan(store, filter)
    let looks = 0
    let found = 0
    const isOver = () => {
      looks++
      return false
    }
    for (let record = scan.next(isOver); record !== null; record = scan.next(isOver)) found++
    expect(found).toBe(expected)
    expect(looks).toBeGreaterThan(heavy / 4)
  })

  it('gets somewhere in each slice, however short it is', () => {
    const scan = beginScan(store, { '#a': ['x'], '#t': ['v1998'] })
    let slices = 0
    let found = 0
    for (let record = scan.next(() => true); record !== null; record = scan.next(() => true)) {
      if (record === undefined) slices++
      else found++
    }
    expect(found).toBe(heavy)
    expect(slices).toBeGreaterThan(heavy / 4)
    expect(slices).toBeLessThan(heavy * 2)
  })

  it.each([
    ['none', others, 0],
    ['all', ['v1998'], heavy],
  ])('is as often interrupted when it is a reconciliation: %s are asked for', (_case, values, expected) => {
    const loading = loadVector(store, filterOf({ '#a': ['x'], '#t': values }), {
      now: startTime,
      visible: () => true,
      maxEvents: 1_000,
      take: () => true,
      giveBack: () => undefined,
    })
    let steps = 0
    let step = loading.next()
    for (; !step.done; step = loading.next()) steps++
    expect(step.value.kind === 'vector' && step.value.vector.size).toBe(expected)
    expect(steps).toBeGreaterThan(heavy / 4)
  })
})

describe('a query of small events', () => {
  function looksFor(store: EventStore, filter: Filter): number {
    const options = { now: startTime, latest: store.latestSeq(), visible: () => true, seen: null, unordered: true }
    const scan = openScan(store, filter, options)
    let looks = 0
    const isOver = () => {
      looks++
      return false
    }
    while (scan.next(isOver) !== null);
    return looks
  }

  it('looks at the clock the more often, the more letters it looks for in each', () => {
    const tags = [...'abc'].map(letter => [letter, 'x'])
    const store = storeMany(128, tags, 'z'.repeat(2_000))
    const one = looksFor(store, filterOf({ '#a': ['x'] }))
    const three = looksFor(store, filterOf({ '#a': ['x'], '#b': ['x'], '#c': ['x'] }))
    expect(three - one).toBeGreaterThan(3)
  })

  it('looks at the clock the more often, the more words it searches for', () => {
    const words = ['panda', 'bear', 'bamboo', 'forest']
    const store = storeMany(128, [], words.join(' '))
    const search = (some: string[]) => ({
      ...filterOf({ kinds: [1] }),
      search: { words: some, phrase: some.join(' ') },
    })
    expect(looksFor(store, search(words)) - looksFor(store, search(['panda']))).toBeGreaterThan(9)
  })
})

describe('a query of many values that stand in the same events', () => {
  it('looks at the clock while all their places are read at once', () => {
    const values = Array.from({ length: 100 }, (_, index) => `v${index}`)
    const store = storeMany(
      400,
      values.map(value => ['t', value]),
    )
    const scan = beginScan(store, { '#t': values, kinds: [2] })
    const read = vi.spyOn(store.positions.byTag, 'read')
    let most = 0
    let before = 0
    let isOpen = false
    const isOver = () => {
      if (isOpen) most = Math.max(most, read.mock.calls.length - before)
      before = read.mock.calls.length
      isOpen ||= before === values.length
      return false
    }
    expect(scan.next(isOver)).toBeNull()
    expect(read.mock.calls.length).toBeGreaterThan(3 * values.length)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(17)
  })
})

describe('a COUNT with many filters', () => {
  /** Counts with a clock on which every look finds the slice over, and says how many slices it took. */
  async function count(store: EventStore, filters: Filter[]): Promise<{ answer: unknown; slices: number }> {
    let time = 0
    let slices = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (time += 100))
    const onError = (error: unknown) => {
      throw error
    }
    return new Promise(resolve => {
      const outlet = {
        isBehind: () => false,
        isOpen: () => true,
        send: (answer: unknown) => resolve({ answer, slices }),
      }
      const counts = createCounts(
        {
          store,
          host: { restrictedKinds: new Set<number>() } as never,
          limits: { ...defaultLimits, querySeconds: 1_000_000 },
          metrics: createRelayMetrics(),
          turns: async () => void slices++,
          now: () => startTime,
          onError,
        },
        {
          outlet: outlet as never,
          authenticated: new Set(),
          sendChallenge: () => undefined,
          offerAuth: () => undefined,
        },
        createLine(1),
      )
      counts.start('c', filters)
    })
  }

  it('looks at the clock for what it takes to tell what the filters before have counted', async () => {
    const store = storeMany(320, [['a', 'x']])
    const before = Array.from({ length: 19 }, () => filterOf({ '#a': ['x'], '#t': others.slice(0, 10) }))
    const all = await count(store, [...before, filterOf({ '#a': ['x'] })])
    expect(all.answer).toEqual(['COUNT', 'c', { count: 320 }])
    // Less what the scans of the filters themselves take.
    const { slices } = await count(store, [...before, filterOf({ '#a': ['x'], kinds: [2] })])
    expect(all.slices - slices).toBeGreaterThan(100)
  })

  it('counts events once that a search has found before, and that are too large to be kept at hand', async () => {
    const served = await serveRelay({ searchedKinds: [1] })
    await until(() => isIndexFilled(served.relay.store.databases.words))
    await storeUnsigned(served, 8, () => ({ content: `panda ${'z'.repeat(20_000)}`, tags: [['a', 'x']] }))
    const client = await served.connect()
    client.send('COUNT', 'c', { search: 'panda' }, { kinds: [1] }, { '#a': ['x'] })
    const answer = await client.next()
    await served.close()
    expect(answer).toEqual(['COUNT', 'c', { count: 8 }])
  })
})

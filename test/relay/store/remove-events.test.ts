import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Filter } from '../../../relay/query/filter.ts'
import { type Remover, removeEvents } from '../../../relay/store/remove-events.ts'
import { type RetentionRule, startRetention, sweepByAge } from '../../../relay/store/retention.ts'
import { bytesByKind, storeStats } from '../../../relay/store/store-stats.ts'
import { createWriter } from '../../../relay/store/writer.ts'
import { author, startTime } from '../authors.ts'
import { filterOf, find } from '../find.ts'
import { openTemporaryStore } from '../open-temporary.ts'

const [alice, service] = [author(1), author(2)]
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function open(events: readonly NostrEvent[]) {
  const temporary = openTemporaryStore()
  const { root, store } = temporary
  const errors: unknown[] = []
  const writer = createWriter({ root, onError: error => errors.push(error) })
  closing.push(temporary.close, writer.close)
  for (const event of events) temporary.put(event)
  const isProtected = ({ pubkey }: { pubkey: string }) => pubkey === service.pubkey
  const remover: Remover = { store, writer, isProtected, now: () => startTime }
  return { ...temporary, writer, remover, errors }
}

const all = (filter: object): Filter => ({ ...filterOf(filter), limit: Number.MAX_SAFE_INTEGER })

describe('a removal', () => {
  it('takes what the filter asks for out of every index, and nothing else', async () => {
    const tagged = [['t', 'x']]
    const notes = Array.from({ length: 130 }, (_, index) => alice.sign({ created_at: startTime - index, tags: tagged }))
    const others = [alice.sign({ kind: 2, tags: tagged }), alice.sign({ kind: 30_000, tags: [['d', 'a'], ...tagged] })]
    const { store, remover } = open([...notes, ...others])
    expect(await removeEvents(all({ kinds: [1] }), remover)).toEqual({ removed: 130, protected: 0 })
    for (const filter of [
      {},
      { '#t': ['x'] },
      { authors: [alice.pubkey] },
      { ids: [...notes, ...others].map(({ id }) => id) },
    ])
      expect(new Set(find(store, filter).map(({ kind }) => kind))).toEqual(new Set([2, 30_000]))
    for (const [name, entries] of Object.entries({ events: 2, ids: 2, byTime: 2, byKind: 2, byTag: 3, addresses: 1 }))
      expect([name, store.databases[name as 'ids'].getKeysCount({})]).toEqual([name, entries])
  })

  it('lets what it removed come again, since an operator is not the author', async () => {
    const note = alice.sign()
    const { put, remover, store } = open([note])
    await removeEvents(all({}), remover)
    expect(find(store, {})).toEqual([])
    expect(put(note)).toBe('stored')
  })

  it('leaves what is protected, and says how much that is', async () => {
    const { store, remover } = open([service.sign(), service.sign({ kind: 5 }), alice.sign()])
    expect(await removeEvents(all({}), remover)).toEqual({ removed: 1, protected: 2 })
    expect(find(store, {}).map(({ pubkey }) => pubkey)).toEqual([service.pubkey, service.pubkey])
  })

  it('only counts when asked to', async () => {
    const { store, remover, writer } = open([service.sign(), alice.sign()])
    expect(await removeEvents(all({}), remover, { dryRun: true })).toEqual({ removed: 1, protected: 1 })
    expect(writer.queued()).toBe(0)
    expect(find(store, {})).toHaveLength(2)
  })

  it('removes the newest when there is a limit', async () => {
    const { store, remover } = open([1, 2, 3].map(created_at => alice.sign({ created_at })))
    expect(await removeEvents({ ...all({}), limit: 2 }, remover)).toMatchObject({ removed: 2 })
    expect(find(store, {}).map(event => event.created_at)).toEqual([1])
  })

  it('goes in small transactions, and ends when it is told to', async () => {
    const { remover, store } = open(Array.from({ length: 800 }, (_, index) => alice.sign({ created_at: index })))
    const ending = new AbortController()
    const steps: number[] = []
    const progress = ({ removed }: { removed: number }) => {
      steps.push(removed)
      if (steps.length === 2) ending.abort()
    }
    const { removed } = await removeEvents(all({}), remover, { signal: ending.signal, progress })
    // What was begun is finished.
    expect(steps).toEqual(Array.from({ length: removed / 50 }, (_, index) => 50 * (index + 1)))
    expect(removed).toBeLessThanOrEqual(500)
    expect(storeStats(store).events).toBe(800 - removed)
  })

  it('of events with many rows takes a task for each, and ends between them when it is told to', async () => {
    const tags = Array.from({ length: 400 }, (_, index) => ['t', String(index)])
    const heavy = Array.from({ length: 5 }, (_, index) => alice.sign({ created_at: index, tags }))
    const { remover, store } = open(heavy)
    const ending = new AbortController()
    const steps: number[] = []
    const progress = ({ removed }: { removed: number }) => {
      steps.push(removed)
      if (steps.length === 2) ending.abort()
    }
    await removeEvents(all({}), remover, { signal: ending.signal, progress })
    expect(steps).toEqual([1, 2])
    expect(find(store, {}).map(({ created_at }) => created_at)).toEqual([2, 1, 0])
    expect(await removeEvents(all({}), remover)).toEqual({ removed: 3, protected: 0 })
    expect(store.databases.byTag.getKeysCount({})).toBe(0)
  })

  it('lets others go first while much waits for the writer', async () => {
    const { remover, store } = open([alice.sign()])
    let queued = 1_000
    const removing = removeEvents(all({}), { ...remover, writer: { ...remover.writer, queued: () => queued } })
    await delay(30)
    expect(find(store, {})).toHaveLength(1)
    queued = 0
    expect(await removing).toMatchObject({ removed: 1 })
  })

  it('fails when the storage does', async () => {
    const { remover, writer } = open([alice.sign()])
    await writer.close()
    await expect(removeEvents(all({}), remover)).rejects.toThrow('the writer is closed')
  })
})

describe('retention', () => {
  const hour = 3_600
  const events = () =>
    [0, 1, 7, 9_000, 9_500, 30_000].flatMap(kind =>
      [0.5, 2, 30].map(hours =>
        alice.sign({ kind, created_at: startTime - hours * hour, tags: [['d', String(hours)]] }),
      ),
    )
  const left = (store: Parameters<typeof find>[0]) =>
    find(store, {})
      .map(({ kind, created_at }) => `${kind} ${(startTime - created_at) / hour}`)
      .sort()

  it.each<[string, RetentionRule[], readonly string[]]>([
    ['of some kinds', [{ kinds: [1, { from: 9_000, to: 9_999 }], maxAgeSeconds: hour }], ['1', '9000', '9500']],
    ['of all kinds', [{ maxAgeSeconds: hour }], ['0', '1', '7', '9000', '9500', '30000']],
    ['longer than anything is old', [{ maxAgeSeconds: 31 * hour }], []],
    ['longer than there is time', [{ maxAgeSeconds: startTime * 2 }], []],
  ])('removes what is too old: %s', async (_case, rules, kinds) => {
    const { store, remover } = open(events())
    const before = left(store)
    const young = before.filter(text => text.endsWith(' 0.5') || !kinds.includes(text.split(' ')[0] ?? ''))
    expect(await sweepByAge(rules, remover)).toBe(before.length - young.length)
    expect(left(store)).toEqual(young)
  })

  it('never takes what is protected', async () => {
    const { store, remover } = open([service.sign({ created_at: 1 })])
    expect(await sweepByAge([{ maxAgeSeconds: hour }], remover)).toBe(0)
    expect(find(store, {})).toHaveLength(1)
  })

  it('sweeps again and again, until it is stopped', async () => {
    const { store, remover, put, errors } = open(events())
    let removed = 0
    const retention = startRetention({
      mayRemove: () => true,
      rules: [{ kinds: [1], maxAgeSeconds: hour }],
      remover,
      everyMs: 1,
      onRemoved: count => {
        removed += count
      },
      onError: error => errors.push(error),
    })
    while (removed < 2) await delay(1)
    put(alice.sign({ created_at: startTime - 5 * hour }))
    while (removed < 3) await delay(1)
    await retention.stop()
    put(alice.sign({ created_at: startTime - 6 * hour }))
    await delay(20)
    expect(find(store, { kinds: [1] })).toHaveLength(2)
    expect(errors).toEqual([])
  })
})

describe('what a store holds', () => {
  it('is counted by kind, with the time of the oldest and of the newest', async () => {
    const counts = new Map([
      [0, 1],
      [1, 5],
      [65_535, 2],
    ])
    const events = [...counts].flatMap(([kind, count]) =>
      Array.from({ length: count }, (_, index) => alice.sign({ kind, created_at: startTime + kind + index })),
    )
    const { store } = open(events)
    expect(storeStats(store)).toEqual({
      events: 8,
      kinds: [
        { kind: 1, events: 5 },
        { kind: 65_535, events: 2 },
        { kind: 0, events: 1 },
      ],
      oldest: startTime,
      newest: startTime + 65_536,
    })
    const bytes = await bytesByKind(store, startTime)
    for (const kind of counts.keys()) {
      const lengths = events.filter(event => event.kind === kind).map(event => JSON.stringify(event).length)
      expect(bytes.get(kind)).toBe(lengths.reduce((sum, length) => sum + length))
    }
  })

  it('is nothing, at no time, at first', () => {
    expect(storeStats(open([]).store)).toEqual({ events: 0, kinds: [], oldest: null, newest: null })
  })
})

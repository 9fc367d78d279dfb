import { afterEach, describe, expect, it } from 'vitest'
import { author, startTime } from '../authors.ts'
import { beginScan, find } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

const alice = author(1)
let temporary: TemporaryStore
afterEach(() => temporary.close())

describe('a scan', () => {
  it('gives others their turn while it finds nothing, and ends', () => {
    temporary = openTemporaryStore()
    for (let index = 0; index < 200; index++) temporary.put(alice.sign({ kind: 4, content: String(index) }))
    const scan = beginScan(temporary.store, { authors: [alice.pubkey] }, { restrictedKinds: new Set([4]) })
    let slices = 0
    while (scan.next(() => true) === undefined) slices++
    expect(slices).toBeGreaterThan(3)
    expect(scan.next(() => true)).toBeNull()
  })

  it('pages through an index in order', () => {
    temporary = openTemporaryStore()
    const events = Array.from({ length: 400 }, (_, index) =>
      alice.sign({ created_at: startTime - ((index * 7) % 400), tags: [['t', index % 2 === 0 ? 'even' : 'odd']] }),
    )
    for (const event of events) temporary.put(event)
    const newestFirst = [...events].sort((a, b) => b.created_at - a.created_at)
    for (const filter of [{}, { kinds: [1] }, { authors: [alice.pubkey] }, { '#t': ['odd', 'even', 'none'] }]) {
      expect(find(temporary.store, filter)).toEqual(newestFirst)
    }
    const middle = { since: startTime - 300, until: startTime - 100, kinds: [1] }
    expect(find(temporary.store, middle)).toEqual(newestFirst.slice(100, 301))
  })

  it('says that there is more although its slice is over at the end', () => {
    temporary = openTemporaryStore()
    for (let index = 0; index < 41; index++) temporary.put(alice.sign({ content: String(index) }))
    for (let limit = 1; limit <= 41; limit++) {
      const scan = beginScan(temporary.store, { kinds: [1], limit })
      while (scan.next(() => true) !== null);
      expect(scan.hasMore()).toBe(limit < 41)
    }
  })

  it('does not look at what is not delivered yet', () => {
    temporary = openTemporaryStore()
    const { root, store } = temporary
    const event = alice.sign()
    const stored = root.transactionSync(() => store.put(event))
    expect(find(store, {})).toEqual([])
    if (stored.status === 'stored') store.markDelivered(stored.seq, stored.record)
    expect(find(store, {})).toEqual([event])
  })

  it('finds every author’s events although the authors’ keys begin alike, and ids that begin alike', () => {
    temporary = openTemporaryStore()
    const twin = { ...alice.sign(), pubkey: alice.pubkey.slice(0, 16).padEnd(64, '0'), id: '5'.repeat(64) }
    const other = { ...twin, id: `${'5'.repeat(16)}${'6'.repeat(48)}` }
    const events = [alice.sign(), twin, other]
    for (const event of events) temporary.put(event)
    const both = find(temporary.store, { authors: [alice.pubkey, twin.pubkey] })
    expect(both.map(({ id }) => id).sort()).toEqual(events.map(({ id }) => id).sort())
    expect(find(temporary.store, { authors: [alice.pubkey] })).toEqual([events[0]])
    expect(find(temporary.store, { ids: [other.id] })).toEqual([other])
  })
})

describe('a store opened again', () => {
  it('has everything and goes on counting', () => {
    temporary = openTemporaryStore()
    const first = alice.sign({ content: 'first' })
    temporary.put(first)
    const again = temporary.reopen()
    expect(find(again, {})).toEqual([first])
    const second = alice.sign({ content: 'second' })
    expect(temporary.root.transactionSync(() => again.put(second))).toMatchObject({ status: 'stored', seq: 2 })
    expect(again.seqOf(Buffer.from(second.id, 'hex'))).toBe(2)
    expect(again.seqOf(Buffer.alloc(32))).toBeUndefined()
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expirationOf } from '../../../relay/store/record.ts'
import { author, startTime } from '../authors.ts'
import { find } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

const alice = author(1)
const expiring = (at: number, content = '') => alice.sign({ content, tags: [['expiration', String(at)]] })

describe('when an event expires', () => {
  it.each([
    ['a time', [['expiration', '1790000000']], 1_790_000_000],
    [
      'the first of two',
      [
        ['expiration', '5'],
        ['expiration', '9'],
      ],
      5,
    ],
    ['none', [['t', '5']], 0],
    ['no value', [['expiration']], 0],
    ['no number', [['expiration', 'soon']], 0],
    ['a fraction', [['expiration', '1.5']], 0],
    ['a sign', [['expiration', '-5']], 0],
    ['beyond the keys', [['expiration', '9'.repeat(15)]], 0],
  ])('%s', (_case, tags, expected) => expect(expirationOf({ tags })).toBe(expected))
})

describe('an event that expires', () => {
  let temporary: TemporaryStore
  beforeEach(() => {
    temporary = openTemporaryStore()
  })
  afterEach(() => temporary.close())

  it('is not found from its time on, before it is swept', () => {
    const event = expiring(startTime)
    temporary.put(event)
    const asking = (now: number) => find(temporary.store, {}, { now })
    expect([asking(startTime - 1), asking(startTime)]).toEqual([[event], []])
  })

  it('is swept with everything about it, a bounded number at once', () => {
    for (const content of ['a', 'b', 'c']) temporary.put(expiring(startTime, content))
    temporary.put(expiring(startTime + 1))
    const { store } = temporary
    expect([store.hasExpired(startTime - 1), store.hasExpired(startTime)]).toEqual([false, true])
    // Each is in `events`, `ids`, three indexes and `expirations`.
    expect([7, 7, 7].map(rows => temporary.sweep(startTime, rows))).toEqual([2, 1, 0])
    expect(store.hasExpired(startTime)).toBe(false)
    expect(find(store, {}, { now: 0 })).toEqual([expiring(startTime + 1)])
  })

  it('is swept even if it has more rows than a task may remove, alone', () => {
    const tags = [['expiration', String(startTime)], ...Array.from({ length: 400 }, (_, index) => ['t', String(index)])]
    for (const content of ['a', 'b', 'c']) temporary.put(alice.sign({ content, tags }))
    expect([1, 2, 3, 4].map(() => temporary.sweep(startTime))).toEqual([1, 1, 1, 0])
  })

  it('leaves no trace of its expiration when it is replaced', () => {
    temporary.put(alice.sign({ kind: 0, tags: [['expiration', String(startTime)]] }))
    temporary.put(alice.sign({ kind: 0, created_at: startTime + 1 }))
    expect(temporary.store.hasExpired(startTime)).toBe(false)
    expect(temporary.sweep(startTime)).toBe(0)
  })

  it('does not expire when it is the application’s own', () => {
    temporary.put(expiring(startTime), true)
    expect(temporary.sweep(startTime + 1)).toBe(0)
    expect(find(temporary.store, {}, { now: startTime + 1 })).toHaveLength(1)
  })
})

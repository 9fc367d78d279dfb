import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { author, startTime } from '../authors.ts'
import { find } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

const alice = author(1)
let temporary: TemporaryStore
beforeEach(() => {
  temporary = openTemporaryStore()
})
afterEach(() => temporary.close())

const versions = ['one', 'two', 'three', 'four'].map(content => alice.sign({ kind: 0, content }))
const [lowest, higher] = versions.sort((a, b) => (a.id < b.id ? -1 : 1))

describe('of replaceable events', () => {
  it.each([0, 3, 10_002])('of kind %i the latest is kept and older ones are refused', kind => {
    const [old, middle, latest] = [0, 1, 2].map(later => alice.sign({ kind, created_at: startTime + later }))
    if (old === undefined || middle === undefined || latest === undefined) throw new Error('three were made')
    expect(temporary.put(middle)).toBe('stored')
    expect(temporary.put(old)).toBe('superseded')
    expect(temporary.put(latest)).toBe('stored')
    expect(temporary.put(middle)).toBe('superseded')
    expect(temporary.put(latest)).toBe('duplicate')
    expect(find(temporary.store, {})).toEqual([latest])
    expect(find(temporary.store, { ids: [middle.id] })).toEqual([])
  })

  it('of the same second that with the lower id is kept, in either order', () => {
    if (lowest === undefined || higher === undefined) throw new Error('four were made')
    expect([temporary.put(higher), temporary.put(lowest)]).toEqual(['stored', 'stored'])
    expect(find(temporary.store, {})).toEqual([lowest])
    expect(temporary.put(higher)).toBe('superseded')
  })

  it.each([
    ['another author', author(2).sign({ kind: 10_002 })],
    ['another kind', alice.sign({ kind: 10_003 })],
  ])('those of %s are kept beside', (_case, other) => {
    temporary.put(alice.sign({ kind: 10_002, created_at: startTime + 1 }))
    expect(temporary.put(other)).toBe('stored')
    expect(find(temporary.store, {})).toHaveLength(2)
  })

  it('`d` says nothing', () => {
    temporary.put(alice.sign({ kind: 10_002, tags: [['d', 'a']] }))
    expect(temporary.put(alice.sign({ kind: 10_002, created_at: startTime + 1, tags: [['d', 'b']] }))).toBe('stored')
    expect(find(temporary.store, {})).toHaveLength(1)
  })
})

describe('of addressable events', () => {
  const long = 'x'.repeat(1_000)
  it.each([
    ['equal', [['d', 'a']], [['d', 'a']], true],
    ['different', [['d', 'a']], [['d', 'b']], false],
    ['none, and empty', [], [['d', '']], true],
    ['none, and without a value', [], [['d']], true],
    [
      'a first and a second',
      [['d', 'a']],
      [
        ['d', 'a'],
        ['d', 'b'],
      ],
      true,
    ],
    [
      'a second',
      [['d', 'b']],
      [
        ['d', 'a'],
        ['d', 'b'],
      ],
      false,
    ],
    ['long and equal', [['d', long]], [['d', long]], true],
    ['long and different at the end', [['d', `${long}a`]], [['d', `${long}b`]], false],
    ['equal but for case', [['d', 'a']], [['d', 'A']], false],
    ['composed and not', [['d', '\u00e9']], [['d', 'e\u0301']], false],
  ])('`d` being %s', (_case, first, second, isReplaced) => {
    temporary.put(alice.sign({ kind: 30_000, tags: first }))
    temporary.put(alice.sign({ kind: 30_000, tags: second, created_at: startTime + 1 }))
    expect(find(temporary.store, {})).toHaveLength(isReplaced ? 1 : 2)
  })
})

describe('regular events', () => {
  it('are all kept, and none twice', () => {
    const events = [alice.sign(), alice.sign({ content: 'b' })]
    for (const event of events) expect(temporary.put(event)).toBe('stored')
    for (const event of events) expect(temporary.put(event)).toBe('duplicate')
    expect(find(temporary.store, {})).toHaveLength(2)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordTest } from '../../../relay/query/query-test.ts'
import { ownWireEvent } from '../../../relay/signatures/wire-event.ts'
import { encodeRecord, indexedTags, type RecordView, recordHasTag, recordTagTest } from '../../../relay/store/record.ts'
import { startTime } from '../authors.ts'
import { filterOf } from '../find.ts'

const letterT = 't'.charCodeAt(0)

/** A record with these tags, which lies among other bytes, as in the cache. */
function recordWith(tags: string[][]): RecordView {
  const event = { id: '1'.repeat(64), pubkey: '2'.repeat(64), created_at: startTime, kind: 1, tags, content: '' }
  const record = encodeRecord(ownWireEvent({ ...event, sig: '3'.repeat(128) }), indexedTags(event), 0)
  const before = Buffer.from('t\0')
  return { bytes: Buffer.concat([before, record, record]), start: before.length, end: before.length + record.length }
}

/** Values that are hard to tell apart: of equal lengths, with equal beginnings, of several bytes to a character, empty. */
const stem = fc.constantFrom('', 'a', 'ab', 'ä', '日本', '😀', 'a'.repeat(7), 'b'.repeat(1_000))
const end = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '日', '\0'), maxLength: 3 })
const value = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(stem, stem, end).map(parts => parts.join('').slice(0, 1_024)) },
  { weight: 1, arbitrary: fc.nat({ max: 1_024 }).map(length => 'a'.repeat(length)) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
)

describe('the test for tag values', () => {
  it('finds what a comparison with each value finds, however many there are', () => {
    const tags = fc.array(fc.tuple(fc.constantFrom('t', 't', 'T', 'x', 'long'), value), { maxLength: 12 })
    let found = 0
    let missed = 0
    fc.assert(
      fc.property(tags, fc.array(value, { maxLength: 40 }), fc.boolean(), (tags, others, hasOne) => {
        const own = tags.find(([name]) => name === 't')?.[1]
        const values = hasOne && own !== undefined ? [...others, own] : others
        const bytes = values.map(text => Buffer.from(text))
        const expected = tags.some(
          ([name, text]) => name === 't' && bytes.some(wanted => wanted.equals(Buffer.from(text))),
        )
        const record = recordWith(tags)
        expect(recordTagTest(letterT, bytes)(record)).toBe(expected)
        expect(recordHasTag(record, letterT, bytes)).toBe(expected)
        if (expected) found++
        else missed++
      }),
      { numRuns: 1_000 },
    )
    expect(Math.min(found, missed)).toBeGreaterThan(100)
  })

  it('tells values apart that differ in one byte, wherever it is', () => {
    const base = 'a'.repeat(1_024)
    const values = Array.from({ length: 1_024 }, (_, at) => `${base.slice(0, at)}b${base.slice(at + 1)}`)
    const test = recordTagTest(
      letterT,
      values.map(value => Buffer.from(value)),
    )
    for (const value of values.slice(1_000)) expect(test(recordWith([['t', value]]))).toBe(true)
    for (const other of [base, `${base.slice(0, 1_022)}bb`, base.slice(1), `c${base.slice(1)}`, '']) {
      expect(test(recordWith([['t', other]]))).toBe(false)
    }
  })

  it.each([
    ['values of one length', (index: number) => `no${index + 1_000}`, (index: number) => `t${index + 10_000}`],
    ['values that begin alike', (index: number) => `${'a'.repeat(90)}${index + 1_000}`, () => `${'a'.repeat(93)}x`],
    ['values that branch off each other', (index: number) => 'a'.repeat(index).padEnd(100, 'b'), () => 'a'.repeat(100)],
  ])('looks at the bytes of a record a few times, not once for each value: %s', (_case, wantedOf, tagOf) => {
    const { bytes, ...where } = recordWith(Array.from({ length: 500 }, (_, index) => ['t', tagOf(index)]))
    let looks = 0
    const counted = new Proxy(bytes, {
      get: (target, key) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) looks++
        const found: unknown = Reflect.get(target, key, target)
        return found
      },
    })
    const test = recordTest(filterOf({ '#t': Array.from({ length: 100 }, (_, index) => wantedOf(index)) }))
    expect(test({ bytes: counted, ...where })).toBe(false)
    expect(looks).toBeGreaterThan(500)
    expect(looks).toBeLessThan(3 * (where.end - where.start))
  })
})

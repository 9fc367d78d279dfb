import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addressKey,
  authorKindPrefix,
  authorPrefix,
  endKey,
  indexKey,
  kindPrefix,
  positionBytes,
  seqKey,
  seqOfKey,
  startKey,
  tagPrefix,
} from '../../../relay/store/keys.ts'

const maxTime = 2 ** 47
const time = fc.oneof(fc.constantFrom(0, 1, 1_790_000_000, maxTime), fc.integer({ min: 0, max: maxTime }))
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes))
const seq = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const prefix = fc.uint8Array({ maxLength: 10 }).map(bytes => Buffer.from(bytes))
const position = fc.record({ time, id, seq })
const keyOf = (prefix: Buffer, { time, id, seq }: { time: number; id: Buffer; seq: number }) =>
  indexKey(prefix, time, id, seq)

describe('keys of one prefix', () => {
  it('are in NIP-01’s order: newest first, lower ids first, and then as they came', () => {
    fc.assert(
      fc.property(prefix, position, position, (prefix, a, b) => {
        const expected = b.time - a.time || Buffer.compare(a.id.subarray(0, 8), b.id.subarray(0, 8)) || a.seq - b.seq
        expect(Math.sign(Buffer.compare(keyOf(prefix, a), keyOf(prefix, b)))).toBe(Math.sign(expected))
      }),
    )
  })

  it('lie between the ends of a range exactly when their time does, both ends included', () => {
    fc.assert(
      fc.property(prefix, position, time, time, (prefix, position, since, until) => {
        const key = keyOf(prefix, position)
        const isInside =
          Buffer.compare(startKey(prefix, until), key) <= 0 && Buffer.compare(key, endKey(prefix, since)) < 0
        expect(isInside).toBe(since <= position.time && position.time <= until)
      }),
    )
  })

  it('are outside the ranges of other prefixes of that length', () => {
    const prefixes = fc
      .tuple(fc.uint8Array({ minLength: 2, maxLength: 2 }), fc.uint8Array({ minLength: 2, maxLength: 2 }))
      .filter(([a, b]) => Buffer.compare(a, b) !== 0)
    fc.assert(
      fc.property(prefixes, position, ([a, b], position) => {
        const key = keyOf(Buffer.from(a), position)
        const other = Buffer.from(b)
        const isInside = Buffer.compare(startKey(other, maxTime), key) <= 0 && Buffer.compare(key, endKey(other, 0)) < 0
        expect(isInside).toBe(false)
      }),
    )
  })

  it('end with the number and have one length', () => {
    fc.assert(
      fc.property(prefix, position, (prefix, position) => {
        const key = keyOf(prefix, position)
        expect(seqOfKey(key)).toBe(position.seq)
        expect(key).toHaveLength(prefix.length + positionBytes)
      }),
    )
  })
})

describe('numbers', () => {
  it('are in order as keys and can be read back', () => {
    fc.assert(
      fc.property(seq, seq, (a, b) => {
        expect(Math.sign(Buffer.compare(seqKey(a), seqKey(b)))).toBe(Math.sign(a - b))
        expect(seqOfKey(seqKey(a))).toBe(a)
      }),
    )
  })
})

describe('prefixes', () => {
  const key = Buffer.alloc(32, 0xab)
  it('hold what they are for', () => {
    expect(kindPrefix(65_535).toString('hex')).toBe('ffff')
    expect(authorPrefix(key).toString('hex')).toBe('ab'.repeat(8))
    expect(authorKindPrefix(key, 1).toString('hex')).toBe(`${'ab'.repeat(8)}0001`)
  })

  it.each([
    ['a key by its own bytes', 'ab'.repeat(32), '70abababababababab'],
    ['the same in upper case', 'AB'.repeat(32), '70abababababababab'],
  ])('of tags hold %s', (_case, value, expected) => expect(tagPrefix('p', value).toString('hex')).toBe(expected))

  it.each([
    '',
    'a',
    'g'.repeat(64),
    `${'a'.repeat(15)}z${'a'.repeat(48)}`,
    'ab'.repeat(31),
    'é'.repeat(64),
    'x'.repeat(9_999),
  ])('of tags hold a hash of other values: %#', value => {
    expect(tagPrefix('t', value)).toHaveLength(9)
    expect(tagPrefix('t', value)).toEqual(tagPrefix('t', value))
    expect(tagPrefix('t', value)).not.toEqual(tagPrefix('t', `${value}a`))
    expect(tagPrefix('t', value)).not.toEqual(tagPrefix('T', value))
  })
})

describe('addresses', () => {
  it('are different for different kinds, keys and identifiers, and of bounded length', () => {
    const address = fc.record({
      kind: fc.constantFrom(30_000, 30_001),
      key: fc.constantFrom(Buffer.alloc(32, 1), Buffer.alloc(32, 2)),
      identifier: fc.oneof(
        fc.string(),
        fc.constantFrom('', '\0', 'x'.repeat(64), 'x'.repeat(65), 'é'.repeat(32), 'é'.repeat(33)),
      ),
    })
    const bytes = ({ kind, key, identifier }: { kind: number; key: Buffer; identifier: string }) =>
      addressKey(kind, key, identifier)
    fc.assert(
      fc.property(address, address, (a, b) => {
        const isSame = a.kind === b.kind && a.key.equals(b.key) && a.identifier === b.identifier
        expect(bytes(a).equals(bytes(b))).toBe(isSame)
        expect(bytes(a).length).toBeLessThanOrEqual(99)
      }),
    )
  })
})

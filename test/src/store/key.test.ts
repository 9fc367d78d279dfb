import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeKey, encodeKey, type KeyPart } from '../../../src/store/key.ts'

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(value => Buffer.from(value).toString('hex'))
const values: Record<KeyPart, fc.Arbitrary<string | number>> = {
  // Short texts of few characters, so that one is often the beginning of another.
  text: fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', '\u0001', 'ä', '\uffff', '🐼'), maxLength: 4 }),
    fc.string({ unit: 'binary', maxLength: 40 }).filter(text => !text.includes('\0')),
  ),
  hash: hex(32),
  ref: hex(16),
  uint: fc.oneof(fc.constantFrom(0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1), fc.nat()),
}
const anyParts = fc.array(fc.constantFrom<KeyPart>('text', 'hash', 'ref', 'uint'), { minLength: 1, maxLength: 4 })
const keyOf = (parts: readonly KeyPart[]) => fc.tuple(...parts.map(part => values[part]))
const anyKey = anyParts.chain(parts => fc.record({ parts: fc.constant(parts), key: keyOf(parts) }))
const anyTwo = anyParts.chain(parts => {
  const fresh = fc.record({ a: keyOf(parts), b: keyOf(parts) })
  // Two keys that are alike in their first parts, without which the later parts would never decide.
  const alike = fc
    .record({ a: keyOf(parts), b: keyOf(parts), same: fc.nat({ max: parts.length }) })
    .map(({ a, b, same }) => ({ a, b: [...a.slice(0, same), ...b.slice(same)] }))
  return fc.record({ parts: fc.constant(parts), keys: fc.oneof(fresh, alike) })
})

function compareParts(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? ''
    const order =
      typeof left === 'number' ? left - Number(right) : Buffer.compare(Buffer.from(left), Buffer.from(String(right)))
    if (order !== 0) return Math.sign(order)
  }
  return 0
}

describe('keys', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(anyKey, ({ parts, key }) => {
        expect(decodeKey(parts, encodeKey(parts, key))).toEqual(key)
      }),
    )
  })

  it('sort by their bytes as their parts do', () => {
    fc.assert(
      fc.property(anyTwo, ({ parts, keys: { a, b } }) => {
        expect(Buffer.compare(encodeKey(parts, a), encodeKey(parts, b))).toBe(compareParts(a, b))
      }),
    )
  })

  it('begin with the bytes of their first parts', () => {
    fc.assert(
      fc.property(anyKey, fc.nat({ max: 4 }), ({ parts, key }, count) => {
        const first = encodeKey(parts, key.slice(0, count))
        expect(encodeKey(parts, key).subarray(0, first.length)).toEqual(first)
      }),
    )
  })

  it.each<{ case: string; parts: KeyPart[]; key: (string | number)[] }>([
    { case: 'text with a zero byte', parts: ['text'], key: ['a\0b'] },
    { case: 'a number for text', parts: ['text'], key: [1] },
    { case: 'a short hash', parts: ['hash'], key: ['ab'.repeat(31)] },
    { case: 'a hash that is not hex', parts: ['hash'], key: ['xy'.repeat(32)] },
    { case: 'a hash that ends in no hex', parts: ['hash'], key: [`${'ab'.repeat(31)}zz`] },
    { case: 'a hash for a ref', parts: ['ref'], key: ['ab'.repeat(32)] },
    { case: 'a negative number', parts: ['uint'], key: [-1] },
    { case: 'a fraction', parts: ['uint'], key: [0.5] },
    { case: 'no number', parts: ['uint'], key: [Number.NaN] },
    { case: 'a number of 2^48', parts: ['uint'], key: [2 ** 48] },
    { case: 'text for a number', parts: ['uint'], key: ['1'] },
    { case: 'more values than parts', parts: ['uint'], key: [1, 2] },
  ])('are not made of $case', ({ parts, key }) => {
    expect(() => encodeKey(parts, key)).toThrow()
  })

  it.each<{ case: string; parts: KeyPart[]; bytes: Buffer }>([
    { case: 'nothing', parts: ['uint'], bytes: Buffer.alloc(0) },
    { case: 'half a number', parts: ['uint'], bytes: Buffer.alloc(5) },
    { case: 'half a hash', parts: ['hash'], bytes: Buffer.alloc(31) },
    { case: 'text without an end', parts: ['text'], bytes: Buffer.from('abc') },
    { case: 'too much', parts: ['ref'], bytes: Buffer.alloc(17) },
  ])('are not read from $case', ({ parts, bytes }) => {
    expect(() => decodeKey(parts, bytes)).toThrow()
  })
})

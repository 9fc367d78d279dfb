import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addAuthor, offsetFor, registerCount } from '../../../relay/query/hyperloglog.ts'
import { filterOf } from '../find.ts'

type Vectors = {
  offsets: { case: string; filter: object; offset: number | null }[]
  registers: { case: string; offset: number; pubkey: string; register: number; value: number }[]
}
const vectors = JSON.parse(readFileSync(new URL('../../vectors/hyperloglog.json', import.meta.url), 'utf8')) as Vectors

/** NIP-45's words, on the digits of the key. */
function naiveRegisters(authors: readonly string[], offset: number): number[] {
  const registers = Array.from({ length: 256 }, () => 0)
  for (const pubkey of authors) {
    const bits = [...pubkey].map(digit => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('')
    const register = Number.parseInt(pubkey.slice(offset * 2, offset * 2 + 2), 16)
    const behind = bits.slice((offset + 1) * 8)
    const zeros = behind.includes('1') ? behind.indexOf('1') : behind.length
    registers[register] = Math.max(registers[register] ?? 0, zeros + 1)
  }
  return registers
}

function naiveOffset(value: string): number {
  const isHex = (text: string) => text.length === 64 && [...text].every(digit => '0123456789abcdef'.includes(digit))
  const [kind = '', pubkey = '', ...rest] = value.split(':')
  const isAddress =
    rest.length > 0 && isHex(pubkey) && kind.length <= 5 && kind !== '' && Number.isInteger(Number(kind))
  const hex = isHex(value) ? value : isAddress ? pubkey : createHash('sha256').update(value).digest('hex')
  return Number.parseInt(hex[32] ?? '', 16) + 8
}

function registersOf(authors: readonly string[], offset: number): Uint8Array {
  const registers = new Uint8Array(registerCount)
  for (const pubkey of authors) addAuthor(registers, Buffer.from(pubkey, 'hex'), offset)
  return registers
}

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(array => Buffer.from(array).toString('hex'))
/** With long runs of zero bits, which are rare otherwise. */
const pubkey = fc
  .tuple(hex(32), fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 24 }))
  .map(([key, from, length]) => (key.slice(0, from * 2) + '00'.repeat(length) + key).slice(0, 64))
const offset = fc.integer({ min: 8, max: 23 })

describe('the offset of a filter (NIP-45)', () => {
  it.each(vectors.offsets)('is that of $case', ({ filter, offset }) => {
    expect(offsetFor(filterOf(filter))).toBe(offset)
  })

  it('is what a second reading of the text gives', () => {
    const address = fc.tuple(fc.nat(99_999), hex(32), fc.string()).map(parts => parts.join(':'))
    fc.assert(
      fc.property(fc.oneof(hex(32), hex(31), address, fc.string(), fc.string({ unit: 'grapheme' })), value => {
        expect(offsetFor({ tags: new Map([['t', [value]]]) })).toBe(naiveOffset(value))
      }),
    )
  })
})

describe('the registers', () => {
  it.each(vectors.registers)('of a key with $case', ({ offset, pubkey, register, value }) => {
    const expected = new Uint8Array(registerCount)
    expected[register] = value
    expect(registersOf([pubkey], offset)).toEqual(expected)
  })

  it('are what a second reading of the text gives', () => {
    fc.assert(
      fc.property(fc.array(pubkey, { size: '+1' }), offset, (authors, offset) => {
        expect([...registersOf(authors, offset)]).toEqual(naiveRegisters(authors, offset))
      }),
    )
  })

  it('of two relays, merged, are those of the union of their events', () => {
    fc.assert(
      fc.property(fc.array(pubkey), fc.array(pubkey), offset, (some, others, offset) => {
        const [one, other] = [registersOf(some, offset), registersOf(others, offset)]
        const merged = one.map((value, index) => Math.max(value, other[index] ?? 0))
        expect(merged).toEqual(registersOf([...some, ...others], offset))
      }),
    )
  })
})

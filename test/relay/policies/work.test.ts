import { describe, expect, it } from 'vitest'
import { difficultyOf, requireWork } from '../../../relay/policies/work.ts'
import { eventOf, originOf, otherKey, someKey } from './events.ts'

describe('the difficulty of an id (NIP-13)', () => {
  it.each([
    ['000000000e9d97a1ab09fc381030b346cdd7a142ad57e6df0b46dc9bef6c7e2d', 36],
    ['000006d8c378af1779d2feebc7603a125d99eca0ccf1085959b307f64e5dd358', 21],
    ['002f'.padEnd(64, 'f'), 10],
    ['8'.padEnd(64, '0'), 0],
    ['7'.padEnd(64, 'f'), 1],
    ['1'.padEnd(64, 'f'), 3],
    ['0'.repeat(64), 256],
  ])('%s has %i bits', (id, bits) => {
    expect(difficultyOf(id)).toBe(bits)
  })
})

describe('proof of work', () => {
  const id = `000002${'f'.repeat(58)}` // 22 bits
  const messageFor = (required: number, ...nonceTags: string[][]) =>
    requireWork(required)(eventOf({ id, tags: [['p', 'x'], ...nonceTags] }), originOf())

  it.each<[number, string[][], string | null]>([
    [22, [['nonce', '7', '22']], null],
    [20, [['nonce', '7', '22']], null],
    [20, [['nonce', '7', '99']], null],
    [23, [['nonce', '7', '30']], 'pow: difficulty 22 is less than 23'],
    [22, [['nonce', '7', '21']], "pow: the nonce tag's target 21 is less than 22"],
    [22, [], "pow: the nonce tag's target 0 is less than 22"],
    [22, [['nonce', '7']], "pow: the nonce tag's target 0 is less than 22"],
    [22, [['nonce', '22']], "pow: the nonce tag's target 0 is less than 22"],
    // What counts is the first: a miner could commit to all targets at once.
    [
      22,
      [
        ['nonce', '7', '5'],
        ['nonce', '7', '22'],
      ],
      "pow: the nonce tag's target 5 is less than 22",
    ],
    ...['1e9', '-22', '22.5', ' 22', '٢٢', 'Infinity', '9'.repeat(400), '0x20', ''].map(
      (target): [number, string[][], string] => [
        22,
        [['nonce', '7', target]],
        "pow: the nonce tag's target 0 is less than 22",
      ],
    ),
  ])('of %i bits with %j', (required, nonceTags, message) => {
    expect(messageFor(required, ...nonceTags)).toBe(message)
  })

  it('is asked of strangers only when keys are known', () => {
    const policy = requireWork(30, key => key === someKey)
    expect(policy(eventOf({ pubkey: someKey }), originOf())).toBeNull()
    expect(policy(eventOf({ pubkey: otherKey }), originOf())).toBe('pow: difficulty 0 is less than 30')
  })
})

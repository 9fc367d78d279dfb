import { describe, expect, it } from 'vitest'
import { createTally } from '../../../src/metrics/tally.ts'

describe('a tally', () => {
  it('counts each pair, whatever it is called', () => {
    const tally = createTally()
    for (const [first, second] of [
      ['a', 200],
      ['a', 404],
      ['a', 200],
      ['__proto__', 'constructor'],
    ] as const) {
      tally.count(first, second)
    }
    expect(tally.read()).toEqual([
      [2, 'a', '200'],
      [1, 'a', '404'],
      [1, '__proto__', 'constructor'],
    ])
  })

  it('counts what stands alone', () => {
    const tally = createTally()
    tally.count('address')
    expect(tally.read()).toEqual([[1, 'address', '']])
    expect(createTally().read()).toEqual([])
  })
})

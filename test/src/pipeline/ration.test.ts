import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRation } from '../../../src/pipeline/ration.ts'

function rationOf(perSecond: number, burst: number) {
  const time = { ms: 0 }
  return { time, take: createRation({ perSecond, burst, nowMs: () => time.ms }) }
}

describe('a ration', () => {
  it('gives its burst at once and then as much as is refilled', () => {
    const { time, take } = rationOf(2, 3)
    expect([take('a'), take('a'), take('a'), take('a')]).toEqual([true, true, true, false])
    time.ms += 499
    expect(take('a')).toBe(false)
    time.ms += 1
    expect([take('a'), take('a')]).toEqual([true, false])
    time.ms += 3_600_000
    expect([take('a'), take('a'), take('a'), take('a')]).toEqual([true, true, true, false])
  })

  it('gives several at once or none, and says without taking whether one is left', () => {
    const { time, take } = rationOf(1, 5)
    expect([take('a', 0), take('a', 6), take('a', 4), take('a', 2), take('a', 0), take('a'), take('a', 0)]).toEqual([
      true,
      false,
      true,
      false,
      true,
      true,
      false,
    ])
    time.ms += 1_000
    expect([take('a', 0), take('a')]).toEqual([true, true])
  })

  it('is one per key', () => {
    const { take } = rationOf(1, 1)
    expect([take('a'), take('b'), take('a'), take('b')]).toEqual([true, true, false, false])
  })

  it('is not used up further by those who are refused', () => {
    const { time, take } = rationOf(1, 1)
    take('a')
    for (let index = 0; index < 100; index++) {
      time.ms += 9
      expect(take('a')).toBe(false)
    }
    time.ms += 100
    expect(take('a')).toBe(true)
  })

  it('gives nobody more than burst and refill in any stretch of time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 2_000 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (pauses, burst) => {
          const { time, take } = rationOf(1.5, burst)
          let given = 0
          for (const ms of pauses) {
            time.ms += ms
            if (take('a')) given++
          }
          expect(given).toBeLessThanOrEqual(burst + (time.ms / 1_000) * 1.5 + 1e-6)
        },
      ),
    )
  })

  it('forgets who was seen longest ago when too many are remembered, and nobody before', () => {
    const { take } = rationOf(0, 1)
    take('first')
    take('second')
    for (let index = 0; index < 49_998; index++) take(`key ${index}`)
    expect([take('second'), take('first')]).toEqual([false, false])
    take('one more')
    expect([take('second'), take('key 0')]).toEqual([false, true])
  })
})

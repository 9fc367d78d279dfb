import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFairShare } from '../../relay/fair-share.ts'

describe('room that many share', () => {
  it.each([
    [1, 500],
    [2, 333],
    [9, 100],
  ])('is divided evenly: each of %i that take what they can has %i of a thousand', (users, each) => {
    const room = createFairShare(1_000)
    const had = Array<number>(users).fill(0)
    for (let round = 0; round < 1_000; round++) {
      for (const user of had.keys()) {
        if (!room.hasRoom(String(user), 1)) continue
        room.take(String(user), 1)
        had[user] = (had[user] ?? 0) + 1
      }
    }
    for (const count of had) expect(Math.abs(count - each)).toBeLessThanOrEqual(1)
    expect(room.hasRoom('another', 50)).toBe(true)
  })

  it('is never more than there is, and is empty when all is given back', () => {
    const uses = fc.array(fc.record({ of: fc.constantFrom('a', 'b', 'c'), amount: fc.integer({ min: 1, max: 40 }) }))
    fc.assert(
      fc.property(uses, fc.array(fc.nat()), (uses, order) => {
        const room = createFairShare(100)
        const held: { of: string; amount: number }[] = []
        for (const [index, use] of uses.entries()) {
          const own = held.filter(({ of }) => of === use.of).reduce((sum, { amount }) => sum + amount, 0)
          expect(room.hasRoom(use.of, use.amount)).toBe(own + use.amount <= 100 - room.taken() - use.amount)
          if (room.hasRoom(use.of, use.amount)) {
            room.take(use.of, use.amount)
            held.push(use)
          } else {
            const [given] = held.splice((order[index] ?? 0) % Math.max(1, held.length), 1)
            if (given !== undefined) room.giveBack(given.of, given.amount)
          }
          expect(room.taken()).toBeLessThanOrEqual(100)
        }
        for (const { of, amount } of held) room.giveBack(of, amount)
        expect(room.taken()).toBe(0)
        expect(room.hasRoom('a', 50)).toBe(true)
      }),
    )
  })
})

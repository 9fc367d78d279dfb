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
          const fits = own + use.amount <= 100 - room.taken() - use.amount
          expect(room.hasRoom(use.of, use.amount)).toBe(fits || held.length === 0)
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

  it('takes one thing as large as itself, when there is nothing else', () => {
    const room = createFairShare(100)
    expect(room.hasRoom('a', 100)).toBe(true)
    expect(room.hasRoom('a', 101)).toBe(false)
    room.take('b', 1)
    expect(room.hasRoom('a', 51)).toBe(false)
  })

  it('tells those who wait, once, on a turn after something was given back', async () => {
    const room = createFairShare(2)
    let calls = 0
    room.take('a', 2)
    room.whenGivenBack(() => calls++)
    await new Promise(setImmediate)
    expect(calls).toBe(0)
    room.giveBack('a', 1)
    room.giveBack('a', 1)
    expect(calls).toBe(0)
    await new Promise(setImmediate)
    expect(calls).toBe(1)
    room.take('a', 1)
    room.giveBack('a', 1)
    await new Promise(setImmediate)
    expect(calls).toBe(1)
  })
})

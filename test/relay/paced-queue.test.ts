import { expect, it } from 'vitest'
import { createPacedQueue } from '../../relay/paced-queue.ts'

it('deals with things in their order, with a turn of the event loop between what takes too long together', async () => {
  let nowMs = 0
  let turn = 0
  let isEmptied = false
  const seen: [number, number][] = []
  const queue = createPacedQueue<number>({
    budgetMs: 2,
    handle: item => {
      seen.push([item, turn])
      nowMs++
      // What comes meanwhile waits behind the others.
      if (item === 1) queue.push(6)
    },
    emptied: () => {
      isEmptied = true
    },
    begin: run => void setImmediate(run),
    nowMs: () => nowMs,
  })
  for (let item = 1; item <= 5; item++) queue.push(item)
  expect(queue.length()).toBe(5)
  while (!isEmptied) {
    await new Promise(setImmediate)
    turn++
  }
  expect(seen.map(([item]) => item)).toEqual([1, 2, 3, 4, 5, 6])
  const perTurn = new Map<number, number>()
  for (const [, turn] of seen) perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1)
  expect([...perTurn.values()]).toEqual([2, 2, 2])
  expect(queue.length()).toBe(0)
})

it('begins at once when nothing else is said, and again after it was empty', () => {
  const seen: string[] = []
  const queue = createPacedQueue<string>({ budgetMs: 1_000, handle: item => void seen.push(item) })
  queue.push('a')
  queue.push('b')
  expect(seen).toEqual(['a', 'b'])
})

it('takes no more of a turn when its things come one after the other', async () => {
  let nowMs = 0
  const seen: number[] = []
  const queue = createPacedQueue<number>({
    budgetMs: 2,
    handle: item => {
      seen.push(item)
      nowMs++
    },
    nowMs: () => nowMs,
  })
  for (let item = 0; item < 5; item++) queue.push(item)
  expect(seen).toEqual([0, 1])
  await new Promise(setImmediate)
  expect(seen).toEqual([0, 1, 2, 3])
  queue.push(5)
  expect(seen).toEqual([0, 1, 2, 3])
  await new Promise(setImmediate)
  expect(seen).toEqual([0, 1, 2, 3, 4, 5])
})

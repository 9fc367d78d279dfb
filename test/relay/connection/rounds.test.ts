import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createRounds } from '../../../relay/connection/rounds.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('looks at each member once a round, and never at many at once', () => {
  let looks: number[] = []
  const rounds = createRounds<number>(20_000, member => looks.push(member))
  // They come over half a round.
  for (let member = 0; member < 1_000; member++) {
    if (member % 10 === 0) vi.advanceTimersByTime(100)
    rounds.add(member)
  }
  looks = []
  let most = 0
  for (let step = 0; step < 200; step++) {
    const before = looks.length
    vi.advanceTimersByTime(100)
    most = Math.max(most, looks.length - before)
  }
  expect(looks.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
  expect(most).toBe(10)
  rounds.remove(3)
  looks = []
  vi.advanceTimersByTime(20_000)
  expect(looks).toHaveLength(999)
  expect(looks).not.toContain(3)
  rounds.stop()
  looks = []
  vi.advanceTimersByTime(20_000)
  expect(looks).toEqual([])
})

it('gives a new member a round of time', () => {
  const looks: string[] = []
  const rounds = createRounds<string>(20_000, member => looks.push(member))
  vi.advanceTimersByTime(5_050)
  rounds.add('new')
  vi.advanceTimersByTime(19_900)
  expect(looks).toEqual([])
  vi.advanceTimersByTime(100)
  expect(looks).toEqual(['new'])
  rounds.stop()
})

it('has other work come between those who have come together', async () => {
  vi.useRealTimers()
  const turns = new Set<number>()
  let turn = 0
  const count = () => {
    turn++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  const looked = new Promise<void>(resolve => {
    let looks = 0
    const rounds = createRounds<number>(200, member => {
      for (const untilMs = performance.now() + 1; performance.now() < untilMs; );
      turns.add(turn)
      if (member === 0) for (let left = 40; left < 50; left++) rounds.remove(left)
      if (++looks < 40) return
      rounds.stop()
      resolve()
    })
    for (let member = 0; member < 50; member++) rounds.add(member)
  })
  await looked
  clearImmediate(counting)
  expect(turns.size).toBeGreaterThan(30)
})

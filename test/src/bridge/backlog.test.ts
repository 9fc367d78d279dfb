import { describe, expect, it } from 'vitest'
import { createBacklog } from '../../../src/bridge/backlog.ts'
import { keyOf, startTime } from '../service.ts'
import { commandOf } from './bridged-service.ts'

const customer = keyOf(2)
const anybody = () => true

function backlogOf(limits: { maxEvents?: number; maxBytes?: number; maxPerAuthor?: number }) {
  return createBacklog({
    maxEvents: 100,
    maxBytes: 1_000_000,
    maxPerAuthor: 100,
    isCustomer: author => author === customer.publicKey,
    ...limits,
  })
}
const at = (seconds: number, key = customer, size = 0) =>
  commandOf(key, 'x', 'x'.repeat(size), { at: startTime + seconds })

function drain(backlog: ReturnType<typeof backlogOf>): number[] {
  const times: number[] = []
  for (let event = backlog.take(anybody); event; event = backlog.take(anybody)) times.push(event.created_at - startTime)
  return times
}

describe('a backlog', () => {
  it('gives the oldest first, each once', () => {
    const backlog = backlogOf({})
    const twice = at(2)
    for (const event of [at(3), twice, at(1), twice]) expect(backlog.add(event)).toBe(true)
    expect(drain(backlog)).toEqual([1, 2, 3])
    expect(backlog.takeMissed()).toBe(null)
  })

  it('passes over authors whose turn it is not', () => {
    const backlog = backlogOf({})
    backlog.add(at(1))
    backlog.add(at(2, keyOf(3)))
    expect(backlog.take(author => author !== customer.publicKey)?.created_at).toBe(startTime + 2)
    expect(backlog.size()).toBe(1)
  })

  it('when it is full keeps the oldest, and says from when on something was missed', () => {
    const backlog = backlogOf({ maxEvents: 4 })
    expect(backlog.add(at(5))).toBe(true)
    expect(backlog.add(at(6))).toBe(true)
    expect(backlog.add(at(7))).toBe(false)
    expect(backlog.add(at(1))).toBe(true)
    expect(backlog.takeMissed()).toBe(startTime + 6)
    expect(backlog.takeMissed()).toBe(null)
    expect(drain(backlog)).toEqual([1, 5])
  })

  it('keeps half of its room for customers', () => {
    const backlog = backlogOf({ maxEvents: 4 })
    for (let index = 0; index < 10; index++) backlog.add(at(index, keyOf(100 + index)))
    expect(backlog.size()).toBe(2)
    expect(backlog.add(at(20))).toBe(true)
    expect(backlog.add(at(21))).toBe(true)
    expect(drain(backlog)).toEqual([0, 1, 20, 21])
  })

  it('gives nobody more than a share', () => {
    const backlog = backlogOf({ maxPerAuthor: 2 })
    for (const second of [1, 2, 3]) backlog.add(at(second))
    expect(backlog.add(at(4, keyOf(3)))).toBe(true)
    expect(backlog.takeMissed()).toBe(startTime + 3)
    expect(drain(backlog)).toEqual([1, 2, 4])
  })

  it('is bounded in bytes as well, and has its room back once something was taken', () => {
    const backlog = backlogOf({ maxBytes: 100_000 })
    expect(backlog.add(at(1, customer, 30_000))).toBe(true)
    expect(backlog.add(at(2, customer, 30_000))).toBe(false)
    expect(drain(backlog)).toEqual([1])
    expect(backlog.add(at(2, customer, 30_000))).toBe(true)
  })
})

import { beforeEach, describe, expect, it } from 'vitest'
import { CircuitOpen, withCircuitBreaker } from '../../../../src/adapters/lightning/circuit-breaker.ts'
import { InvoiceRefused, type LightningBackend, LightningUnavailable } from '../../../../src/adapters/lightning/port.ts'
import { silentBackend } from '../../jobs/silent-backend.ts'
import { never, requestOf } from './invoice-request.ts'

let isAway: boolean
let calls: number
let nowMs: number
let changes: boolean[]
let backend: LightningBackend

beforeEach(() => {
  isAway = true
  calls = 0
  nowMs = 0
  changes = []
  const balanceMsat = async () => {
    calls++
    if (isAway) throw new LightningUnavailable('connection refused')
    return 7
  }
  const pay = async () => {
    calls++
    return { status: 'unknown' as const }
  }
  backend = withCircuitBreaker(
    { ...silentBackend('test'), balanceMsat, pay, check: async () => void calls++ },
    { nowMs: () => nowMs, changed: isOpen => changes.push(isOpen) },
  )
})

const ask = () => backend.balanceMsat(never)
const failTimes = async (times: number) => {
  for (let time = 0; time < times; time++) await expect(ask()).rejects.toThrow(LightningUnavailable)
}

describe('a backend that does not answer', () => {
  it('is asked five times, and then no more', async () => {
    await failTimes(20)
    expect(calls).toBe(5)
    expect(changes).toEqual([true])
    await expect(ask()).rejects.toBeInstanceOf(CircuitOpen)
  })

  it('is asked by one after a pause, which doubles', async () => {
    await failTimes(5)
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      nowMs += pauseMs - 1
      await failTimes(1)
      nowMs += 1
      const before = calls
      await failTimes(3)
      expect(calls).toBe(before + 1)
    }
  })

  it('is asked again as soon when many calls were under way as it went', async () => {
    await Promise.all(Array.from({ length: 20 }, () => expect(ask()).rejects.toThrow('connection refused')))
    isAway = false
    nowMs += 1_000
    expect(await ask()).toBe(7)
    expect(changes).toEqual([true, false])
  })

  it('is trusted again once it answers', async () => {
    await failTimes(5)
    isAway = false
    nowMs += 1_000
    expect(await ask()).toBe(7)
    expect(await ask()).toBe(7)
    expect(changes).toEqual([true, false])
    isAway = true
    const before = calls
    await failTimes(20)
    expect(calls).toBe(before + 5)
  })

  it('is not given up for failures between answers', async () => {
    for (let round = 0; round < 5; round++) {
      isAway = true
      await failTimes(4)
      isAway = false
      expect(await ask()).toBe(7)
    }
    expect(changes).toEqual([])
  })

  it('is not there, and pays nothing, while it is away', async () => {
    await failTimes(5)
    const before = calls
    await expect(backend.check(never)).rejects.toThrow(CircuitOpen)
    await expect(backend.pay({ idempotencyKey: 'a', bolt11: 'b', maxFeeMsat: 0 }, never)).rejects.toThrow(CircuitOpen)
    expect(calls).toBe(before)
  })
})

it('says nothing of bugs: they are no sign of a backend that is away', async () => {
  const broken = withCircuitBreaker(silentBackend('test'), { nowMs: () => 0, changed: isOpen => changes.push(isOpen) })
  for (let time = 0; time < 10; time++) await expect(broken.balanceMsat(never)).rejects.toThrow('not asked for')
  expect(changes).toEqual([])
})

it('does not take a backend that refuses invoices for one that is away', async () => {
  const createInvoice = () => Promise.reject(new InvoiceRefused('too much'))
  const refusing = withCircuitBreaker(
    { ...silentBackend('test'), createInvoice, balanceMsat: backend.balanceMsat },
    { nowMs: () => nowMs, changed: isOpen => changes.push(isOpen) },
  )
  for (let time = 0; time < 20; time++) {
    await expect(refusing.createInvoice(requestOf(), never)).rejects.toThrow(InvoiceRefused)
  }
  expect(changes).toEqual([])
})

it('does not take payments whose way is long for a backend that is away', async () => {
  for (let time = 0; time < 10; time++) {
    expect(await backend.pay({ idempotencyKey: 'a', bolt11: 'b', maxFeeMsat: 0 }, never)).toEqual({ status: 'unknown' })
  }
  expect(changes).toEqual([])
})

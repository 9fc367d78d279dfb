import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { advanceOnce, runDueTimer } from '../../../src/jobs/due-timer.ts'
import { readHead } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'

const alice = keyOf(2)

let service: TestService
let jump: number | null
beforeEach(async () => {
  service = await openService()
  jump = null
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const optionsOf = () => ({
  environment: service.environment,
  appendFact: service.appendFact,
  clock: { now: () => service.clock.time, unconfirmedJumpSeconds: () => jump, confirm: () => undefined },
})
const order = () => service.send(alice, 'identifier.register', { identifier: 'alice@example.com' }).id
const code = (id: string) => service.resultOf(id, alice)?.body.code

describe('what is due', () => {
  it.each([
    { wait: 59, done: false },
    { wait: 60, done: true },
    { wait: 100_000, done: true },
  ])('is done after $wait s of 60: $done', async ({ wait, done }) => {
    const id = order()
    service.clock.time += wait
    expect(await advanceOnce(optionsOf())).toBe(done)
    expect(code(id)).toBe(done ? 'PAYMENT_UNAVAILABLE' : undefined)
    expect(await advanceOnce(optionsOf())).toBe(false)
  })

  it('writes nothing to the log while nothing is due', async () => {
    const before = readHead(service.environment)
    service.clock.time += 1_000_000
    expect(await advanceOnce(optionsOf())).toBe(false)
    expect(readHead(service.environment)).toEqual(before)
  })

  it('waits while a jump of the clock is not confirmed', async () => {
    const id = order()
    service.clock.time += 3_700
    jump = 3_700
    expect(await advanceOnce(optionsOf())).toBe(false)
    expect(code(id)).toBeUndefined()
    jump = null
    expect(await advanceOnce(optionsOf())).toBe(true)
  })

  it('is done a hundred at a time until nothing is left, also within one second', async () => {
    const put = () => {
      const tx = service.environment.transactor(() => undefined)
      for (let index = 0; index < 250; index++) {
        tx.put(tables.due, [service.clock.time, 'identifier-notice', `n${index}@free.example`], {})
      }
    }
    service.environment.root.transactionSync(put)
    const left: number[] = []
    while (await advanceOnce(optionsOf())) left.push(service.environment.reader.range(tables.due, []).length)
    expect(left).toEqual([150, 50, 0])
  })
})

describe('the timer', () => {
  it('does what is due and ends when it is told to', async () => {
    const id = order()
    service.clock.time += 60
    const stopping = new AbortController()
    const options = optionsOf()
    const appendFact: typeof options.appendFact = async fact => {
      const added = await options.appendFact(fact)
      stopping.abort()
      return added
    }
    await runDueTimer({
      ...options,
      appendFact,
      signal: stopping.signal,
      onError: error => expect.unreachable(String(error)),
    })
    expect(code(id)).toBe('PAYMENT_UNAVAILABLE')
  })

  it('reports an error and goes on', async () => {
    order()
    service.clock.time += 60
    const stopping = new AbortController()
    const errors: unknown[] = []
    await runDueTimer({
      ...optionsOf(),
      appendFact: () => Promise.reject(new Error('disk full')),
      signal: stopping.signal,
      onError: error => {
        errors.push(error)
        if (errors.length === 2) stopping.abort()
      },
    })
    expect(errors).toEqual([new Error('disk full'), new Error('disk full')])
  })
})

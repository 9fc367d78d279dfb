import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clockAdvance, maxDuePerFact } from '../../../src/domain/clock.ts'
import { advanceOnce, runDueTimer } from '../../../src/jobs/due-timer.ts'
import type { Environment } from '../../../src/store/environment.ts'
import { readHead } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { differences } from '../pipeline/verify-log.ts'
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
  onPostponed: () => expect.unreachable(),
  environment: service.environment,
  appendFact: service.appendFact,
  clock: { now: () => service.clock.time, unconfirmedJumpSeconds: () => jump, confirm: () => undefined },
})
const advance = () => advanceOnce(optionsOf(), maxDuePerFact)
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
    expect(await advance()).toBe(done ? maxDuePerFact : null)
    expect(code(id)).toBe(done ? 'PAYMENT_UNAVAILABLE' : undefined)
    expect(await advance()).toBeNull()
  })

  it('writes nothing to the log while nothing is due', async () => {
    const before = readHead(service.environment)
    service.clock.time += 1_000_000
    expect(await advance()).toBeNull()
    expect(readHead(service.environment)).toEqual(before)
  })

  it('waits while a jump of the clock is not confirmed', async () => {
    const id = order()
    service.clock.time += 3_700
    jump = 3_700
    expect(await advance()).toBeNull()
    expect(code(id)).toBeUndefined()
    jump = null
    expect(await advance()).toBe(maxDuePerFact)
  })

  it('is done a hundred at a time until nothing is left, also within one second', async () => {
    const put = () => {
      const tx = service.environment.transactor
      for (let index = 0; index < 250; index++) {
        tx.put(tables.due, [service.clock.time, 'identifier-notice', `n${index}@free.example`], {})
      }
    }
    service.environment.root.transactionSync(put)
    const left: number[] = []
    while ((await advance()) !== null) left.push(service.environment.reader.range(tables.due, []).length)
    expect(left).toEqual([150, 50, 0])
  })
})

describe('what is due and cannot be handled', () => {
  const day = 86_400
  const bad = (index: number): [number, string, string] => [
    service.clock.time,
    'identifier-notice',
    `${index} is no name`,
  ]
  const good = (index: number): [number, string, string] => [
    service.clock.time,
    'identifier-notice',
    `n${index}@free.example`,
  ]
  /** Puts these on the time index, in this order, as no command would. */
  const putDue = (environment: Environment, keys: [number, string, string][]) =>
    environment.root.transactionSync(() => {
      const tx = environment.transactor
      for (const [index, [time, kind, id]] of keys.entries()) tx.put(tables.due, [time + index, kind, id], {})
    })
  const due = () => service.environment.reader.range(tables.due, []).map(({ key }) => key)
  /** Advances until nothing is due; gives the limits on the way, and what was postponed. */
  const advanceAll = async () => {
    const postponed: unknown[] = []
    const limits: number[] = []
    let limit: number | null = maxDuePerFact
    while (limit !== null) {
      limits.push(limit)
      limit = await advanceOnce({ ...optionsOf(), onPostponed: item => postponed.push(item) }, limit)
      if (limits.length > 500) throw new Error('it does not get on')
    }
    return { limits, postponed }
  }
  afterEach(() => {
    service.errors.length = 0
  })

  it('waits a day and is told of, while what is due after it is done', async () => {
    const id = order()
    putDue(service.environment, [bad(0)])
    service.clock.time += 60
    const { postponed, limits } = await advanceAll()
    expect(postponed).toEqual([{ kind: 'identifier-notice', id: '0 is no name' }])
    expect(limits).toEqual([100, 50, 25, 12, 6, 3, 1, 1, 2])
    expect(code(id)).toBe('PAYMENT_UNAVAILABLE')
    expect(due()).toEqual([[service.clock.time + day, 'identifier-notice', '0 is no name']])
    expect(service.errors).toHaveLength(7)
    const again = service.clock.time + day
    service.clock.time = again
    expect((await advanceAll()).postponed).toHaveLength(1)
    expect(due()).toEqual([[again + day, 'identifier-notice', '0 is no name']])
  })

  it.each([
    { bads: [0] },
    { bads: [99] },
    { bads: [37, 38, 149] },
    { bads: Array.from({ length: 150 }, (_, index) => index) },
  ])('is postponed each by itself: $bads of 150', async ({ bads }) => {
    const keys = Array.from({ length: 150 }, (_, index) => (bads.includes(index) ? bad(index) : good(index)))
    putDue(service.environment, keys)
    service.clock.time += 200
    const { postponed } = await advanceAll()
    expect(postponed).toEqual(bads.map(index => ({ kind: 'identifier-notice', id: `${index} is no name` })))
    expect(due().map(([time]) => time)).toEqual(bads.map(() => service.clock.time + day))
  })

  it('is postponed by the log, which folds to the same tables', async () => {
    const keys = [good(0), bad(1), good(2), bad(3)]
    putDue(service.environment, keys)
    order()
    service.clock.time += 100
    await advanceAll()
    expect(due()).toHaveLength(2)
    const folded = await differences(service.environment, service.signer, empty => putDue(empty, keys))
    expect(folded).toEqual([])
    expect(await differences(service.environment, service.signer)).not.toEqual([])
  })

  it('is not postponed because the fact could not be written', async () => {
    order()
    service.clock.time += 60
    const before = due()
    const options = optionsOf()
    const failures = [new Error('disk full')]
    const appendFact: typeof options.appendFact = async fact => {
      const failure = failures.pop()
      if (failure !== undefined) throw failure
      return options.appendFact(fact)
    }
    await expect(advanceOnce({ ...options, appendFact }, 1)).rejects.toThrow('disk full')
    expect(due()).toEqual(before)
  })

  it('is not put back when it has been handled since', async () => {
    const params = { to: service.clock.time, postpone: { at: 1, kind: 'identifier-notice', id: 'n@free.example' } }
    await service.appendFact({ method: clockAdvance, params, dedupeKey: 'clock:test' })
    expect(due()).toEqual([])
  })
})

describe('the timer', () => {
  it('gets past what cannot be handled', async () => {
    const id = order()
    const stopping = new AbortController()
    service.environment.root.transactionSync(() =>
      service.environment.transactor.put(tables.due, [1, 'order-expiry-of-old', 'x'], {}),
    )
    service.clock.time += 60
    const postponed: unknown[] = []
    const options = optionsOf()
    await runDueTimer({
      ...options,
      appendFact: async fact => {
        const added = await options.appendFact(fact)
        if (code(id) !== undefined) stopping.abort()
        return added
      },
      onPostponed: item => postponed.push(item),
      signal: stopping.signal,
      onError: error => expect.unreachable(String(error)),
    })
    expect(postponed).toEqual([{ kind: 'order-expiry-of-old', id: 'x' }])
    expect(code(id)).toBe('PAYMENT_UNAVAILABLE')
    service.errors.length = 0
  })

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

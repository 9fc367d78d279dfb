import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JobWorker, JobWorkers } from '../../../src/jobs/job.ts'
import { type JobRunner, startJobRunner } from '../../../src/jobs/runner.ts'
import { tables } from '../../../src/store/tables.ts'
import type { Reader } from '../../../src/store/transaction.ts'
import { openService, type TestService } from '../service.ts'

const many = 1_000
const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}
const never = new Promise<never>(() => undefined)

let service: TestService
let runner: JobRunner
let tried: string[]
let tryOf: JobWorker['attempt']
let rowsRead: number
let ends: AbortController[]
/** How many tries began in each turn that the runner took. */
let inTurns: number[]
beforeEach(async () => {
  service = await openService()
  tried = []
  tryOf = () => Promise.resolve(null)
  rowsRead = 0
  ends = []
  inTurns = []
  const attempt: JobWorker['attempt'] = (job, signal) => {
    tried.push(job.id)
    return tryOf(job, signal)
  }
  const worker = { attempt, giveUp: () => null }
  const workers: JobWorkers = {
    'create-invoice': worker,
    'look-up-invoice': worker,
    'settle-hold': worker,
    'cancel-hold': worker,
    'resolve-address': worker,
    'pay-invoice': worker,
    'pay-by-wallet': worker,
  }
  const range: Reader['range'] = (table, prefix, options) => {
    const rows = service.environment.reader.range(table, prefix, options)
    rowsRead += rows.length
    return rows
  }
  runner = startJobRunner({
    environment: { ...service.environment, reader: { ...service.environment.reader, range } },
    appendFact: service.appendFact,
    workers,
    now: () => service.clock.time,
    tryForSeconds: () => 60,
    onError: error => service.errors.push(error),
    waits: {
      pause: (_, signal) => new Promise(resolve => signal.addEventListener('abort', () => resolve())),
      timeout: () => {
        const end = new AbortController()
        ends.push(end)
        return end.signal
      },
      turn: async () => {
        const before = tried.length
        await turns(1)
        setImmediate(() => inTurns.push(tried.length - before))
      },
    },
  })
})
afterEach(async () => {
  await runner.stop()
  expect(service.errors).toEqual([])
  await service.close()
})

/** Puts jobs into the table, one a second. */
function put(count: number, { type = 'pay-by-wallet', from = 0 } = {}): string[] {
  const ids = Array.from({ length: count }, (_, index) => (from + index).toString(16).padStart(10, '0').padEnd(32, 'f'))
  const { root, transactor } = service.environment
  root.transactionSync(() => {
    for (const id of ids) transactor.put(tables.jobs, [id], { type, payload: {}, createdAt: service.clock.time })
  })
  return ids
}

describe('many jobs that stay unanswered', () => {
  it('are read once, however often the runner is woken', async () => {
    put(many)
    runner.wake()
    await turns(60)
    expect(tried).toHaveLength(many)
    rowsRead = 0
    for (let wakes = 0; wakes < 20; wakes++) {
      runner.wake()
      await turns(2)
    }
    expect(rowsRead).toBeLessThanOrEqual(20)
  })

  it('leave everything else its turns, though none takes time', async () => {
    put(many)
    runner.wake()
    await turns(60)
    expect(tried).toHaveLength(many)
    expect(inTurns.length).toBeGreaterThan(many / 64)
    expect(Math.max(...inTurns)).toBeLessThanOrEqual(64)
  })

  it('are woken once for all wakes of a turn', async () => {
    for (let wakes = 0; wakes < 100; wakes++) runner.wake()
    await turns(5)
    expect(inTurns).toHaveLength(1)
  })

  it('are all found, those too that come while others are looked at, or in the second of the last', async () => {
    put(many)
    runner.wake()
    await turns(2)
    const later = put(300, { from: many })
    runner.wake()
    await turns(60)
    expect(new Set(tried)).toContain(later.at(-1))
    const beside = (many + 299).toString(16).padStart(10, '0').padEnd(32, '1')
    service.environment.root.transactionSync(() => {
      const row = { type: 'pay-by-wallet', payload: {}, createdAt: service.clock.time }
      service.environment.transactor.put(tables.jobs, [beside], row)
    })
    runner.wake()
    await turns(5)
    expect(tried.at(-1)).toBe(beside)
    expect(new Set(tried).size).toBe(tried.length)
  })
})

describe('a worker that never ends', () => {
  it('keeps no place when its time is over, and its late answer is ignored', async () => {
    const answers: ((fact: null) => void)[] = []
    tryOf = () => new Promise(resolve => answers.push(resolve))
    const ids = put(17, { type: 'settle-hold' })
    runner.wake()
    await turns(5)
    expect(tried).toEqual(ids.slice(0, 8))
    for (const end of ends.splice(0)) end.abort()
    await turns(5)
    expect(tried).toEqual(ids.slice(0, 16))
    answers[0]?.(null)
    await turns(5)
    expect(tried).toHaveLength(16)
  })

  it('does not hold up the stop', async () => {
    tryOf = () => never
    put(3)
    runner.wake()
    await turns(5)
    expect(tried).toHaveLength(3)
    await runner.stop()
    expect(service.environment.reader.range(tables.jobs, [])).toHaveLength(3)
  })
})

describe('a kind of job', () => {
  it.each(['pay-invoice', 'resolve-address', 'pay-by-wallet', 'create-invoice', 'look-up-invoice', 'cancel-hold'])(
    'that hangs, %s, holds up no other',
    async slow => {
      tryOf = ({ type }) => (type === slow ? never : Promise.resolve(null))
      put(100, { type: slow })
      runner.wake()
      await turns(5)
      const hanging = tried.length
      expect(hanging).toBeLessThan(100)
      const others = ['create-invoice', 'look-up-invoice', 'settle-hold', 'cancel-hold', 'pay-invoice']
      const ids = others.filter(type => type !== slow).flatMap((type, at) => put(1, { type, from: 1_000 + at }))
      runner.wake()
      await turns(5)
      expect(tried.slice(hanging).sort()).toEqual(ids)
    },
  )
})

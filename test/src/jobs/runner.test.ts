import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import { invoiceCreated, invoiceFailed } from '../../../src/domain/billing/invoice-facts.ts'
import type { JobWorkers } from '../../../src/jobs/job.ts'
import { type JobRunner, startJobRunner } from '../../../src/jobs/runner.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'

const alice = keyOf(2)
const tryForSeconds = 60

let service: TestService
let runner: JobRunner
let errors: unknown[]
let counted: string[]
/** What the wallet does at each attempt in turn; the last for ever. */
let behaviours: ('answer' | 'nothing' | 'throw' | 'hang')[]
let attempts: { id: string; atMs: number }[]
let atOnce: { now: number; most: number }
let wallets: { now: number; most: number; tried: Set<string> }
let release: () => void

beforeEach(async () => {
  service = await openService()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  errors = []
  counted = []
  behaviours = ['answer']
  attempts = []
  atOnce = { now: 0, most: 0 }
  wallets = { now: 0, most: 0, tried: new Set() }
  release = () => undefined
  const hanging = new Promise<void>(resolve => {
    release = resolve
  })
  const neverDone = { attempt: () => Promise.resolve(null), giveUp: () => null }
  const workers: JobWorkers = {
    'create-invoice': {
      attempt: async ({ id: jobId, payload: { invoiceId } }, signal) => {
        attempts.push({ id: jobId, atMs: Date.now() })
        const behaviour = behaviours.length > 1 ? behaviours.shift() : behaviours[0]
        atOnce.now++
        atOnce.most = Math.max(atOnce.most, atOnce.now)
        if (behaviour === 'hang') {
          await Promise.race([hanging, new Promise(resolve => signal.addEventListener('abort', resolve))])
        }
        atOnce.now--
        if (behaviour === 'throw') throw new LightningUnavailable('no route to the wallet')
        if (behaviour === 'nothing' || signal.aborted) return null
        const made = { bolt11: 'x', paymentHash: invoiceId.repeat(2), expiresAt: service.clock.time + 900 }
        return {
          method: invoiceCreated,
          params: { jobId, invoiceId, ...made },
          dedupeKey: `invoice:${invoiceId}:created`,
        }
      },
      giveUp: ({ id: jobId, payload: { invoiceId } }) => ({
        method: invoiceFailed,
        params: { jobId, invoiceId },
        dedupeKey: `invoice:${invoiceId}:failed`,
      }),
    },
    'look-up-invoice': neverDone,
    'settle-hold': neverDone,
    'cancel-hold': neverDone,
    'resolve-address': neverDone,
    'pay-invoice': neverDone,
    'pay-by-wallet': {
      attempt: async ({ id }, signal) => {
        wallets.tried.add(id)
        wallets.now++
        wallets.most = Math.max(wallets.most, wallets.now)
        await Promise.race([hanging, new Promise(resolve => signal.addEventListener('abort', resolve))])
        wallets.now--
        return null
      },
      giveUp: () => null,
    },
  }
  runner = startJobRunner({
    environment: service.environment,
    appendFact: service.appendFact,
    workers,
    now: () => service.clock.time,
    tryForSeconds: () => tryForSeconds,
    onError: error => errors.push(error),
    counted: (type, outcome) => counted.push(`${type} ${outcome}`),
  })
})
afterEach(async () => {
  release()
  await runner.stop()
  vi.useRealTimers()
  expect(service.errors).toEqual([])
  await service.close()
})

const order = () => service.send(alice, 'balance.topup', { amountMsat: 1_000 }).id
const status = (id: string) => service.resultOf(id, alice)?.status ?? 'pending'
/** As many turns of the event loop as a chain of tries may need. */
const settle = async () => {
  for (let turns = 0; turns < 5; turns++) await new Promise(resolve => setImmediate(resolve))
}
/** Lets time pass in the steps of the shortest pause, so that what is begun on a later turn is begun at its time. */
const pass = async (ms: number) => {
  for (let passedMs = 0; passedMs < ms; passedMs += 250) {
    await vi.advanceTimersByTimeAsync(250)
    await settle()
  }
}
const jobs = () => service.environment.reader.range(tables.jobs, []).length

describe('the job runner', () => {
  it('does what is asked for when it is woken, once', async () => {
    const id = order()
    await settle()
    expect(attempts).toEqual([])
    runner.wake()
    runner.wake()
    await settle()
    expect([status(id), attempts.length, jobs()]).toEqual(['payment-required', 1, 0])
    expect(counted).toEqual(['create-invoice done'])
  })

  it("has customers' wallets wait for each other, and nothing of ours for them", async () => {
    const { root, transactor } = service.environment
    root.transactionSync(() => {
      for (let number = 0; number < 100; number++) {
        const row = { type: 'pay-by-wallet', payload: {}, createdAt: service.clock.time }
        transactor.put(tables.jobs, [number.toString(16).padStart(32, '0')], row)
      }
    })
    runner.wake()
    await settle()
    expect([wallets.now, wallets.tried.size]).toEqual([64, 64])
    const id = order()
    runner.wake()
    await settle()
    expect(status(id)).toBe('payment-required')
    release()
    await settle()
    expect([wallets.most, wallets.tried.size]).toEqual([64, 100])
  })

  it('tells of each try what came of it', async () => {
    behaviours = ['nothing', 'throw', 'nothing']
    order()
    runner.wake()
    await settle()
    service.clock.time += tryForSeconds
    await pass(250)
    expect(counted).toEqual(['create-invoice no-answer', 'create-invoice given-up'])
  })

  it('tries again after longer and longer pauses, at most 10 s', async () => {
    behaviours = ['nothing']
    order()
    runner.wake()
    await settle()
    await pass(40_000)
    const pauses = attempts.slice(1).map(({ atMs }, index) => atMs - (attempts[index]?.atMs ?? 0))
    expect(pauses.slice(0, 8)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    expect(errors).toEqual([])
  })

  it('tries again after an error, and reports it', async () => {
    behaviours = ['throw', 'throw', 'answer']
    const id = order()
    runner.wake()
    await pass(1_000)
    expect([status(id), attempts.length, errors.length]).toEqual(['payment-required', 3, 2])
  })

  it('gives up when the time for tries is over, not before, and takes a late answer instead if there is one', async () => {
    behaviours = ['nothing', 'nothing', 'nothing', 'answer']
    const first = order()
    runner.wake()
    service.clock.time += tryForSeconds - 1
    await pass(250)
    expect(status(first)).toBe('pending')
    service.clock.time += 1
    await pass(500)
    expect(service.resultOf(first, alice)?.body).toMatchObject({ code: 'PAYMENT_UNAVAILABLE' })
    const second = order()
    service.clock.time += tryForSeconds
    runner.wake()
    await settle()
    expect(status(second)).toBe('payment-required')
  })

  it('does at most 16 at once, and the rest when there is room', async () => {
    behaviours = ['hang']
    const ids = Array.from({ length: 40 }, order)
    runner.wake()
    await settle()
    expect([attempts.length, atOnce.most]).toEqual([16, 16])
    release()
    await settle()
    expect(ids.map(status)).toEqual(ids.map(() => 'payment-required'))
    expect(atOnce.most).toBe(16)
  })

  it('does not let jobs that must wait keep others from being done', async () => {
    behaviours = [...Array.from({ length: 20 }, () => 'nothing' as const), 'answer']
    for (let index = 0; index < 20; index++) order()
    runner.wake()
    await settle()
    expect(attempts).toHaveLength(20)
    const late = order()
    runner.wake()
    await settle()
    expect(status(late)).toBe('payment-required')
  })

  it('ends what is under way when it is stopped, begins nothing, and leaves the job for the next start', async () => {
    behaviours = ['hang']
    const id = order()
    runner.wake()
    await settle()
    await runner.stop()
    runner.wake()
    await pass(60_000)
    expect([status(id), attempts.length, jobs()]).toEqual(['pending', 1, 1])
  })
})

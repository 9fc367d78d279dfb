import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AddressUnavailable } from '../../../src/adapters/lnurl-pay/failures.ts'
import { type AddressAnswer, createLnurlPay } from '../../../src/adapters/lnurl-pay/http.ts'
import { resolveAddressWorker } from '../../../src/jobs/addresses.ts'
import type { Job } from '../../../src/jobs/job.ts'
import { payInvoiceWorker } from '../../../src/jobs/payments.ts'
import { tables } from '../../../src/store/tables.ts'
import { never, requestOf } from '../adapters/lightning/invoice-request.ts'
import { type DevWalletFixture, openDevWallet } from '../adapters/lightning/open-dev-wallet.ts'
import { type LnurlServer, startLnurlServer } from '../adapters/lnurl-pay/lnurl-server.ts'
import { contradictions } from '../domain/books.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { rememberedIn } from './remembered.ts'

const alice = keyOf(2)
const refundTo = 'alice@pay.example.com'
const fundsMsat = 10_000_000

let service: TestService
let wallet: DevWalletFixture
let server: LnurlServer
/** What becomes of the payments of invoices that the address gives. */
let fate: 'paid' | 'failed' | 'stuck'
let given: string[]
const asked = new Set<string>()
beforeEach(async () => {
  fate = 'paid'
  given = []
  asked.clear()
  wallet = await openDevWallet()
  service = await openService()
  server = await startLnurlServer({
    now: wallet.now,
    makeInvoice: async amountMsat => {
      const { bolt11, paymentHash } = await wallet.outsideInvoice({ amountMsat, fate, feeMsat: 2_000 })
      given.push(paymentHash)
      return bolt11
    },
  })
  const { bolt11 } = await wallet.backend.createInvoice(requestOf({ amountMsat: fundsMsat }), never)
  await wallet.pay(bolt11)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await Promise.all([service.close(), wallet.close(), server.close()])
})

/** On disk, so that they outlive a crash. */
const reports: unknown[] = []
const report = (error: unknown) => void reports.push(error)
const remembered = rememberedIn(asked)
const jobs = () =>
  service.environment.reader.range(tables.jobs, []).map(({ key: [id], row }) => ({ id, ...row }) as unknown as Job)

/** One try of the first job by workers that have just been started, and what it comes to. */
async function attempt() {
  const [job] = jobs()
  const askAddress = createLnurlPay({ ...server.guard, port: server.port, now: wallet.now, timeoutMs: 500 })
  if (job?.type === 'resolve-address') return resolveAddressWorker(askAddress).attempt(job, never)
  if (job?.type === 'pay-invoice')
    return payInvoiceWorker({
      backend: wallet.backend,
      isOpen: () => true,
      asked: remembered,
      now: wallet.now,
      report,
    }).attempt(job, never)
  throw new Error('there is nothing to do')
}
async function work(): Promise<void> {
  const fact = await attempt()
  if (fact === null) throw new Error('nobody answers')
  await service.appendFact(fact)
}
const balance = () => service.query(alice, 'balance.get', {}).body.balanceMsat
const spent = async () => fundsMsat - (await wallet.backend.balanceMsat(never))
const last = () => service.notices(alice).at(-1)
const withdraw = (params: object = {}) =>
  service.send(alice, 'balance.withdraw', { lightningAddress: refundTo, amountMsat: 1_000_000, ...params })
/** An order paid with too little, which goes back to an address. */
async function refund(): Promise<void> {
  service.send(alice, 'identifier.register', { identifier: 'alice@example.com', refundTo })
  await service.settle(await service.walletAnswers(), 1_010_000)
}

describe('a withdrawal to an address', () => {
  it('is paid by an invoice that the address gives', async () => {
    await service.fund(alice, fundsMsat)
    withdraw({ comment: 'rent' })
    await work()
    await work()
    expect([balance(), await spent()]).toEqual([fundsMsat - 1_002_000, 1_002_000])
    expect(last()).toMatchObject({ type: 'withdrawal.paid' })
    expect(server.calls.at(-1)?.query.get('comment')).toBe('rent')
  })

  it('ends with the words of the address when it refuses', async () => {
    await service.fund(alice, fundsMsat)
    withdraw({ amountMsat: 1 })
    await work()
    expect(last()).toMatchObject({
      body: { withdrawal: { status: 'failed', reason: 'it takes no less than 1000 msat' } },
    })
    expect([balance(), jobs()]).toEqual([fundsMsat, []])
  })

  it('waits for an address that does not answer, until it is given up', async () => {
    await service.fund(alice, fundsMsat)
    withdraw()
    server.fail('callback', 'unavailable')
    expect(await attempt()).toBe(null)
    const [job] = jobs()
    if (job?.type !== 'resolve-address') throw new Error('no address is asked')
    const away = new AddressUnavailable('its server does not answer (ENOTFOUND)')
    const worker = resolveAddressWorker(() => Promise.reject(away))
    expect(await worker.attempt(job, never)).toBe(null)
    const fact = worker.giveUp(job)
    if (fact === null) throw new Error('it is never given up')
    await service.appendFact(fact)
    expect(last()).toMatchObject({
      body: { withdrawal: { reason: expect.stringMatching(/ENOTFOUND.*nothing was paid/) } },
    })
    expect([balance(), await spent()]).toEqual([fundsMsat, 0])
  })

  it('pays one invoice when two were asked for because of a crash', async () => {
    await service.fund(alice, fundsMsat)
    withdraw()
    // The answer of the first try is lost with the process, or only late.
    const late = await attempt()
    await work()
    if (late !== null) expect(await service.appendFact(late)).toBe(false)
    await work()
    expect(given).toHaveLength(2)
    expect([jobs(), await spent()]).toEqual([[], 1_002_000])
    expect(await wallet.backend.lookUpPayment({ idempotencyKey: '', paymentHash: given[0] ?? '' }, never)).toBe(null)
  })

  it('asks few of one domain at once, so that a slow server leaves room for others', async () => {
    await service.fund(alice, fundsMsat)
    withdraw()
    const [job] = jobs()
    if (job?.type !== 'resolve-address') throw new Error('no address is asked')
    const at = (lightningAddress: string) => ({ ...job, payload: { ...job.payload, lightningAddress } })
    let answer: (answer: AddressAnswer) => void = () => undefined
    const slow = new Promise<AddressAnswer>(resolve => {
      answer = resolve
    })
    const worker = resolveAddressWorker(() => slow)
    const theirs = ['a@one.slow.example', 'b@two.slow.example', 'c@slow.example']
    const first = theirs.map(address => worker.attempt(at(address), never))
    expect(await worker.attempt(at('d@three.slow.example'), never)).toBe(null)
    const other = worker.attempt(at('d@quick.example'), never)
    answer({ status: 'refused', reason: 'a'.repeat(300) })
    expect(await Promise.all([...first, other])).toMatchObject(Array(4).fill({ params: { reason: 'a'.repeat(256) } }))
    expect(await worker.attempt(job, never)).not.toBe(null)
  })

  it('leaves room again after an address that never answers, and says so when it is given up', async () => {
    await service.fund(alice, fundsMsat)
    withdraw()
    const [job] = jobs()
    if (job?.type !== 'resolve-address') throw new Error('no address is asked')
    const asked: string[] = []
    const worker = resolveAddressWorker(({ lightningAddress }) => new Promise(() => asked.push(lightningAddress)))
    const ended = new AbortController()
    const first = Array.from({ length: 3 }, () => worker.attempt(job, ended.signal))
    ended.abort()
    expect(await Promise.all(first)).toEqual([null, null, null])
    expect(worker.giveUp(job)).toMatchObject({ params: { reason: expect.stringContaining('does not answer in time') } })
    void worker.attempt(job, never)
    expect(asked).toHaveLength(4)
  })

  it('leaves room again after an address that did not answer, and reports faults of our own', async () => {
    await service.fund(alice, fundsMsat)
    withdraw()
    const [job] = jobs()
    if (job?.type !== 'resolve-address') throw new Error('no address is asked')
    const errors = [...Array(9).fill(new AddressUnavailable('away')), new Error('a bug')]
    const worker = resolveAddressWorker(() => Promise.reject(errors.shift()))
    for (let count = 0; count < 9; count++) expect(await worker.attempt(job, never)).toBe(null)
    await expect(worker.attempt(job, never)).rejects.toThrow('a bug')
  })
})

describe('a refund', () => {
  it('is paid, and what its fee did not take is the customer’s', async () => {
    await refund()
    await work()
    await work()
    expect([balance(), await spent()]).toEqual([10_000 - 2_000, 1_002_000])
    expect(last()).toMatchObject({ type: 'order.refunded', body: { to: refundTo, amountMsat: 1_000_000 } })
  })

  it('is paid once when the service stops after the wallet was asked', async () => {
    await refund()
    await work()
    // The wallet pays, and its answer goes down with the process: what was asked stands on disk.
    expect(await attempt()).toMatchObject({ params: { outcome: { status: 'paid' } } })
    wallet.fail('lookup', 'unavailable')
    expect(await attempt()).toBe(null)
    await work()
    expect([jobs(), balance(), await spent()]).toEqual([[], 8_000, 1_002_000])
  })

  it('is paid once when the wallet’s answer is lost', async () => {
    await refund()
    await work()
    wallet.fail('pay', 'drop-after')
    expect(await attempt()).toBe(null)
    await work()
    expect([balance(), await spent()]).toEqual([8_000, 1_002_000])
  })

  it.each(['paid', 'failed'] as const)(
    'waits for the word of the wallet when its outcome is unknown: %s',
    async end => {
      fate = 'stuck'
      await refund()
      await work()
      for (let count = 0; count < 3; count++) expect(await attempt()).toBe(null)
      wallet.advance(30 * 86_400)
      expect([await attempt(), balance()]).toEqual([null, 0])
      await wallet.decide(given[0] ?? '', end)
      await work()
      expect(given).toHaveLength(1)
      expect(balance()).toBe(end === 'paid' ? 10_000 - 2_000 : 1_010_000)
      expect(last()?.type).toBe(end === 'paid' ? 'order.refunded' : 'withdrawal.failed')
    },
  )
})

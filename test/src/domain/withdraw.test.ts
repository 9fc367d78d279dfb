import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { InvoiceFields } from '../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { paymentEnded } from '../../../src/domain/billing/withdraw-facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, type TestService } from '../service.ts'
import { contradictions } from './books.ts'
import { contentsOf } from './contents.ts'
import { amountlessInvoice, mainnetInvoice, outsideInvoice } from './outside-invoice.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const fundsMsat = 5_000_000
const amountMsat = 2_000_000
/** 1 % of the amount. */
const reserveMsat = 20_000

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, fundsMsat)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const invoice = (changes: Partial<InvoiceFields> = {}) =>
  outsideInvoice({ amountMsat, timestamp: service.clock.time, ...changes })

const withdraw = (bolt11 = invoice(), params: object = {}, by = alice) =>
  service.send(by, 'balance.withdraw', { bolt11, ...params })
const balance = (key = alice) => service.query(key, 'balance.get', {}).body.balanceMsat
const last = () => service.notices(alice).at(-1)
const only = () => {
  const [found] = service.environment.reader.range(tables.withdrawals, [])
  return { id: found?.key[0] ?? '', row: found?.row }
}
/** The wallet's word on the oldest payment. */
async function walletSays(outcome: object): Promise<void> {
  const job = service.environment.reader.range(tables.jobs, []).find(({ row }) => row.type === 'pay-invoice')
  if (job === undefined) throw new Error('nothing is to be paid')
  const { withdrawalId } = job.row.payload as { withdrawalId: string }
  const params = { jobId: job.key[0], withdrawalId, outcome }
  await service.appendFact({ method: paymentEnded, params, dedupeKey: `payment:${withdrawalId}:ended` })
}
const paid = (feeMsat: number) => walletSays({ status: 'paid', preimage: 'cc'.repeat(32), feeMsat })
const failed = () => walletSays({ status: 'failed', reason: 'no route' })

describe('balance.withdraw', () => {
  it('takes the amount and what the fee may be, pays, and gives back what was not spent', async () => {
    expect(withdraw()).toMatchObject({
      status: 'ok',
      body: { withdrawal: { status: 'paying', maxFeeMsat: reserveMsat } },
    })
    expect(balance()).toBe(fundsMsat - amountMsat - reserveMsat)
    await paid(3_000)
    expect(balance()).toBe(fundsMsat - amountMsat - 3_000)
    expect(last()).toMatchObject({
      type: 'withdrawal.paid',
      body: { withdrawal: { id: only().id, status: 'paid', feeMsat: 3_000, preimage: 'cc'.repeat(32) } },
    })
  })

  it('gives everything back when the payment fails, and may be tried again', async () => {
    withdraw()
    await failed()
    expect(balance()).toBe(fundsMsat)
    expect(last()).toMatchObject({ type: 'withdrawal.failed', body: { withdrawal: { reason: 'no route' } } })
    expect(withdraw().status).toBe('ok')
    await paid(0)
    expect(balance()).toBe(fundsMsat - amountMsat)
  })

  it('holds on to the money as long as nobody knows what became of it', async () => {
    withdraw()
    await service.advance(30 * 86_400)
    expect(balance()).toBe(fundsMsat - amountMsat - reserveMsat)
    expect(only().row?.status).toBe('paying')
    await failed()
  })

  it('costs the customer at most what was allowed, whatever the wallet spent', async () => {
    withdraw()
    await paid(reserveMsat + 500)
    expect(balance()).toBe(fundsMsat - amountMsat - reserveMsat)
    expect(service.environment.reader.get(tables.balances, ['fees'])?.msat).toBe(-500)
  })

  it('allows the fee that the customer says', () => {
    expect(withdraw(invoice(), { maxFeeMsat: 7 })).toMatchObject({ body: { withdrawal: { maxFeeMsat: 7 } } })
    expect(balance()).toBe(fundsMsat - amountMsat - 7)
    const [job] = service.environment.reader.range(tables.jobs, [])
    expect(job?.row).toMatchObject({ type: 'pay-invoice', payload: { maxFeeMsat: 7, reserveMsat } })
  })

  it('allows the least fee for small amounts', () => {
    expect(withdraw(invoice({ amountMsat: 1_000 }))).toMatchObject({ body: { withdrawal: { maxFeeMsat: 10_000 } } })
  })

  it('cannot be spent twice', async () => {
    withdraw(invoice({ amountMsat: 3_000_000 }))
    const again = invoice({ amountMsat: 3_000_000, paymentHash: 'ab'.repeat(32) })
    expect(withdraw(again).body).toMatchObject({ code: 'INSUFFICIENT_BALANCE', details: { balanceMsat: 1_970_000 } })
    await failed()
    expect(withdraw(again).status).toBe('ok')
  })

  it.each<[string, string, () => string]>([
    ['PAYMENT_FAILED', 'is no invoice', () => 'lnbcrt1notaninvoice'],
    ['PAYMENT_FAILED', 'is empty', () => ''],
    ['PAYMENT_FAILED', 'was altered', () => invoice().replace(/.$/, letter => (letter === 'q' ? 'p' : 'q'))],
    ['PAYMENT_FAILED', 'is of another network', () => mainnetInvoice],
    ['PAYMENT_FAILED', 'names no amount', () => amountlessInvoice],
    ['INVOICE_EXPIRED', 'has expired', () => invoice({ timestamp: service.clock.time - 601 })],
    ['INVOICE_EXPIRED', 'is about to expire', () => invoice({ timestamp: service.clock.time - 571 })],
    ['INSUFFICIENT_BALANCE', 'is for more than there is', () => invoice({ amountMsat: fundsMsat })],
    [
      'INSUFFICIENT_BALANCE',
      'is for more than anybody has',
      () => invoice({ amountMsat: Number.MAX_SAFE_INTEGER - 1 }),
    ],
    [
      'ALREADY_PAID',
      'is being paid',
      () => {
        withdraw()
        return invoice()
      },
    ],
  ])('refuses with %s what %s, and nothing has moved', (code, _what, bolt11) => {
    const asked = bolt11()
    const before = contentsOf(service.environment)
    expect(withdraw(asked).body).toMatchObject({ code })
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it('does not pay an invoice of the service itself', async () => {
    service.send(bob, 'balance.topup', { amountMsat: 1_000 })
    const paymentHash = await service.walletAnswers()
    const before = contentsOf(service.environment)
    expect(withdraw(invoice({ paymentHash })).body).toMatchObject({ code: 'CONFLICT' })
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it('does not pay again what was paid', async () => {
    withdraw()
    await paid(0)
    const before = contentsOf(service.environment)
    expect(withdraw().body).toMatchObject({ code: 'ALREADY_PAID' })
    expect(withdraw(invoice(), {}, bob).body).toMatchObject({ code: 'ALREADY_PAID' })
    expect(contentsOf(service.environment)).toEqual(before)
  })
})

describe('withdrawal.decide', () => {
  const decide = (outcome: object, by = operator) =>
    service.send(by, 'withdrawal.decide', { withdrawalId: only().id, outcome })
  const jobs = () => service.environment.reader.range(tables.jobs, [])

  it.each([
    ['paid', { status: 'paid', preimage: '', feeMsat: 3 }, 2_000_003],
    ['failed', { status: 'failed', reason: 'the node is gone' }, 0],
  ])('ends what no wallet tells of: %s', (status, outcome, spentMsat) => {
    withdraw()
    expect(decide(outcome).body).toMatchObject({ withdrawal: { status } })
    expect([balance(), jobs()]).toEqual([fundsMsat - spentMsat, []])
    expect(decide({ status: 'failed', reason: 'again' }).body).toMatchObject({ code: 'CONFLICT' })
  })

  it('is final, whatever the wallet says later', async () => {
    withdraw()
    const [job] = jobs()
    decide({ status: 'failed', reason: 'the node is gone' })
    const params = {
      jobId: job?.key[0],
      withdrawalId: only().id,
      outcome: { status: 'paid', preimage: '', feeMsat: 0 },
    }
    await service.appendFact({ method: paymentEnded, params, dedupeKey: 'late' })
    expect(balance()).toBe(fundsMsat)
  })

  it('is for operators', () => {
    withdraw()
    expect(decide({ status: 'failed', reason: 'x' }, alice).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(
      service.send(operator, 'withdrawal.decide', {
        withdrawalId: 'ab'.repeat(16),
        outcome: { status: 'failed', reason: 'x' },
      }).body,
    ).toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('withdrawals', () => {
  it('are shown to their customer alone', async () => {
    withdraw()
    await paid(1)
    const { id } = only()
    expect(service.query(alice, 'withdrawal.get', { withdrawalId: id }).body).toMatchObject({ id, status: 'paid' })
    expect(service.query(alice, 'withdrawal.list', {}).body).toMatchObject({ withdrawals: [{ id }] })
    expect(service.query(bob, 'withdrawal.get', { withdrawalId: id }).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(service.query(bob, 'withdrawal.list', {}).body).toEqual({ withdrawals: [] })
  })
})

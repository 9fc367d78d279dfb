import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, startTime, type TestService, testSettings } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const balance = (key = alice, params: object = {}) => service.query(key, 'balance.get', params).body

describe('balance.topup', () => {
  it.each([
    { case: 'what was asked', received: 5_000, wait: 0, balanceMsat: 5_000, told: 'order.fulfilled' },
    { case: 'more', received: 6_000, wait: 0, balanceMsat: 6_000, told: 'order.fulfilled' },
    { case: 'less', received: 4_000, wait: 0, balanceMsat: 4_000, told: 'order.credited' },
    { case: 'it late', received: 5_000, wait: 100_000, balanceMsat: 5_000, told: 'order.fulfilled' },
  ])('adds what arrives when somebody pays $case', async ({ received, wait, balanceMsat, told }) => {
    service.send(alice, 'balance.topup', { amountMsat: 5_000 })
    const hash = await service.walletAnswers()
    await service.advance(wait)
    await service.settle(hash, received)
    expect(balance()).toMatchObject({ balanceMsat })
    expect(service.notices(alice).at(-1)?.type).toBe(told)
  })

  it('adds nothing when nothing arrives, and a payment once', async () => {
    service.send(alice, 'balance.topup', { amountMsat: 5_000 })
    const hash = await service.walletAnswers()
    expect(balance()).toMatchObject({ balanceMsat: 0 })
    expect([await service.settle(hash, 5_000), await service.settle(hash, 5_000)]).toEqual([true, false])
    expect(balance()).toMatchObject({ balanceMsat: 5_000 })
  })

  it.each([
    ['failed', 'PAYMENT_UNAVAILABLE', /does not answer/],
    ['refused', 'PAYMENT_FAILED', /does not make this invoice/],
  ] as const)('fails when the wallet does: %s', async (outcome, code, message) => {
    const { id } = service.send(alice, 'balance.topup', { amountMsat: 5_000 })
    await service.walletAnswers(outcome)
    expect(service.resultOf(id, alice)?.body).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('asks for no more than an invoice may', () => {
    const { maxInvoiceMsat } = testSettings.orders
    const most = service.send(alice, 'balance.topup', { amountMsat: maxInvoiceMsat })
    expect(most.status).toBe('pending')
    const amountMsat = maxInvoiceMsat + 1
    const { body } = service.send(alice, 'balance.topup', { amountMsat })
    expect(body).toMatchObject({ code: 'LIMIT_REACHED', details: { amountMsat, maxInvoiceMsat } })
    expect(service.environment.reader.range(tables.jobs, [])).toHaveLength(1)
  })

  it.each([0, -1, 1.5, 100_000_000_000_001, '5'])('refuses %s at admission', amountMsat => {
    const applied = service.apply(service.sign(alice, 2410, 'balance.topup', { amountMsat }))
    expect(applied).toMatchObject({ code: 'INVALID_PARAMS' })
  })
})

describe('balance.get', () => {
  it("shows the caller's own movements, newest first and no more than asked for", async () => {
    await service.fund(alice, 5_000_000)
    await service.fund(bob, 1)
    await service.advance(10)
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' })
    expect(balance()).toMatchObject({
      balanceMsat: 3_500_000,
      postings: [
        { amountMsat: -1_500_000, reason: 'sale:revenue', time: startTime + 10 },
        { amountMsat: 5_000_000, reason: 'settlement', time: startTime },
      ],
    })
    expect(balance(alice, { limit: 1 }).postings).toHaveLength(1)
    expect(balance(bob)).toMatchObject({ balanceMsat: 1, postings: [{ amountMsat: 1 }] })
    expect(balance(operator)).toEqual({ balanceMsat: 0, postings: [] })
  })

  it('answers nobody about somebody else', () => {
    expect(() => balance(operator, { account: alice.publicKey })).toThrow('INVALID_PARAMS')
  })
})

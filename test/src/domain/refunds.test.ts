import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { paymentEnded, withdrawalResolved, withdrawalUnresolved } from '../../../src/domain/billing/withdraw-facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, staff, type TestService, testSettings } from '../service.ts'
import { contradictions } from './books.ts'
import { outsideInvoice } from './outside-invoice.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'
const priceMsat = 1_500_000
const refundTo = 'alice@wallet.example'
const everyName = { validFrom: 0, validUntil: 2 ** 40, maxUses: null, usesPerAccount: 1, items: ['identifier'] }
const coupons = [
  { ...everyName, code: 'HALF', percent: 50, amountMsat: null },
  { ...everyName, code: 'GIFT', percent: 100, amountMsat: null },
]

let service: TestService
beforeEach(async () => {
  service = await openService({ ...testSettings, coupons })
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const register = (params: object = {}, by = alice) =>
  service.send(by, 'identifier.register', { identifier, refundTo, ...params })
const balance = (key = alice) => service.query(key, 'balance.get', {}).body.balanceMsat
const types = (key = alice) => service.notices(key).map(({ type }) => type)
const last = (key = alice) => service.notices(key).at(-1)
/** The first order that is no top-up. */
const order = () => {
  const found = service.environment.reader.range(tables.orders, []).find(one => one.row.items[0]?.sellable !== 'top-up')
  if (found === undefined) throw new Error('nothing was ordered')
  return { id: found.key[0], ...found.row }
}
const withdrawals = () => service.environment.reader.range(tables.withdrawals, []).map(({ row }) => row)
const job = (type: string) => {
  const found = service.environment.reader.range(tables.jobs, []).find(({ row }) => row.type === type)
  if (found === undefined) throw new Error(`there is no ${type} to do`)
  const payload = found.row.payload as { withdrawalId: string; amountMsat: number; lightningAddress: string }
  return { jobId: found.key[0], ...payload }
}
/** The address gives an invoice, as asked for. */
async function resolve(): Promise<void> {
  const { jobId, withdrawalId, amountMsat } = job('resolve-address')
  const paymentHash = createHash('sha256').update(withdrawalId).digest('hex')
  const bolt11 = outsideInvoice({ paymentHash, amountMsat, timestamp: service.clock.time })
  const dedupeKey = `withdrawal:${withdrawalId}:resolved`
  await service.appendFact({ method: withdrawalResolved, params: { jobId, withdrawalId, bolt11 }, dedupeKey })
}
async function pays(outcome: object): Promise<void> {
  const { jobId, withdrawalId } = job('pay-invoice')
  const dedupeKey = `payment:${withdrawalId}:ended`
  await service.appendFact({ method: paymentEnded, params: { jobId, withdrawalId, outcome }, dedupeKey })
}
const paid = (feeMsat: number) => pays({ status: 'paid', preimage: 'cc'.repeat(32), feeMsat })
/** Somebody else has the name meanwhile. */
const taken = async () => {
  await service.advance(1_300)
  await service.fund(bob, 5_000_000)
  service.send(bob, 'identifier.register', { identifier, pay: 'balance', records: [] })
}

describe('an order paid in vain that says where refunds go', () => {
  it('sends what arrived there, less the fee, and says so when it is paid', async () => {
    register()
    const paymentHash = await service.walletAnswers()
    await taken()
    // A day later the name's lapsed hold is over, and the name another's.
    await service.advance(86_400)
    service.send(bob, 'identifier.register', { identifier, pay: 'balance' })
    await service.settle(paymentHash, priceMsat)
    // 1,485,000 and the 1 % for the fee, which is 14,850; what is less than a satoshi stays.
    expect(last()).toMatchObject({
      type: 'order.credited',
      body: { order: { status: 'credited', refundTo }, withdrawal: { status: 'resolving', amountMsat: 1_485_000 } },
    })
    expect(job('resolve-address')).toMatchObject({ lightningAddress: refundTo, amountMsat: 1_485_000 })
    expect(balance()).toBe(priceMsat - 1_485_000 - 14_850)
    await resolve()
    await paid(4_850)
    expect(balance()).toBe(priceMsat - 1_485_000 - 4_850)
    expect(types().slice(-2)).toEqual(['withdrawal.paid', 'order.refunded'])
    expect(last()).toMatchObject({
      body: { order: { id: order().id }, amountMsat: 1_485_000, to: refundTo },
    })
  })

  it.each<[string, (paymentHash: string, orderId: string) => Promise<void> | void]>([
    ['cancelled', (_hash, orderId) => void service.send(alice, 'order.cancel', { orderId })],
    [
      'paid from the balance',
      async (_hash, orderId) => {
        await service.fund(alice, priceMsat)
        const invoiceId = service.environment.reader.get(tables.orders, [orderId])?.invoiceId
        service.send(alice, 'invoice.pay', { from: 'balance', invoiceId })
      },
    ],
  ])('sends a payment of what was %s before', async (_what, before) => {
    register()
    const paymentHash = await service.walletAnswers()
    await before(paymentHash, order().id)
    await service.settle(paymentHash, priceMsat)
    expect(withdrawals()).toMatchObject([{ status: 'resolving', lightningAddress: refundTo, amountMsat: 1_485_000 }])
  })

  it('sends what was too little', async () => {
    register()
    await service.settle(await service.walletAnswers(), 100_000)
    expect(withdrawals()).toMatchObject([{ amountMsat: 90_000, maxFeeMsat: 10_000 }])
    expect(balance()).toBe(0)
  })

  it('sends what a hold invoice brought too little of', async () => {
    register()
    const paymentHash = await service.walletAnswers('held')
    await service.accept(paymentHash, priceMsat)
    await service.endHold({ receivedMsat: priceMsat - 1_000 })
    expect(order().status).toBe('credited')
    expect(withdrawals()).toMatchObject([{ status: 'resolving', amountMsat: 1_484_000 }])
  })

  it('sends it once, however often the payment is told', async () => {
    register()
    const paymentHash = await service.walletAnswers()
    for (let count = 0; count < 3; count++) await service.settle(paymentHash, 100_000)
    await resolve()
    await paid(0)
    await service.settle(paymentHash, 100_000)
    expect(withdrawals()).toHaveLength(1)
    expect(types().filter(type => type === 'order.refunded')).toHaveLength(1)
  })

  it.each([
    ['what does not cover the fee', 10_999, refundTo],
    ['anything without an address', priceMsat - 1, undefined],
  ])('leaves on the balance %s', async (_what, receivedMsat, to) => {
    register({ refundTo: to })
    await service.settle(await service.walletAnswers(), receivedMsat)
    expect([balance(), withdrawals()]).toEqual([receivedMsat, []])
    expect(last()).toMatchObject({ type: 'order.credited' })
  })

  it('leaves on the balance what the address does not take, and what cannot be paid', async () => {
    register()
    await service.settle(await service.walletAnswers(), 100_000)
    const { jobId, withdrawalId } = job('resolve-address')
    const params = { jobId, withdrawalId, reason: 'nobody there' }
    await service.appendFact({ method: withdrawalUnresolved, params, dedupeKey: 'a' })
    expect([balance(), last()?.type]).toEqual([100_000, 'withdrawal.failed'])
    register({ identifier: 'other@example.com' })
    await service.settle(await service.walletAnswers(), 200_000)
    await resolve()
    await pays({ status: 'failed', reason: 'no route' })
    expect([balance(), last()?.type]).toEqual([300_000, 'withdrawal.failed'])
    expect(types()).not.toContain('order.refunded')
  })

  it('keeps the money set aside as long as nobody knows what became of it', async () => {
    register()
    await service.settle(await service.walletAnswers(), 100_000)
    await resolve()
    await service.advance(30 * 86_400)
    expect([balance(), withdrawals()[0]?.status]).toEqual([0, 'paying'])
    await paid(10_000)
  })

  it('needs nothing of the kind when it is fulfilled, even with more than it asks for', async () => {
    register()
    await service.settle(await service.walletAnswers(), priceMsat + 500_000)
    expect([balance(), withdrawals(), last()?.type]).toEqual([500_000, [], 'order.fulfilled'])
  })

  it.each(['alice', 'alice@abc.onion', 'alice@127.0.0.1', 7])('is not understood with the address %s', to => {
    expect(() => register({ refundTo: to })).toThrow('INVALID_PARAMS')
  })
})

describe('order.refund', () => {
  const refund = (orderId: unknown, by = operator) =>
    service.send(by, 'order.refund', { orderId, reason: 'sold by mistake' })
  const bought = async (params: object = {}) => {
    await service.fund(alice, 2_000_000)
    const { status, body } = register({ pay: 'balance', refundTo: undefined, ...params })
    expect(status).toBe('ok')
    return (body.order as { id: string }).id
  }
  const revenue = () => service.environment.reader.get(tables.balances, ['revenue'])?.msat

  it('gives the price back once; the name stays its owner’s', async () => {
    const orderId = await bought()
    expect(refund(orderId)).toMatchObject({
      status: 'ok',
      body: { order: { id: orderId, status: 'refunded' }, refundedMsat: priceMsat },
    })
    expect([balance(), revenue()]).toEqual([2_000_000, 0])
    expect(last()).toMatchObject({
      type: 'order.refunded',
      body: { order: { status: 'refunded' }, amountMsat: priceMsat, to: 'balance', reason: 'sold by mistake' },
    })
    expect(service.query(bob, 'identifier.get', { identifier }).body.owner).toBe(alice.publicKey)
    expect(refund(orderId).body).toMatchObject({ code: 'CONFLICT' })
    expect(balance()).toBe(2_000_000)
  })

  it('sends it to the address of the order, and says so when it is paid', async () => {
    const orderId = await bought({ refundTo })
    expect(refund(orderId).body).toMatchObject({ withdrawal: { status: 'resolving', amountMsat: 1_485_000 } })
    await resolve()
    await paid(0)
    expect(balance()).toBe(2_000_000 - 1_485_000)
    expect(types().slice(-3)).toEqual(['order.refunded', 'withdrawal.paid', 'order.refunded'])
    expect(last()).toMatchObject({ body: { order: { status: 'refunded' }, amountMsat: 1_485_000, to: refundTo } })
  })

  it('gives back what was paid with a coupon, whose use stays used', async () => {
    const orderId = await bought({ coupon: 'HALF' })
    expect(refund(orderId).body).toMatchObject({ refundedMsat: 750_000 })
    expect(balance()).toBe(2_000_000)
    expect(register({ identifier: 'bb@example.com', pay: 'balance', coupon: 'HALF' }).body).toMatchObject({
      code: 'COUPON_INVALID',
    })
  })

  it('leaves the reward of whoever brought the customer', async () => {
    const code = service.send(bob, 'referral.create', {}).body.code
    service.send(alice, 'referral.claim', { code })
    const orderId = await bought()
    refund(orderId)
    expect(balance(bob)).toBe(150_000)
    expect(service.query(bob, 'referral.get', {}).body).toMatchObject({ pending: 0, converted: 1, earnedMsat: 150_000 })
    await bought({ identifier: 'second@example.com' })
    expect(balance(bob)).toBe(150_000)
  })

  it('lets nothing more happen to the order', async () => {
    register()
    const paymentHash = await service.walletAnswers()
    const invoiceId = order().invoiceId
    await service.fund(alice, priceMsat)
    service.send(alice, 'invoice.pay', { from: 'balance', invoiceId })
    refund(order().id)
    expect(service.send(alice, 'invoice.pay', { from: 'balance', invoiceId }).body).toMatchObject({
      code: 'ALREADY_PAID',
    })
    expect(service.send(alice, 'order.cancel', { orderId: order().id }).body).toMatchObject({
      code: 'ALREADY_PAID',
    })
    await service.settle(paymentHash, priceMsat)
    expect(order().status).toBe('refunded')
    expect(withdrawals().map(({ amountMsat }) => amountMsat)).toEqual([1_485_000, 1_485_000])
  })

  it('has a payment that waits for the order given back', async () => {
    register()
    const paymentHash = await service.walletAnswers('held')
    await service.fund(alice, priceMsat)
    service.send(alice, 'invoice.pay', { from: 'balance', invoiceId: order().invoiceId })
    refund(order().id)
    await service.accept(paymentHash, priceMsat)
    expect(last()).toMatchObject({ type: 'invoice.cancelled', body: { reason: 'the order was settled before' } })
    expect(await service.endHold(null)).toBe('cancel-hold')
    expect(order().status).toBe('refunded')
    expect(withdrawals()).toHaveLength(1)
  })

  it.each<[string, string, () => Promise<unknown> | unknown]>([
    ['NOT_FOUND', 'is not there', () => '0'.repeat(32)],
    ['CONFLICT', 'is not paid', () => void register()],
    [
      'CONFLICT',
      'was given up',
      () => {
        register()
        service.send(alice, 'order.cancel', { orderId: order().id })
      },
    ],
    [
      'CONFLICT',
      'was a top-up',
      async () => {
        await service.fund(alice, 1_000)
        return service.environment.reader.range(tables.orders, [])[0]?.key[0]
      },
    ],
    ['CONFLICT', 'cost nothing', () => void register({ pay: 'balance', coupon: 'GIFT' })],
    [
      'CONFLICT',
      'was credited',
      async () => {
        register()
        const paymentHash = await service.walletAnswers('held')
        await service.accept(paymentHash, priceMsat)
        await service.endHold({ receivedMsat: 1 })
      },
    ],
  ])('refuses with %s what %s', async (code, _what, prepare) => {
    const orderId = await prepare()
    const before = balance()
    expect(refund(orderId ?? order().id).body).toMatchObject({ code })
    expect(balance()).toBe(before)
  })

  it.each([
    ['the customer', alice],
    ['support staff', staff],
    ['a stranger', bob],
  ])('is not for %s', async (_who, by) => {
    const orderId = await bought()
    expect(refund(orderId, by).body).toMatchObject({ code: 'UNAUTHORIZED' })
  })
})

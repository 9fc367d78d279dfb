import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rateObserved } from '../../../src/domain/billing/rates.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, type TestService, testSettings } from '../service.ts'
import { closeIntact } from './close-intact.ts'

const alice = keyOf(2)
const identifier = 'alice@euro.example'
/** 4.99 EUR and 0.10 EUR for each of five letters. */
const priced = {
  name: 'euro.example',
  basePriceMsat: 0,
  pricePerCharMsat: 0,
  ttlSeconds: 60,
  open: true,
  fiat: { currency: 'EUR', baseMinor: 499, perCharMinor: 10 },
}
const settings = {
  ...testSettings,
  domains: [...testSettings.domains, priced],
  items: [
    ...testSettings.items,
    { id: 'mug', description: 'a mug', priceMsat: 0, fiat: { currency: 'USD', amountMinor: 1_250 } },
    { id: 'tea', description: 'tea', priceMsat: 0, fiat: { currency: 'EUR', amountMinor: 300 } },
  ],
}

let service: TestService
let observed: number
beforeEach(async () => {
  service = await openService(settings)
  observed = 0
})
afterEach(() => closeIntact(service))

const observe = (perBitcoin: string, currency = 'EUR', observedAt = service.clock.time) =>
  service.appendFact({
    method: rateObserved,
    params: { currency, perBitcoin, sources: ['coinbase', 'kraken'], observedAt },
    dedupeKey: `rate:${++observed}`,
  })
const quote = (params: object = {}) => service.query(alice, 'identifier.quote', { identifier, ...params })
const register = (params: object = {}) => service.send(alice, 'identifier.register', { identifier, ...params })
const orders = () => service.environment.reader.range(tables.orders, []).map(({ row }) => row)
const unavailable = { status: 'error', body: { code: 'PAYMENT_UNAVAILABLE' } }
/** At 50,000 EUR a bitcoin, a cent is 20,000 msat. */
const rate = { currency: 'EUR', perBitcoin: '50000', sources: ['coinbase', 'kraken'] }

describe('a name priced in a currency', () => {
  it('is quoted with its price there, what that is now, and the rate', async () => {
    await observe('50000')
    expect(quote().body).toMatchObject({
      status: 'available',
      lines: [
        { amountMsat: 9_980_000, fiat: { currency: 'EUR', amountMinor: 499 } },
        { amountMsat: 1_000_000, fiat: { currency: 'EUR', amountMinor: 50 } },
      ],
      totalMsat: 10_980_000,
      rates: [{ ...rate, observedAt: service.clock.time }],
    })
    expect(quote({ identifier: 'alice@example.com' }).body).not.toHaveProperty('rates')
  })

  it('is bought at the rate of that time, which stays on the order with the price', async () => {
    await service.fund(alice, 20_000_000)
    await observe('50000')
    const observedAt = service.clock.time
    const bought = register({ pay: 'balance' })
    await service.advance(60)
    await observe('100000')
    const { id: orderId } = bought.body.order as { id: string }
    for (const body of [bought.body.order, service.query(alice, 'order.get', { orderId }).body]) {
      expect(body).toMatchObject({ totalMsat: 10_980_000, rates: [{ ...rate, observedAt }] })
    }
    expect(service.query(alice, 'balance.get', {}).body.balanceMsat).toBe(20_000_000 - 10_980_000)
    expect(quote({ renew: true }).body).toMatchObject({ status: 'renewable', totalMsat: 5_490_000 })
  })

  it('keeps its price while the invoice is open, and is handed over though the rate has grown old', async () => {
    await observe('50000')
    register()
    const paymentHash = await service.walletAnswers()
    await service.advance(890)
    expect(quote({ identifier: 'bob@euro.example' })).toMatchObject(unavailable)
    await service.settle(paymentHash, 10_980_000)
    expect(service.notices(alice).at(-1)).toMatchObject({
      type: 'order.fulfilled',
      body: { order: { totalMsat: 10_980_000 } },
    })
  })

  it('is renewed in the same way, also when the rate has grown old meanwhile', async () => {
    await service.fund(alice, 20_000_000)
    await observe('50000')
    register({ pay: 'balance' })
    service.send(alice, 'identifier.renew', { identifier, years: 2 })
    const paymentHash = await service.walletAnswers()
    expect(orders().filter(({ status }) => status === 'invoiced')).toMatchObject([
      { totalMsat: 21_960_000, rates: [rate] },
    ])
    await service.advance(890)
    await service.settle(paymentHash, 21_960_000)
    expect(service.notices(alice).at(-1)).toMatchObject({ type: 'order.fulfilled' })
    expect(service.send(alice, 'identifier.renew', { identifier })).toMatchObject(unavailable)
  })

  it('asks an invoice for whole satoshis, and what is too much stays on the balance', async () => {
    await observe('70000')
    register()
    const [order] = orders()
    expect(order?.totalMsat).toBe(7_128_572 + 714_286)
    const paymentHash = await service.walletAnswers()
    const { row } = service.environment.reader.range(tables.invoices, [])[0] ?? {}
    expect(row?.amountMsat).toBe(7_843_000)
    await service.settle(paymentHash, 7_843_000)
    expect(service.query(alice, 'balance.get', {}).body.balanceMsat).toBe(7_843_000 - 7_842_858)
  })

  it.each<[string, () => unknown]>([
    ['no rate', () => undefined],
    [
      'a rate that is too old',
      async () => {
        await observe('50000')
        await service.advance(601)
      },
    ],
    ['a rate that was old when it came', () => observe('50000', 'EUR', service.clock.time - 601)],
    ['the rate of another currency', () => observe('50000', 'USD')],
  ])('is not sold with %s, and nothing is held', async (_what, happens) => {
    await service.fund(alice, 20_000_000)
    await happens()
    const before = service.query(alice, 'balance.get', {}).body.balanceMsat
    for (const reply of [quote(), register(), register({ pay: 'balance' }), register({ creditMsat: 5_000 })]) {
      expect(reply).toMatchObject(unavailable)
      expect(String(reply.body.message)).toContain('EUR')
    }
    expect(service.query(alice, 'balance.get', {}).body.balanceMsat).toBe(before)
    expect(service.environment.reader.range(tables.holds, [])).toEqual([])
    expect(quote({ identifier: 'alice@example.com' }).body.status).toBe('available')
  })

  it('is sold by a rate of the last moment that counts, and by one that claims to come from the future no longer', async () => {
    await observe('50000', 'EUR', service.clock.time + 10_000)
    await service.advance(600)
    expect(quote().status).toBe('ok')
    await service.advance(1)
    expect(quote()).toMatchObject(unavailable)
  })

  it('is free without a rate when it costs nothing', () => {
    const fiat = { currency: 'EUR', baseMinor: 0, perCharMinor: 0 }
    service.send(operator, 'domain.set_policy', { domain: 'euro.example', fiat })
    expect(quote().body).toMatchObject({ status: 'available', totalMsat: 0 })
  })

  it('costs what its reservation says, in millisatoshi', () => {
    service.send(operator, 'identifier.reserve', { identifier, reason: 'short', priceMsat: 9_000 })
    expect(quote().body).toMatchObject({ status: 'premium', totalMsat: 9_000 })
  })

  it('is cheaper by a coupon, which counts after the conversion', async () => {
    await service.close()
    const tenth = { percent: 10, amountMsat: null, validFrom: 0, validUntil: 2 ** 40, maxUses: null, usesPerAccount: 1 }
    service = await openService({ ...settings, coupons: [{ ...tenth, code: 'TENTH', items: ['identifier'] }] })
    await service.fund(alice, 20_000_000)
    await observe('50000')
    expect(register({ pay: 'balance', coupon: 'TENTH' }).body.order).toMatchObject({ totalMsat: 9_882_000 })
  })

  it('costs nothing by a coupon of the whole price, parts of a satoshi included', async () => {
    await service.close()
    const all = { percent: 100, amountMsat: null, validFrom: 0, validUntil: 2 ** 40, maxUses: null, usesPerAccount: 1 }
    service = await openService({ ...settings, coupons: [{ ...all, code: 'GIFT', items: ['identifier'] }] })
    await observe('70000')
    expect(register({ coupon: 'GIFT' }).body.order).toMatchObject({ status: 'fulfilled', totalMsat: 0 })
  })

  it('is refused at a rate by which it would cost more than there is', async () => {
    await observe('0.00000001')
    expect(quote()).toMatchObject({ status: 'error', body: { code: 'LIMIT_REACHED' } })
  })
})

describe('things on the price list', () => {
  it('are listed with what they cost now, as far as that is known', async () => {
    await observe('50000')
    expect(service.query(alice, 'item.list', {}).body).toMatchObject({
      items: [
        { id: 'sticker', priceMsat: 5_000, fiat: null },
        { id: 'mug', priceMsat: null, fiat: { currency: 'USD', amountMinor: 1_250 } },
        { id: 'tea', priceMsat: 6_000_000, fiat: { currency: 'EUR', amountMinor: 300 } },
      ],
      rates: [rate],
    })
  })

  it('are bought together, each at the rate of its currency', async () => {
    await service.fund(alice, 100_000_000)
    await observe('50000')
    const items = ['sticker', 'mug', 'tea', 'tea'].map(itemId => ({ itemId, quantity: 2 }))
    const place = () => service.send(alice, 'order.place', { items, pay: 'balance' })
    expect(place()).toMatchObject(unavailable)
    await observe('62500', 'USD')
    expect(place().body.order).toMatchObject({
      totalMsat: 10_000 + 40_000_000 + 24_000_000,
      rates: [{ currency: 'USD', perBitcoin: '62500' }, rate],
    })
  })
})

describe('domain.set_policy', () => {
  const set = (params: object) => service.send(operator, 'domain.set_policy', { domain: 'example.com', ...params })
  const fiat = { currency: 'EUR', baseMinor: 100, perCharMinor: 0 }

  it('prices in a currency, and in millisatoshi again', () => {
    expect(set({ fiat }).body).toMatchObject({ basePriceMsat: 0, pricePerCharMsat: 0, fiat })
    expect(set({ open: false }).body).toMatchObject({ fiat, open: false })
    expect(set({ fiat: null, basePriceMsat: 7, pricePerCharMsat: 0 }).body).toMatchObject({
      basePriceMsat: 7,
      fiat: null,
    })
  })

  it('does not price in both, and does not make names free by leaving a price out', () => {
    expect(set({ fiat, basePriceMsat: 1 }).body).toMatchObject({ code: 'CONFLICT' })
    set({ fiat })
    expect(set({ pricePerCharMsat: 1 }).body).toMatchObject({ code: 'CONFLICT' })
    expect(set({ fiat: null }).body).toMatchObject({ code: 'CONFLICT' })
    expect(set({ fiat: null, basePriceMsat: 1 }).body).toMatchObject({ code: 'CONFLICT' })
  })

  it('and domain.add know some currencies, and no amounts below nothing', () => {
    for (const wrong of [{ currency: 'XXX' }, { baseMinor: -1 }, { perCharMinor: 0.5 }]) {
      expect(() => set({ fiat: { ...fiat, ...wrong } })).toThrow('INVALID_PARAMS')
    }
    const domain = { domain: 'new.example', basePriceMsat: 0, pricePerCharMsat: 0, fiat }
    expect(service.send(operator, 'domain.add', domain).body).toMatchObject({ fiat })
    const both = { ...domain, domain: 'both.example', basePriceMsat: 1 }
    expect(service.send(operator, 'domain.add', both).body).toMatchObject({ code: 'CONFLICT' })
  })
})

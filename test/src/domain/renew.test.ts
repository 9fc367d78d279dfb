import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configApplied } from '../../../src/domain/settings.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, startTime, type TestService, testSettings } from '../service.ts'
import { contradictions } from './books.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'
const day = 86_400
const year = 365 * day
const pricePerYearMsat = 1_500_000

let service: TestService
beforeEach(async () => {
  service = await openService()
  for (const key of [alice, bob]) await service.fund(key, 40_000_000)
  service.send(alice, 'identifier.register', { identifier, pay: 'balance' })
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const renew = (params: object = {}, by = alice) =>
  service.send(by, 'identifier.renew', { identifier, pay: 'balance', ...params })
const name = () => service.query(bob, 'identifier.get', { identifier }).body
const quote = (params: object = {}) =>
  service.query(bob, 'identifier.quote', { identifier, renew: true, ...params }).body
const noticesOf = (type: string) => service.notices(alice).filter(one => one.type === type)

describe('identifier.renew', () => {
  it('adds years to the end, not to now', async () => {
    await service.advance(100 * day)
    expect(renew({ years: 2 })).toMatchObject({ status: 'ok', body: { order: { totalMsat: 2 * pricePerYearMsat } } })
    expect(name()).toMatchObject({ status: 'active', expiresAt: startTime + 3 * year, version: 2 })
  })

  it('is paid by invoice too, and by anybody', async () => {
    service.send(bob, 'identifier.renew', { identifier })
    await service.settle(await service.walletAnswers(), pricePerYearMsat)
    expect(name()).toMatchObject({ owner: alice.publicKey, expiresAt: startTime + 2 * year })
    expect(service.notices(bob).at(-1)).toMatchObject({ type: 'order.fulfilled' })
  })

  it('lets a name be active on, and reminds only before its new end', async () => {
    renew()
    await service.advance(year + 10 * day)
    expect(name()).toMatchObject({ status: 'active' })
    expect(noticesOf('identifier.expiring')).toEqual([])
    await service.advance(year - 16 * day)
    expect(noticesOf('identifier.expiring')).toHaveLength(1)
    await service.advance(7 * day)
    expect(name()).toMatchObject({ status: 'grace' })
    await service.advance(31 * day)
    expect(name()).toMatchObject({ code: 'NOT_FOUND' })
  })

  it('brings a name back from its grace time, for the time since its end', async () => {
    await service.advance(year + 10 * day)
    expect(name()).toMatchObject({ status: 'grace' })
    expect(renew().status).toBe('ok')
    expect(name()).toMatchObject({ status: 'active', expiresAt: startTime + 2 * year })
    expect(service.query(alice, 'identifier.list', {}).body.identifiers).toMatchObject([{ identifier }])
    await service.advance(25 * day)
    expect(name()).toMatchObject({ status: 'active' })
  })

  it('leaves a name its whole grace time after the new end, however long that is', async () => {
    const settings = { ...testSettings, identifiers: { ...testSettings.identifiers, graceDays: 365 } }
    await service.appendFact({ method: configApplied, params: { settings }, dedupeKey: 'config:2' })
    await service.advance(year + 10 * day)
    renew()
    await service.advance(year)
    expect(name()).toMatchObject({ status: 'grace', expiresAt: startTime + 2 * year })
    await service.advance(year - 11 * day)
    expect(name()).toMatchObject({ status: 'grace' })
    await service.advance(2 * day)
    expect(name()).toMatchObject({ code: 'NOT_FOUND' })
  })

  it.each<[string, string, () => unknown, object]>([
    ['NOT_FOUND', 'a name that nobody has', () => undefined, { identifier: 'nobody@example.com' }],
    ['NOT_FOUND', 'a name of another service', () => undefined, { identifier: 'alice@elsewhere.example' }],
    ['LIMIT_REACHED', 'more than ten years ahead', () => renew({ years: 9 }), {}],
    ['INSUFFICIENT_BALANCE', 'more than there is', () => service.fund(keyOf(4), 1), { by: keyOf(4) }],
  ])('refuses with %s %s', async (code, _what, prepare, { by = alice, ...params }: { by?: typeof alice }) => {
    await prepare()
    expect(renew(params, by).body).toMatchObject({ code })
  })

  it('keeps a name beyond its grace time as long as its payment is being taken', async () => {
    service.send(alice, 'identifier.renew', { identifier })
    const taken = await service.walletAnswers('held')
    service.send(bob, 'identifier.renew', { identifier })
    const second = await service.walletAnswers('held')
    await service.advance(year + 30 * day - 1)
    for (const paymentHash of [taken, second]) await service.accept(paymentHash, pricePerYearMsat)
    await service.advance(day)
    expect(name()).toMatchObject({ status: 'grace', owner: alice.publicKey })
    for (;;) {
      const { length } = service.environment.reader.range(tables.jobs, [])
      if (length === 0) break
      await service.endHold({ receivedMsat: pricePerYearMsat })
    }
    expect(name()).toMatchObject({ status: 'active', owner: alice.publicKey, expiresAt: startTime + 3 * year })
  })

  it('keeps no name whose payment is lost', async () => {
    service.send(alice, 'identifier.renew', { identifier })
    const paymentHash = await service.walletAnswers('held')
    await service.advance(year + 30 * day - 1)
    await service.accept(paymentHash, pricePerYearMsat)
    await service.advance(60)
    while (service.environment.reader.range(tables.jobs, []).length > 0) await service.endHold(null)
    await service.advance(day)
    expect(name()).toMatchObject({ code: 'NOT_FOUND' })
  })

  it('credits a payment that comes when the name is another’s by then', async () => {
    service.send(bob, 'identifier.renew', { identifier })
    const paymentHash = await service.walletAnswers()
    await service.advance(year + 31 * day)
    service.send(alice, 'identifier.register', { identifier, pay: 'balance' })
    const { expiresAt } = name()
    const before = service.query(bob, 'balance.get', {}).body.balanceMsat as number
    await service.settle(paymentHash, pricePerYearMsat)
    expect(service.query(bob, 'balance.get', {}).body.balanceMsat).toBe(before + pricePerYearMsat)
    expect(name().expiresAt).toBe(expiresAt)
  })

  it('costs what the domain asks by then, closed to new names or not', () => {
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat: 5_000, open: false })
    expect(quote({ years: 3 })).toMatchObject({ status: 'renewable', totalMsat: 3 * 505_000 })
    expect(renew({ years: 3 })).toMatchObject({ body: { order: { totalMsat: 3 * 505_000 } } })
  })

  it('costs the price of a reservation, if the name has one', () => {
    service.send(operator, 'identifier.reserve', { identifier, reason: 'short', priceMsat: 9_000_000 })
    expect(quote()).toMatchObject({ totalMsat: 9_000_000 })
  })

  it('is not quoted for a name that nobody has', () => {
    expect(quote({ identifier: 'nobody@example.com' })).toMatchObject({ code: 'NOT_FOUND' })
  })
})

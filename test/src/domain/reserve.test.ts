import { nip19 } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configApplied } from '../../../src/domain/settings.ts'
import { type Key, keyOf, openService, operator, staff, type TestService, testSettings } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const identifier = 'gold@example.com'
const ordinaryMsat = 1_400_000
/** A year and the 30 days of grace: a name that nobody renews is free after it. */
const throughGrace = 395 * 86_400

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const reserve = (params: object, by = operator) =>
  service.send(by, 'identifier.reserve', { identifier, reason: 'brand', ...params })
const quote = (by: Key) => service.query(by, 'identifier.quote', { identifier, years: 2 }).body

describe('identifier.reserve', () => {
  it.each([
    { case: 'nobody', params: {}, forAlice: 'reserved', forBob: 'reserved', totalMsat: 0 },
    {
      case: 'whoever pays the premium',
      params: { priceMsat: 9_000_000 },
      forAlice: 'premium',
      forBob: 'premium',
      totalMsat: 18_000_000,
    },
    {
      case: 'one key at the ordinary price',
      params: { reservedFor: nip19.npubEncode(alice.publicKey) },
      forAlice: 'available',
      forBob: 'reserved',
      totalMsat: 2 * ordinaryMsat,
    },
    {
      case: 'one key at a price of its own',
      params: { reservedFor: alice.publicKey, priceMsat: 5_000 },
      forAlice: 'premium',
      forBob: 'reserved',
      totalMsat: 10_000,
    },
  ])('keeps a name for $case', ({ params, forAlice, forBob, totalMsat }) => {
    expect(reserve(params).status).toBe('ok')
    expect(quote(alice)).toMatchObject({ status: forAlice, totalMsat })
    expect(quote(bob)).toMatchObject({ status: forBob })
  })

  it('charges the premium', async () => {
    reserve({ priceMsat: 2_000_000 })
    await service.fund(alice, 2_000_000)
    expect(service.send(alice, 'identifier.register', { identifier, pay: 'balance' }).status).toBe('ok')
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: 0 })
  })

  it('refuses others with the reason and without a price', async () => {
    reserve({ reservedFor: alice.publicKey, priceMsat: 0 })
    const refused = service.send(bob, 'identifier.register', { identifier })
    expect(refused.body).toMatchObject({ code: 'NAME_RESERVED', details: { reason: 'brand' } })
    expect(service.send(alice, 'identifier.register', { identifier }).status).toBe('ok')
  })

  it('replaces an earlier reservation, and opens a name that the configuration reserves', () => {
    reserve({})
    reserve({ priceMsat: 1_000 })
    expect(quote(bob)).toMatchObject({ status: 'premium' })
    service.send(operator, 'identifier.reserve', {
      identifier: 'admin@example.com',
      reason: 'us',
      reservedFor: alice.publicKey,
    })
    const asked = (by: Key) => service.query(by, 'identifier.quote', { identifier: 'admin@example.com' }).body
    expect([asked(alice), asked(bob)]).toMatchObject([{ status: 'available' }, { status: 'reserved' }])
  })

  it.each([
    { case: 'a customer', by: alice, params: {}, code: 'UNAUTHORIZED' },
    { case: 'staff', by: staff, params: {}, code: 'UNAUTHORIZED' },
    { case: 'an unknown domain', by: operator, params: { identifier: 'gold@x.example' }, code: 'NOT_FOUND' },
    { case: 'an invalid name', by: operator, params: { identifier: 'g!ld@example.com' }, code: 'NAME_INVALID' },
  ])('refuses $case with $code', ({ by, params, code }) => {
    expect(reserve(params, by).body).toMatchObject({ code })
  })

  it('does not take a name from an order that was placed before', async () => {
    service.send(alice, 'identifier.register', { identifier })
    const hash = await service.walletAnswers()
    reserve({})
    await service.settle(hash, ordinaryMsat)
    expect(service.query(bob, 'identifier.get', { identifier }).body).toMatchObject({ owner: alice.publicKey })
  })

  it('keeps a name again, for the same and at the same price, each time it becomes free', async () => {
    reserve({ reservedFor: alice.publicKey, priceMsat: 5_000 })
    await service.fund(alice, 10_000)
    for (const balanceMsat of [5_000, 0]) {
      expect(quote(alice)).toMatchObject({ status: 'premium', totalMsat: 10_000 })
      expect(quote(bob)).toMatchObject({ status: 'reserved' })
      expect(service.send(alice, 'identifier.register', { identifier, pay: 'balance' }).status).toBe('ok')
      expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat })
      expect([quote(alice), quote(bob)]).toMatchObject([{ status: 'taken' }, { status: 'taken' }])
      await service.advance(throughGrace)
    }
    expect(quote(alice)).toMatchObject({ status: 'premium', totalMsat: 10_000 })
    expect(service.send(bob, 'identifier.register', { identifier }).body).toMatchObject({ code: 'NAME_RESERVED' })
  })

  it('says nothing about who has a taken name, and keeps it once it is free', async () => {
    await service.fund(bob, ordinaryMsat)
    service.send(bob, 'identifier.register', { identifier, pay: 'balance' })
    expect(reserve({ reservedFor: alice.publicKey }).status).toBe('ok')
    expect([quote(alice), quote(bob)]).toMatchObject([{ status: 'taken' }, { status: 'taken' }])
    expect(service.send(alice, 'identifier.register', { identifier }).body).toMatchObject({ code: 'NAME_TAKEN' })
    expect(service.send(bob, 'identifier.set_records', { identifier, records: [] }).status).toBe('ok')
    await service.advance(throughGrace)
    expect([quote(alice), quote(bob)]).toMatchObject([{ status: 'available' }, { status: 'reserved' }])
  })

  it('keeps a held name once its hold has lapsed', async () => {
    service.send(bob, 'identifier.register', { identifier })
    await service.walletAnswers()
    reserve({ reservedFor: alice.publicKey })
    expect([quote(alice), quote(bob)]).toMatchObject([{ status: 'held' }, { status: 'reserved' }])
    await service.advance(1_300)
    expect([quote(alice), quote(bob)]).toMatchObject([{ status: 'available' }, { status: 'reserved' }])
  })

  it('quotes a taken name that the configuration reserves as taken', () => {
    const admin = { identifier: 'admin@free.example' }
    service.send(operator, 'identifier.reserve', { ...admin, reason: 'ours', reservedFor: alice.publicKey })
    service.send(alice, 'identifier.register', admin)
    expect(service.query(bob, 'identifier.quote', admin).body).toMatchObject({ status: 'taken' })
  })

  it.each([
    { case: 'more than it was ordered for', priceMsat: ordinaryMsat + 1, becomes: 'order.credited' },
    { case: 'what it was ordered for', priceMsat: ordinaryMsat, becomes: 'order.fulfilled' },
    { case: 'less than it was ordered for', priceMsat: 0, becomes: 'order.fulfilled' },
  ])('that asks $case decides what becomes of a lapsed order that is paid', async ({ priceMsat, becomes }) => {
    service.send(alice, 'identifier.register', { identifier })
    const hash = await service.walletAnswers()
    await service.advance(1_300)
    reserve({ priceMsat })
    await service.settle(hash, ordinaryMsat)
    expect(service.notices(alice).at(-1)?.type).toBe(becomes)
  })

  it('ends by identifier.unreserve, which an operator alone may do, and once', () => {
    const unreserve = (by: Key) => service.send(by, 'identifier.unreserve', { identifier }).body
    reserve({})
    expect(unreserve(staff)).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(quote(bob)).toMatchObject({ status: 'reserved' })
    expect(unreserve(operator)).toEqual({ identifier })
    expect(quote(bob)).toMatchObject({ status: 'available', totalMsat: 2 * ordinaryMsat })
    expect(unreserve(operator)).toMatchObject({ code: 'NOT_FOUND' })
  })

  it.each([
    { by: 'command', reserveNow: () => reserve({}) },
    {
      by: 'the configuration',
      reserveNow: () => {
        const [name = ''] = identifier.split('@')
        const settings = { ...testSettings, identifiers: { ...testSettings.identifiers, reserved: [name] } }
        return service.appendFact({ method: configApplied, params: { settings }, dedupeKey: 'config:2' })
      },
    },
  ])('credits who pays a lapsed order for a name that was reserved since by $by', async ({ reserveNow }) => {
    service.send(alice, 'identifier.register', { identifier })
    const hash = await service.walletAnswers()
    await service.advance(1_300)
    await reserveNow()
    await service.settle(hash, ordinaryMsat)
    expect(service.query(bob, 'identifier.get', { identifier }).status).toBe('error')
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: ordinaryMsat })
  })
})

import { nip19 } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, operator, staff, type TestService } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const identifier = 'gold@example.com'
const ordinaryMsat = 1_400_000

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

  it('charges the premium, and is used up by the registration', async () => {
    reserve({ priceMsat: 2_000_000 })
    await service.fund(alice, 2_000_000)
    expect(service.send(alice, 'identifier.register', { identifier, pay: 'balance' }).status).toBe('ok')
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: 0 })
    expect(service.environment.reader.range(tables.reservations, [])).toEqual([])
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
    { case: 'a taken name', by: operator, params: { identifier: 'bob@free.example' }, code: 'NAME_TAKEN' },
  ])('refuses $case with $code', ({ by, params, code }) => {
    service.send(bob, 'identifier.register', { identifier: 'bob@free.example' })
    expect(reserve(params, by).body).toMatchObject({ code })
  })

  it('does not take a name from an order that was placed before', async () => {
    service.send(alice, 'identifier.register', { identifier })
    const hash = await service.walletAnswers()
    reserve({})
    await service.settle(hash, ordinaryMsat)
    expect(service.query(bob, 'identifier.get', { identifier }).body).toMatchObject({ owner: alice.publicKey })
  })

  it('credits who pays a lapsed order for a name that was reserved since', async () => {
    service.send(alice, 'identifier.register', { identifier })
    const hash = await service.walletAnswers()
    await service.advance(1_300)
    reserve({})
    await service.settle(hash, ordinaryMsat)
    expect(service.query(bob, 'identifier.get', { identifier }).status).toBe('error')
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: ordinaryMsat })
  })
})

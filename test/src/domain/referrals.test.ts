import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf, openService, type TestService, testSettings } from '../service.ts'
import { contradictions } from './books.ts'

const [alice, bob, carol] = [keyOf(2), keyOf(3), keyOf(4)]

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(bob, 40_000_000)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const codeOf = (key: typeof alice) => service.send(key, 'referral.create', {}).body.code as string
const claim = (code: unknown, by = bob) => service.send(by, 'referral.claim', { code })
const buy = (by = bob, params: object = {}) =>
  service.send(by, 'identifier.register', { identifier: 'bob@example.com', pay: 'balance', ...params })
const balance = (key = alice) => service.query(key, 'balance.get', {}).body.balanceMsat
const stateOf = (key = alice) => service.query(key, 'referral.get', {}).body

describe('a referral', () => {
  it('is pending until the first purchase, of which the referrer gets a part', () => {
    const code = codeOf(alice)
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{8}$/)
    expect(claim(code.toLowerCase())).toMatchObject({ status: 'ok', body: { code } })
    expect(stateOf()).toEqual({ code, pending: 1, converted: 0, earnedMsat: 0, referredBy: null })
    expect(buy().status).toBe('ok')
    expect(stateOf()).toEqual({ code, pending: 0, converted: 1, earnedMsat: 130_000, referredBy: null })
    expect(stateOf(bob)).toMatchObject({ code: null, referredBy: alice.publicKey })
    expect([balance(), balance(bob)]).toEqual([130_000, 40_000_000 - 1_300_000])
    expect(service.notices(alice).at(-1)).toMatchObject({ type: 'referral.converted', body: { rewardMsat: 130_000 } })
  })

  it('is rewarded once, and not without bound', () => {
    claim(codeOf(alice))
    buy(bob, { years: 10 })
    buy(bob, { identifier: 'second@example.com' })
    expect(balance()).toBe(200_000)
  })

  it('converts at the first purchase that costs something', async () => {
    claim(codeOf(alice))
    buy(bob, { identifier: 'bob@free.example' })
    await service.fund(bob, 1_000)
    expect(stateOf()).toMatchObject({ pending: 1 })
    buy(bob)
    expect(stateOf()).toMatchObject({ pending: 0, converted: 1 })
  })

  it('is one code for an account, and one referrer', async () => {
    const code = codeOf(alice)
    expect(codeOf(alice)).toBe(code)
    claim(code)
    expect(claim(codeOf(carol)).body).toMatchObject({ code: 'CONFLICT' })
    expect(claim(code).body).toMatchObject({ code: 'CONFLICT' })
    expect(stateOf()).toMatchObject({ pending: 1 })
  })

  it.each<[string, string, () => unknown]>([
    ['NOT_FOUND', 'a code that nobody has', () => 'ABCD2345'],
    ['CONFLICT', 'the own code', () => codeOf(bob)],
    [
      'CONFLICT',
      'a code named after the first purchase',
      () => {
        buy()
        return codeOf(alice)
      },
    ],
  ])('is refused with %s for %s', (refusal, _what, code) => {
    expect(claim(code()).body).toMatchObject({ code: refusal })
  })

  it('costs the operator nothing where nothing is given', async () => {
    await service.close()
    service = await openService({ ...testSettings, referrals: { rewardPercent: 0, maxRewardMsat: 0 } })
    await service.fund(bob, 2_000_000)
    claim(codeOf(alice))
    buy()
    expect(stateOf()).toMatchObject({ converted: 1, earnedMsat: 0 })
    expect(balance()).toBe(0)
  })
})

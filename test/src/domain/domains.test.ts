import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, staff, startTime, type TestService } from '../service.ts'

const alice = keyOf(2)
const terms = { basePriceMsat: 5_000, pricePerCharMsat: 0 }

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const policy = (domain: string) => service.environment.reader.get(tables.domains, [domain])
const quote = (identifier: string) => service.query(alice, 'identifier.quote', { identifier }).body

describe('domain.add', () => {
  it('sells names of a new domain', () => {
    expect(quote('alice@new.example')).toMatchObject({ status: 'unknown' })
    const added = service.send(operator, 'domain.add', { domain: 'New.Example', ...terms })
    expect(added).toMatchObject({
      status: 'ok',
      body: { domain: 'new.example', ...terms, ttlSeconds: 3_600, open: true },
    })
    expect(quote('alice@new.example')).toMatchObject({ status: 'available', totalMsat: 5_000 })
    expect(policy('new.example')).toMatchObject({ createdAt: startTime })
  })

  it.each([
    { case: 'a domain that is there', by: operator, domain: 'example.com', code: 'CONFLICT' },
    { case: 'a customer', by: alice, domain: 'new.example', code: 'UNAUTHORIZED' },
    { case: 'staff', by: staff, domain: 'new.example', code: 'UNAUTHORIZED' },
    { case: 'a customer, whatever the domain', by: alice, domain: 'example.com', code: 'UNAUTHORIZED' },
  ])('refuses $case with $code', ({ by, domain, code }) => {
    const before = policy(domain)
    expect(service.send(by, 'domain.add', { domain, ...terms }).body).toMatchObject({ code })
    expect(policy(domain)).toEqual(before)
  })

  it.each([
    { case: 'no price', params: { domain: 'new.example' } },
    { case: 'a negative price', params: { domain: 'new.example', ...terms, basePriceMsat: -1 } },
    { case: 'no domain name', params: { domain: 'new example', ...terms } },
    { case: 'a TTL of a second', params: { domain: 'new.example', ...terms, ttlSeconds: 1 } },
  ])('refuses $case at admission', ({ params }) => {
    const applied = service.apply(service.sign(operator, 2410, 'domain.add', params))
    expect(applied).toMatchObject({ code: 'INVALID_PARAMS' })
  })
})

describe('domain.set_policy', () => {
  it.each([
    { change: { basePriceMsat: 2_000_000 }, status: 'available', totalMsat: 2_500_000 },
    { change: { pricePerCharMsat: 0 }, status: 'available', totalMsat: 1_000_000 },
    { change: { ttlSeconds: 60 }, status: 'available', totalMsat: 1_500_000 },
    { change: { open: false }, status: 'closed', totalMsat: 0 },
    { change: {}, status: 'available', totalMsat: 1_500_000 },
  ])('changes $change and nothing else', ({ change, status, totalMsat }) => {
    const before = policy('example.com')
    expect(service.send(operator, 'domain.set_policy', { domain: 'example.com', ...change }).status).toBe('ok')
    expect(policy('example.com')).toEqual({ ...before, ...change })
    expect(quote('alice@example.com')).toMatchObject({ status, totalMsat })
  })

  it.each([
    { case: 'an unknown domain', by: operator, domain: 'x.example', code: 'NOT_FOUND' },
    { case: 'a customer', by: alice, domain: 'example.com', code: 'UNAUTHORIZED' },
    { case: 'staff', by: staff, domain: 'example.com', code: 'UNAUTHORIZED' },
  ])('refuses $case with $code', ({ by, domain, code }) => {
    const before = policy('example.com')
    expect(service.send(by, 'domain.set_policy', { domain, open: false }).body).toMatchObject({ code })
    expect(policy('example.com')).toEqual(before)
  })

  it('does not touch an order that was placed before', async () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    const hash = await service.walletAnswers()
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat: 9_000_000, open: false })
    await service.settle(hash, 1_500_000)
    expect(service.query(alice, 'identifier.get', { identifier: 'alice@example.com' }).status).toBe('ok')
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: 0 })
  })
})

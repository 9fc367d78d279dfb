import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configApplied } from '../../../src/domain/settings.ts'
import type { Settings } from '../../../src/store/settings-row.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, type TestService, testSettings } from '../service.ts'

const alice = keyOf(2)

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

let applied = 1
const apply = (settings: Settings) =>
  service.appendFact({ method: configApplied, params: { settings }, dedupeKey: `config:${++applied}` })
const withDomain = (change: Partial<Settings['domains'][number]>): Settings => ({
  ...testSettings,
  domains: testSettings.domains.map(domain => (domain.name === 'example.com' ? { ...domain, ...change } : domain)),
})
const policy = (domain: string) => service.environment.reader.get(tables.domains, [domain])

describe('config.applied', () => {
  it('gives and takes who may do what', async () => {
    const add = (domain: string, by = alice) =>
      service.send(by, 'domain.add', { domain, basePriceMsat: 0, pricePerCharMsat: 0 }).status
    expect(add('a.example')).toBe('error')
    await apply({ ...testSettings, operators: [alice.publicKey] })
    expect([add('a.example'), add('b.example', operator)]).toEqual(['ok', 'error'])
    await apply({ ...testSettings, operators: [], suspended: [alice.publicKey] })
    expect(service.send(alice, 'balance.topup', { amountMsat: 1 }).body).toMatchObject({ code: 'SUSPENDED' })
  })

  it('adds domains, and does not remove those that it no longer names', async () => {
    const settings = { ...testSettings, domains: [{ ...withDomain({}).domains[0], name: 'new.example' }] }
    await apply(settings as Settings)
    expect(policy('new.example')).toMatchObject({ basePriceMsat: 1_000_000, createdAt: service.clock.time })
    expect(policy('example.com')).toBeDefined()
  })

  it('sells no more names of a domain that it no longer names, and serves those that it has sold', async () => {
    const identifier = 'alice@free.example'
    service.send(alice, 'identifier.register', { identifier })
    const quoted = () => service.query(alice, 'identifier.quote', { identifier: 'bob@free.example' }).body.status
    expect(quoted()).toBe('available')
    const before = policy('free.example')
    const without = { ...testSettings, domains: testSettings.domains.filter(({ name }) => name !== 'free.example') }
    await apply(without)
    expect(policy('free.example')).toEqual({ ...before, open: false })
    expect(policy('example.com')).toMatchObject({ open: true })
    expect(quoted()).toBe('closed')
    expect(service.query(alice, 'identifier.get', { identifier }).status).toBe('ok')
    expect(service.send(alice, 'identifier.set_records', { identifier, records: [] }).status).toBe('ok')
    await apply(testSettings)
    expect(quoted()).toBe('available')
  })

  it('closes a domain that it no longer names once, and leaves it to the operators from then on', async () => {
    const without = { ...testSettings, domains: [] }
    await apply(without)
    service.send(operator, 'domain.set_policy', { domain: 'example.com', open: true })
    await apply({ ...without, staff: [] })
    expect(policy('example.com')).toMatchObject({ open: true })
  })

  it('keeps what an operator has set by command, as long as it says the same of the domain', async () => {
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat: 7 })
    await apply({ ...testSettings, staff: [] })
    expect(policy('example.com')).toMatchObject({ basePriceMsat: 7 })
  })

  it('has the last word when it says something new of the domain', async () => {
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat: 7, open: false })
    const { createdAt } = policy('example.com') ?? { createdAt: -1 }
    await service.advance(100)
    await apply(withDomain({ basePriceMsat: 8 }))
    expect(policy('example.com')).toEqual({
      basePriceMsat: 8,
      pricePerCharMsat: 100_000,
      ttlSeconds: 3_600,
      open: true,
      createdAt,
      fiat: null,
    })
  })

  it('happens once for one dedupe key', async () => {
    const once = () =>
      service.appendFact({ method: configApplied, params: { settings: testSettings }, dedupeKey: 'config:1' })
    expect(await once()).toBe(false)
  })

  it('is refused with settings that are none', async () => {
    const params = { settings: { ...testSettings, operators: 'everybody' } }
    await expect(service.appendFact({ method: configApplied, params, dedupeKey: 'config:x' })).rejects.toThrow(
      'malformed',
    )
  })
})

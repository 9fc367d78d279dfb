import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configApplied } from '../../../src/domain/settings.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, startTime, type TestService, testSettings } from '../service.ts'
import { closeIntact } from './close-intact.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const [handle, other] = ['ab'.repeat(16), 'cd'.repeat(16)]
const names = ['a1', 'a2', 'a3', 'a4'].map(name => `${name}@example.com`)
const priceMsat = 1_200_000
const day = 86_400
const year = 365 * day

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(() => closeIntact(service))

const setBudget = (budgetMsat: number | null, days = 30, by: Key = alice, whose = handle) =>
  service.send(by, 'renewal.set_budget', { handle: whose, budgetMsat, days })
const budgets = (by = alice) => service.query(by, 'renewal.budgets', {}).body.budgets as object[]
const used = () => service.environment.reader.get(tables.walletBudgets, [alice.publicKey, handle])?.usedMsat
const failures = () =>
  service.notices(alice).flatMap(({ type, body }) => (type === 'renewal.failed' ? [body.code as string] : []))
const jobs = (type: string) => service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === type)

/** Names that end at the same time and are renewed by one wallet. */
async function keep(count: number, budgetMsat: number, days = 30): Promise<void> {
  await service.fund(alice, count * priceMsat)
  setBudget(budgetMsat, days)
  for (const identifier of names.slice(0, count)) {
    service.send(alice, 'identifier.register', { identifier, pay: 'balance' })
    const how = { from: 'wallet', handle, maxMsat: priceMsat }
    expect(service.send(alice, 'renewal.set', { identifier, ...how }).status).toBe('ok')
  }
}
const toNotice = () => service.advance(startTime + year - 7 * day - service.clock.time)
/** Has all invoices made, and the wallet asked about each; gives their hashes. */
async function asked(kind: 'created' | 'held' = 'created'): Promise<string[]> {
  const hashes = []
  while (jobs('create-invoice').length > 0) hashes.push(await service.walletAnswers(kind))
  return hashes
}

describe('the budget of a wallet that renews', () => {
  it('is shown to its owner alone, can be changed, and ended', () => {
    const budget = { handle, budgetMsat: 5_000, days: 30, usedMsat: 0, endsAt: startTime + 30 * day }
    expect(setBudget(5_000).body).toEqual({ budget })
    expect([budgets(), budgets(bob)]).toEqual([[budget], []])
    expect(setBudget(9_000, 1).body).toMatchObject({ budget: { budgetMsat: 9_000, endsAt: startTime + day } })
    expect(setBudget(null).body).toEqual({ budget: null })
    expect(setBudget(null).body).toMatchObject({ code: 'NOT_FOUND' })
    expect(budgets()).toEqual([])
  })

  it('is needed, and is of one account', async () => {
    await service.fund(alice, priceMsat)
    service.send(alice, 'identifier.register', { identifier: names[0], pay: 'balance' })
    setBudget(9_000_000, 30, bob)
    setBudget(9_000_000, 30, alice, other)
    const params = { from: 'wallet', identifier: names[0], handle, maxMsat: priceMsat }
    expect(service.send(alice, 'renewal.set', params).body).toMatchObject({ code: 'CONFLICT' })
  })

  it.each([[0], [-1], [1.5], ['1']])('is an amount: not %s', budgetMsat => {
    const event = service.sign(alice, 2410, 'renewal.set_budget', { handle, budgetMsat })
    expect(service.apply(event)).toMatchObject({ code: 'INVALID_PARAMS' })
  })

  it('is one of forty at most', () => {
    for (let index = 0; index < 40; index++) setBudget(1_000, 1, alice, index.toString(16).padStart(32, '0'))
    expect(setBudget(1_000).body).toMatchObject({ code: 'LIMIT_REACHED' })
    expect(setBudget(2_000, 1, alice, '0'.repeat(32)).status).toBe('ok')
  })

  it('is not exceeded by names that are renewed at the same moment', async () => {
    await keep(4, 2 * priceMsat + 1)
    await toNotice()
    expect([jobs('create-invoice').length, failures()]).toEqual([2, ['BUDGET_EXCEEDED', 'BUDGET_EXCEEDED']])
    for (const hash of await asked()) await service.settle(hash, priceMsat)
    for (let said = 0; said < 2; said++) await service.customerWalletSays({ status: 'paid' })
    await service.advance(day)
    expect([used(), jobs('create-invoice').length, failures().length]).toEqual([2 * priceMsat, 0, 4])
  })

  it('is there again in the next period, which begins with its first payment', async () => {
    await keep(2, priceMsat, 3)
    await toNotice()
    await service.settle((await asked())[0] ?? '', priceMsat)
    await service.customerWalletSays({ status: 'paid' })
    await service.advance(2 * day)
    expect(failures()).toEqual(['BUDGET_EXCEEDED', 'BUDGET_EXCEEDED', 'BUDGET_EXCEEDED'])
    await service.advance(day)
    expect([(await asked()).length, used()]).toEqual([1, priceMsat])
    expect(budgets()).toMatchObject([{ endsAt: service.clock.time + 3 * day }])
  })

  it.each([
    { outcome: { status: 'failed', code: 'INSUFFICIENT_BALANCE' }, left: 0 },
    { outcome: { status: 'unreachable' }, left: 0 },
    { outcome: { status: 'unknown' }, left: priceMsat },
    { outcome: { status: 'paid' }, left: priceMsat },
  ])('has back what failed, and not what may have been paid: $outcome', async ({ outcome, left }) => {
    await keep(1, priceMsat)
    await toNotice()
    await asked()
    expect(used()).toBe(priceMsat)
    await service.customerWalletSays(outcome)
    expect(used()).toBe(left)
  })

  it.each([
    ['failed', 0],
    ['unknown', 1_201_000],
  ])('counts whole satoshis of a price that is none, and has them all back: %s', async (status, left) => {
    const [domain, ...others] = testSettings.domains
    if (domain === undefined) throw new Error('no domain is for sale')
    const domains = [{ ...domain, basePriceMsat: 1_000_001 }, ...others]
    await service.appendFact({
      method: configApplied,
      params: { settings: { ...testSettings, domains } },
      dedupeKey: 'config:2',
    })
    await service.fund(alice, 2 * priceMsat)
    setBudget(2 * priceMsat)
    service.send(alice, 'identifier.register', { identifier: names[0], pay: 'balance' })
    service.send(alice, 'renewal.set', { identifier: names[0], from: 'wallet', handle, maxMsat: 1_201_000 })
    await toNotice()
    await asked()
    expect(used()).toBe(1_201_000)
    await service.customerWalletSays(status === 'failed' ? { status, code: 'OTHER' } : { status })
    expect(used()).toBe(left)
  })

  it('has back what no invoice was made for, and what was given up', async () => {
    await keep(2, 2 * priceMsat)
    await toNotice()
    await service.walletAnswers('failed')
    service.send(alice, 'renewal.unset', { identifier: names[0] })
    service.send(alice, 'renewal.unset', { identifier: names[1] })
    await asked()
    expect(used()).toBe(0)
  })

  it('has back what was not known once it is known that it was not paid', async () => {
    await keep(1, priceMsat)
    await toNotice()
    await asked('held')
    await service.customerWalletSays({ status: 'unknown' })
    await service.advance(1_300)
    expect([used(), await service.endHold(null), used()]).toEqual([priceMsat, 'cancel-hold', 0])
  })

  it('counts what was paid though the wallet said that it was not', async () => {
    await keep(1, priceMsat)
    await toNotice()
    const [hash = ''] = await asked()
    await service.customerWalletSays({ status: 'failed', code: 'PAYMENT_FAILED' })
    await service.settle(hash, priceMsat)
    expect(used()).toBe(priceMsat)
  })

  it('has nothing back in a period for what was counted in the one before', async () => {
    await keep(2, priceMsat, 1)
    await toNotice()
    const since = service.clock.time
    await asked()
    await service.advance(day)
    await asked()
    expect([used(), jobs('pay-by-wallet').length]).toEqual([priceMsat, 2])
    const first = await service.customerWalletSays({ status: 'failed', code: 'OTHER' })
    const isOld = service.environment.reader.get(tables.walletPayments, [first.invoiceId])?.budgetSince === since
    expect(used()).toBe(isOld ? priceMsat : 0)
    await service.customerWalletSays({ status: 'failed', code: 'OTHER' })
    expect(used()).toBe(0)
  })

  it.each([
    ['is ended', () => setBudget(null)],
    ['is ended and set anew', () => [setBudget(null), service.clock.time++, setBudget(priceMsat)]],
    ['is cut', () => setBudget(priceMsat - 1)],
  ])('pays for nothing any more when it %s while the invoice is made', async (_what, change) => {
    await keep(1, priceMsat)
    await toNotice()
    change()
    await asked()
    expect([jobs('pay-by-wallet'), used() ?? 0]).toEqual([[], 0])
  })

  it('ends with a notice when it is taken away', async () => {
    await keep(1, priceMsat)
    setBudget(null)
    await toNotice()
    expect([failures(), jobs('create-invoice')]).toEqual([['NO_BUDGET'], []])
  })

  it('is kept to, whatever wallets say and however often it is tried', async () => {
    const outcome = fc.constantFrom('paid', 'failed', 'unknown', 'silent')
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5 }),
        fc.array(outcome, { maxLength: 20 }),
        async (units, outcomes) => {
          await service.close()
          service = await openService()
          await keep(4, Math.max(1, units * priceMsat), 366)
          await toNotice()
          const truth = outcomes.values()
          for (let tries = 0; tries < 3; tries++) {
            await asked()
            for (let waiting = jobs('pay-by-wallet').length; waiting > 0; waiting--) {
              const said = truth.next().value ?? 'paid'
              if (said === 'silent') continue
              const { invoiceId } = await service.customerWalletSays(
                said === 'failed' ? { status: said, code: 'OTHER' } : { status: said === 'paid' ? 'unknown' : said },
              )
              const { paymentHash = '' } = service.environment.reader.get(tables.invoices, [invoiceId]) ?? {}
              if (said === 'paid') await service.settle(paymentHash ?? '', priceMsat)
            }
            const rows = service.environment.reader.range(tables.walletPayments, [])
            const mayBePaid = rows.filter(({ row }) => row.status !== 'failed').length
            expect([used(), mayBePaid <= units]).toEqual([mayBePaid * priceMsat, true])
            await service.advance(day)
          }
        },
      ),
      { numRuns: 15, endOnFailure: true },
    )
  }, 60_000)
})

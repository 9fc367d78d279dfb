import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { configApplied } from '../../../src/domain/settings.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, operator, type TestService, testSettings } from '../service.ts'
import { closeIntact } from './close-intact.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const identifier = 'alice@example.com'
const priceMsat = 1_500_000
const day = 86_400
const year = 365 * day
const handle = 'ab'.repeat(16)

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, priceMsat)
  service.send(alice, 'identifier.register', { identifier, pay: 'balance' })
})
afterEach(() => closeIntact(service))

const set = (more: object = {}, by: Key = alice) =>
  service.send(by, 'renewal.set', { identifier, from: 'balance', maxMsat: priceMsat, ...more })
const byWallet = (more: object = {}) => {
  service.send(alice, 'renewal.set_budget', { handle, budgetMsat: 90_000_000_000 })
  return set({ from: 'wallet', handle, ...more })
}
const balance = () => service.query(alice, 'balance.get', {}).body.balanceMsat
const listed = (by = alice) => service.query(by, 'renewal.list', {}).body.renewals
const expiresAt = () => service.environment.reader.get(tables.identifiers, ['example.com', 'alice'])?.expiresAt
const failures = () => service.notices(alice).filter(({ type }) => type === 'renewal.failed')
const jobs = (type: string) => service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === type)
const toNotice = () => service.advance((expiresAt() ?? 0) - 7 * day - service.clock.time)
const orders = () =>
  service.environment.reader
    .range(tables.orders, [])
    .filter(({ row }) => row.items[0]?.sellable === 'identifier-renewal')

describe('what an owner chooses', () => {
  it('is shown to the owner alone', () => {
    const renewal = { identifier, from: 'wallet', handle, maxMsat: priceMsat, nextTryAt: (expiresAt() ?? 0) - 7 * day }
    expect(byWallet().body).toEqual({ renewal })
    expect([listed(), listed(bob)]).toEqual([[renewal], []])
    const balanced = { identifier, from: 'balance', maxMsat: 5, nextTryAt: renewal.nextTryAt }
    expect(set({ maxMsat: 5 }).body).toEqual({ renewal: balanced })
    expect(listed()).toEqual([balanced])
  })

  it('can be taken back, once', async () => {
    set()
    expect(service.send(alice, 'renewal.unset', { identifier }).status).toBe('ok')
    expect(service.send(alice, 'renewal.unset', { identifier }).body).toMatchObject({ code: 'NOT_FOUND' })
    await service.fund(alice, priceMsat)
    await toNotice()
    expect([listed(), orders()]).toEqual([[], []])
  })

  it('is for own names alone', () => {
    expect(set({}, bob).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(service.send(bob, 'renewal.unset', { identifier }).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(set({ identifier: 'nobody@example.com' }).body).toMatchObject({ code: 'NOT_FOUND' })
  })

  it('ends with the name', async () => {
    set()
    await service.advance(year + 31 * day)
    expect(service.environment.reader.range(tables.renewals, [])).toEqual([])
    expect(listed()).toEqual([])
  })

  it('comes a page at a time', async () => {
    await service.fund(alice, 10_000_000)
    for (const name of ['bb', 'cc']) {
      service.send(alice, 'identifier.register', { identifier: `${name}@example.com`, pay: 'balance' })
      set({ identifier: `${name}@example.com` })
    }
    set()
    const first = service.query(alice, 'renewal.list', { limit: 2 }).body
    expect(first).toMatchObject({
      renewals: [{ identifier }, { identifier: 'bb@example.com' }],
      next: 'bb@example.com',
    })
    expect(service.query(alice, 'renewal.list', { limit: 2, after: 'bb@example.com' }).body).toMatchObject({
      renewals: [{ identifier: 'cc@example.com' }],
      next: null,
    })
  })
})

describe('a name that is renewed from the balance', () => {
  it('has another year when it comes near its end, and the next a year later', async () => {
    await service.fund(alice, 2 * priceMsat)
    const end = expiresAt() ?? 0
    const { id } = set()
    await service.advance(end - 7 * day - service.clock.time - 1)
    expect(expiresAt()).toBe(end)
    await service.advance(1)
    expect([expiresAt(), balance()]).toEqual([end + year, priceMsat])
    const notice = service
      .notices(alice)
      .find(
        ({ type, body }) =>
          type === 'order.fulfilled' && body.reason === undefined && JSON.stringify(body).includes('renewal'),
      )
    expect(notice?.event.tags).toContainEqual(['e', id])
    await service.advance(year)
    expect([expiresAt(), balance()]).toEqual([end + 2 * year, 0])
    expect(failures()).toEqual([])
  })

  it('is tried each day until it has expired, and its owner is told why not', async () => {
    const { id } = set()
    await toNotice()
    expect(failures()).toMatchObject([{ body: { identifier, code: 'INSUFFICIENT_BALANCE' } }])
    expect(failures()[0]?.event.tags).toContainEqual(['e', id])
    await service.advance(3 * day)
    expect(failures()).toHaveLength(4)
    await service.advance(20 * day)
    expect(failures()).toHaveLength(7)
    expect(orders()).toEqual([])
  })

  it('is renewed at the next try once there is enough', async () => {
    const end = expiresAt() ?? 0
    set()
    await toNotice()
    await service.fund(alice, priceMsat)
    await service.advance(day)
    expect([expiresAt(), balance()]).toEqual([end + year, 0])
    await service.advance(5 * day)
    expect(failures()).toHaveLength(1)
  })

  it('costs no more than is allowed', async () => {
    await service.fund(alice, 10 * priceMsat)
    set({ maxMsat: priceMsat - 1 })
    await toNotice()
    expect(failures()).toMatchObject([{ body: { code: 'LIMIT_REACHED' } }])
    expect(balance()).toBe(10 * priceMsat)
  })

  it('costs what it costs then', async () => {
    await service.fund(alice, 10 * priceMsat)
    set()
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat: 2_000_000 })
    await toNotice()
    expect(failures()).toMatchObject([{ body: { code: 'LIMIT_REACHED' } }])
  })

  it('is renewed soon when it is near its end already, and not twice when that is chosen again', async () => {
    await toNotice()
    const end = expiresAt() ?? 0
    await service.fund(alice, 3 * priceMsat)
    for (let time = 0; time < 3; time++) {
      set()
      await service.advance(1)
    }
    expect([expiresAt(), balance()]).toEqual([end + year, 2 * priceMsat])
  })

  it('waits for its next end when it was renewed by hand', async () => {
    await service.fund(alice, 2 * priceMsat)
    const end = expiresAt() ?? 0
    set()
    service.send(alice, 'identifier.renew', { identifier, pay: 'balance' })
    await toNotice()
    expect([expiresAt(), orders().length]).toEqual([end + 2 * year, 2])
  })

  it('is not renewed for an account that is suspended', async () => {
    await service.fund(alice, priceMsat)
    set()
    const settings = { ...testSettings, suspended: [alice.publicKey] }
    await service.appendFact({ method: configApplied, params: { settings }, dedupeKey: 'config:2' })
    await toNotice()
    expect(orders()).toEqual([])
    await service.appendFact({ method: configApplied, params: { settings: testSettings }, dedupeKey: 'config:3' })
    await service.advance(day)
    expect(orders()).toHaveLength(1)
  })
})

describe('a name that is renewed by a wallet', () => {
  /** Up to the moment at which the wallet is to be asked. */
  const untilAsked = async () => {
    await toNotice()
    return service.walletAnswers()
  }

  it('is ordered, its invoice paid by that wallet, and fulfilled', async () => {
    const end = expiresAt() ?? 0
    byWallet()
    await toNotice()
    expect(jobs('pay-by-wallet')).toEqual([])
    const paymentHash = await service.walletAnswers()
    expect(jobs('pay-by-wallet')).toMatchObject([
      { row: { payload: { account: alice.publicKey, handle, forget: false } } },
    ])
    await service.settle(paymentHash, priceMsat)
    await service.customerWalletSays({ status: 'paid' })
    expect(expiresAt()).toBe(end + year)
    await service.advance(6 * day)
    expect([failures(), orders().length]).toEqual([[], 1])
  })

  it.each([
    [{ status: 'failed', code: 'QUOTA_EXCEEDED' }, 'QUOTA_EXCEEDED'],
    [{ status: 'unreachable' }, 'UNREACHABLE'],
    [{ status: 'unknown' }, 'UNKNOWN'],
  ])('is tried a day later when the wallet does not pay: %j', async (outcome, code) => {
    const end = expiresAt() ?? 0
    byWallet()
    await untilAsked()
    await service.customerWalletSays(outcome)
    expect(failures()).toMatchObject([{ body: { identifier, code } }])
    await service.advance(day)
    await service.settle(await service.walletAnswers(), priceMsat)
    await service.customerWalletSays({ status: 'paid' })
    expect([expiresAt(), failures().length]).toEqual([end + year, 1])
  })

  it('is not renewed twice when the money of an earlier try comes late', async () => {
    const end = expiresAt() ?? 0
    byWallet()
    const earlier = await untilAsked()
    await service.customerWalletSays({ status: 'unknown' })
    await service.advance(day)
    await service.settle(await service.walletAnswers(), priceMsat)
    await service.customerWalletSays({ status: 'paid' })
    await service.settle(earlier, priceMsat)
    expect([expiresAt(), balance()]).toEqual([end + year, priceMsat])
  })

  it('is not tried anew while a payment is under way', async () => {
    byWallet()
    await untilAsked()
    await service.advance(3 * day)
    expect(orders()).toHaveLength(1)
    await service.customerWalletSays({ status: 'unknown' })
    await service.advance(day)
    expect(orders()).toHaveLength(2)
    await service.walletAnswers('failed')
  })

  it('is not paid twice when its owner ends that and chooses it again meanwhile', async () => {
    byWallet()
    await untilAsked()
    service.send(alice, 'renewal.unset', { identifier })
    byWallet()
    await service.advance(1)
    expect(orders()).toHaveLength(1)
    await service.customerWalletSays({ status: 'unknown' })
    await service.advance(day)
    expect(orders()).toHaveLength(2)
    await service.walletAnswers('failed')
  })

  it('is not tried anew while a payment waits to be taken, though the wallet said that it failed', async () => {
    const end = expiresAt() ?? 0
    byWallet()
    await toNotice()
    const paymentHash = await service.walletAnswers('held')
    await service.customerWalletSays({ status: 'failed', code: 'PAYMENT_FAILED' })
    await service.accept(paymentHash, priceMsat)
    await service.advance(2 * day)
    expect(orders()).toHaveLength(1)
    await service.endHold({ receivedMsat: priceMsat })
    expect([expiresAt(), balance()]).toEqual([end + year, 0])
  })

  it('is tried a day later when the invoice could not be made', async () => {
    byWallet()
    await toNotice()
    await service.walletAnswers('failed')
    expect(failures()).toMatchObject([{ body: { code: 'PAYMENT_UNAVAILABLE' } }])
    await service.advance(day)
    expect(jobs('create-invoice')).toHaveLength(1)
    await service.walletAnswers('failed')
  })

  it('is not paid when its owner has changed their mind meanwhile', async () => {
    byWallet()
    await toNotice()
    service.send(alice, 'renewal.unset', { identifier })
    await service.walletAnswers()
    expect(jobs('pay-by-wallet')).toEqual([])
  })

  it('has not failed when the balance pays it while the wallet is asked', async () => {
    await service.fund(alice, priceMsat)
    byWallet()
    await untilAsked()
    const { invoiceId } = orders()[0]?.row ?? {}
    expect(service.send(alice, 'invoice.pay', { from: 'balance', invoiceId }).status).toBe('ok')
    await service.customerWalletSays({ status: 'failed', code: 'CANCELLED' })
    expect(failures()).toEqual([])
  })

  it.each(['created', 'failed'] as const)(
    'is paid by the balance while its invoice is made, which is %s',
    async made => {
      const end = expiresAt() ?? 0
      await service.fund(alice, priceMsat)
      byWallet()
      await toNotice()
      const { invoiceId } = orders()[0]?.row ?? {}
      expect(service.send(alice, 'invoice.pay', { from: 'balance', invoiceId }).status).toBe('ok')
      await service.walletAnswers(made)
      expect([expiresAt(), balance(), jobs('pay-by-wallet')]).toEqual([end + year, 0, []])
      expect(failures()).toEqual([])
      await service.advance(year)
      expect(orders()).toHaveLength(2)
      await service.walletAnswers('failed')
    },
  )

  it('costs no more than is allowed in whole satoshis, which some wallets ask for', async () => {
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat: 999_001 })
    byWallet({ maxMsat: 1_499_999 })
    await toNotice()
    expect(failures()).toMatchObject([{ body: { code: 'LIMIT_REACHED' } }])
  })

  it('costs no more than an invoice may ask for', async () => {
    const basePriceMsat = testSettings.orders.maxInvoiceMsat
    service.send(operator, 'domain.set_policy', { domain: 'example.com', basePriceMsat })
    byWallet({ maxMsat: 2 * basePriceMsat })
    await toNotice()
    expect(failures()).toMatchObject([{ body: { code: 'LIMIT_REACHED', reason: expect.stringMatching(/invoice/) } }])
    expect(orders()).toEqual([])
  })
})

import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { paymentEnded, withdrawalResolved } from '../../../src/domain/billing/withdraw-facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, type TestService } from '../service.ts'
import { closeIntact } from './close-intact.ts'
import { outsideInvoice } from './outside-invoice.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const lightningAddress = 'carol@wallet.example'
const most = 8

let service: TestService
let invoices: number
beforeEach(async () => {
  invoices = 0
  service = await openService()
})
afterEach(() => closeIntact(service))

function invoice(): string {
  const paymentHash = createHash('sha256').update(String(invoices++)).digest('hex')
  return outsideInvoice({ paymentHash, amountMsat: 1_000, timestamp: service.clock.time })
}
const toInvoice = (by = alice) => service.send(by, 'balance.withdraw', { bolt11: invoice() })
const toAddress = (by = alice) => service.send(by, 'balance.withdraw', { lightningAddress, amountMsat: 1_000 })
const jobs = (type: string) => service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === type)
const counts = (key = alice) => service.environment.reader.get(tables.paymentCounts, [key.publicKey])
const limited = { status: 'error', body: { code: 'LIMIT_REACHED' } }

/** Says of the oldest withdrawal in work what became of it. */
async function said(type: 'resolve-address' | 'pay-invoice'): Promise<void> {
  const [job] = jobs(type)
  if (job === undefined) throw new Error(`there is no ${type} to do`)
  const { withdrawalId } = job.row.payload as { withdrawalId: string }
  const about = { jobId: job.key[0], withdrawalId }
  const dedupeKey = `withdrawal:${withdrawalId}:${type}`
  if (type === 'resolve-address') {
    await service.appendFact({
      method: withdrawalResolved,
      params: { ...about, bolt11: invoice() },
      dedupeKey,
    })
  } else {
    const outcome = { status: 'failed', reason: 'no route' }
    await service.appendFact({ method: paymentEnded, params: { ...about, outcome }, dedupeKey })
  }
}

describe('the withdrawals of an account that are under way', () => {
  beforeEach(async () => {
    for (const key of [alice, bob]) await service.fund(key, 10_000_000)
  })

  it('are few, and others have theirs', async () => {
    for (let count = 0; count < most / 2; count++)
      expect([toInvoice().status, toAddress().status]).toEqual(['ok', 'ok'])
    expect([toInvoice(), toAddress()]).toMatchObject([limited, limited])
    expect([toInvoice(bob).status, toAddress(bob).status]).toEqual(['ok', 'ok'])
    expect([counts(), counts(bob)]).toEqual([
      { withdrawals: most, byWallet: 0 },
      { withdrawals: 2, byWallet: 0 },
    ])
  })

  it('count until they have ended, whatever was asked for since', async () => {
    for (let count = 0; count < most; count++) toAddress()
    for (let count = 0; count < 20; count++) expect(toInvoice()).toMatchObject(limited)
    await said('resolve-address')
    // Its address has answered, and now the wallet is asked.
    expect(toInvoice()).toMatchObject(limited)
    await said('pay-invoice')
    expect(toInvoice().status).toBe('ok')
    expect(toInvoice()).toMatchObject(limited)
  })

  it('leave nothing behind when all have ended', async () => {
    for (let count = 0; count < 3; count++) toInvoice()
    for (let count = 0; count < 3; count++) await said('pay-invoice')
    expect(counts()).toBeUndefined()
  })

  it('keep what is paid in vain on the balance, and its customer is told', async () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com', refundTo: lightningAddress })
    const paymentHash = await service.walletAnswers()
    for (let count = 0; count < most; count++) toInvoice()
    const before = Number(service.query(alice, 'balance.get', {}).body.balanceMsat)
    await service.settle(paymentHash, 500_000)
    expect(service.notices(alice).at(-1)).toMatchObject({
      type: 'order.credited',
      body: { receivedMsat: 500_000, notSent: { code: 'LIMIT_REACHED', message: expect.stringContaining('balance') } },
    })
    expect(service.query(alice, 'balance.get', {}).body.balanceMsat).toBe(before + 500_000)
    expect(jobs('resolve-address')).toEqual([])
  })

  it('keep what is given back on the balance, and its customer and the operator are told', async () => {
    const { body } = service.send(alice, 'identifier.register', {
      identifier: 'alice@example.com',
      refundTo: lightningAddress,
      pay: 'balance',
    })
    const { id: orderId } = body.order as { id: string }
    for (let count = 0; count < most; count++) toInvoice()
    const refund = service.send(operator, 'order.refund', { orderId, reason: 'sorry' })
    expect(refund).toMatchObject({ status: 'ok', body: { notSent: { code: 'LIMIT_REACHED' } } })
    expect(refund.body).not.toHaveProperty('withdrawal')
    expect(service.notices(alice).at(-1)).toMatchObject({
      type: 'order.refunded',
      body: { to: 'balance', notSent: { code: 'LIMIT_REACHED' } },
    })
    expect(jobs('resolve-address')).toEqual([])
  })
})

describe('the payments of an account by wallets of its own that are under way', () => {
  const handle = 'ab'.repeat(16)
  /** Has a wallet asked to pay a new top-up. */
  async function byWallet(by = alice) {
    service.send(by, 'balance.topup', { amountMsat: 1_000 })
    const paymentHash = await service.walletAnswers()
    const { invoiceId } = service.environment.reader.get(tables.invoicesByHash, [paymentHash]) ?? {}
    const pay = () => service.send(by, 'invoice.pay', { from: 'wallet', invoiceId, handle })
    return { paymentHash, pay, result: pay() }
  }

  it('are few, and others have theirs', async () => {
    for (let count = 0; count < most; count++) expect((await byWallet()).result.status).toBe('pending')
    expect((await byWallet()).result).toMatchObject(limited)
    expect((await byWallet(bob)).result.status).toBe('pending')
    expect(counts()).toEqual({ withdrawals: 0, byWallet: most })
    expect(jobs('pay-by-wallet')).toHaveLength(most + 1)
  })

  it.each<[string, object]>([
    ['was not made', { status: 'failed', code: 'INSUFFICIENT_BALANCE' }],
    ['nothing is known', { status: 'unknown' }],
    ['nobody was reached', { status: 'unreachable' }],
  ])('make room when one ends of which it is said: %s', async (_what, outcome) => {
    for (let count = 0; count < most; count++) await byWallet()
    const more = await byWallet()
    await service.customerWalletSays(outcome)
    expect(more.pay().status).toBe('pending')
    expect(more.pay()).toMatchObject({ body: { code: 'CONFLICT' } })
    expect(counts()?.byWallet).toBe(most)
  })

  it('make room when the money has come, once', async () => {
    const { paymentHash } = await byWallet()
    expect(counts()?.byWallet).toBe(1)
    await service.settle(paymentHash, 1_000)
    expect(counts()).toBeUndefined()
    await service.customerWalletSays({ status: 'paid' })
    expect(counts()).toBeUndefined()
  })

  it('are not ended twice when the money comes late', async () => {
    const { paymentHash } = await byWallet()
    await service.customerWalletSays({ status: 'unknown' })
    await service.settle(paymentHash, 1_000)
    expect(counts()).toBeUndefined()
  })
})

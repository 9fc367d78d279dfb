import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, type TestService } from '../service.ts'
import { closeIntact } from './close-intact.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const handle = 'ab'.repeat(16)
const priceMsat = 1_500_000

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(() => closeIntact(service))

async function invoiced(kind: 'created' | 'held' = 'created', by: Key = alice) {
  service.send(by, 'identifier.register', { identifier: 'alice@example.com' })
  const paymentHash = await service.walletAnswers(kind)
  const invoiceId = service.environment.reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId ?? ''
  return { invoiceId, paymentHash }
}
const pay = (invoiceId: string, more: object = {}, by = alice) =>
  service.send(by, 'invoice.pay', { from: 'wallet', invoiceId, handle, ...more })
const owner = () => service.query(bob, 'identifier.get', { identifier: 'alice@example.com' }).body.owner
const walletJobs = () =>
  service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === 'pay-by-wallet')
const results = (commandId: string) =>
  service.sent.filter(event => event.kind === 2411 && event.tags.some(tag => tag[1] === commandId))

describe('an invoice that a connected wallet is asked to pay', () => {
  it.each(['created', 'held'] as const)('has its result when our own wallet has the money: %s', async kind => {
    const { invoiceId, paymentHash } = await invoiced(kind)
    const { id, status } = pay(invoiceId)
    expect(status).toBe('pending')
    expect(walletJobs()).toMatchObject([{ row: { payload: { invoiceId, handle, forget: false, paymentHash } } }])
    if (kind === 'held') {
      await service.accept(paymentHash, priceMsat)
      expect(results(id)).toEqual([])
      await service.endHold({ receivedMsat: priceMsat })
    } else await service.settle(paymentHash, priceMsat)
    expect(service.resultOf(id, alice)).toMatchObject({
      status: 'ok',
      body: { order: { status: 'fulfilled' }, invoice: { id: invoiceId, status: 'settled' } },
    })
    expect(owner()).toBe(alice.publicKey)
    await service.customerWalletSays({ status: 'paid' })
    expect(results(id)).toHaveLength(1)
  })

  it('is not paid because that wallet says so', async () => {
    const { invoiceId } = await invoiced()
    const { id } = pay(invoiceId)
    await service.customerWalletSays({ status: 'paid' })
    expect(service.environment.reader.get(tables.invoices, [invoiceId])?.status).toBe('open')
    expect(owner()).toBeUndefined()
    expect(service.resultOf(id, alice)).toMatchObject({ body: { code: 'PAYMENT_UNAVAILABLE' } })
  })

  it.each([
    [{ status: 'failed', code: 'INSUFFICIENT_BALANCE' }, 'PAYMENT_FAILED', { code: 'INSUFFICIENT_BALANCE' }],
    [{ status: 'failed', code: 'QUOTA_EXCEEDED' }, 'PAYMENT_FAILED', { code: 'QUOTA_EXCEEDED' }],
    [{ status: 'failed', code: 'NO_SECRET' }, 'PAYMENT_FAILED', { code: 'NO_SECRET' }],
    [{ status: 'failed', code: 'PRIVATE_ADDRESS' }, 'PAYMENT_FAILED', { code: 'PRIVATE_ADDRESS' }],
    [{ status: 'failed', code: 'PAYMENT_FAILED' }, 'PAYMENT_FAILED', { code: 'PAYMENT_FAILED' }],
    [{ status: 'unreachable' }, 'PAYMENT_UNAVAILABLE', undefined],
    [{ status: 'unknown' }, 'PAYMENT_UNAVAILABLE', undefined],
  ])('says what went wrong, once, and moves nothing: %j', async (outcome, code, details) => {
    const { invoiceId } = await invoiced()
    const { id } = pay(invoiceId)
    const postings = service.environment.reader.range(tables.postings, [])
    await service.customerWalletSays(outcome)
    const { body } = service.resultOf(id, alice) ?? {}
    expect([body?.code, body?.details]).toEqual([code, details])
    await service.advance(61)
    expect(results(id)).toHaveLength(1)
    expect(service.environment.reader.range(tables.postings, [])).toEqual(postings)
  })

  it('is booked when it is paid all the same, later', async () => {
    const { invoiceId, paymentHash } = await invoiced()
    const { id } = pay(invoiceId)
    await service.customerWalletSays({ status: 'failed', code: 'PAYMENT_FAILED' })
    await service.settle(paymentHash, priceMsat)
    expect(owner()).toBe(alice.publicKey)
    expect(service.notices(alice).map(({ type }) => type)).toEqual(['invoice.settled', 'order.fulfilled'])
    expect(results(id)).toHaveLength(1)
  })

  it('has its result at the deadline of the command, and the payment is told by notices', async () => {
    const { invoiceId, paymentHash } = await invoiced()
    const { id } = pay(invoiceId)
    await service.advance(61)
    expect(service.resultOf(id, alice)).toMatchObject({ body: { code: 'PAYMENT_UNAVAILABLE' } })
    await service.settle(paymentHash, priceMsat)
    await service.customerWalletSays({ status: 'paid' })
    expect(results(id)).toHaveLength(1)
    expect(service.notices(alice).at(-1)).toMatchObject({ type: 'order.fulfilled' })
  })

  it('is asked of one wallet at a time, and of another when that has failed', async () => {
    const { invoiceId } = await invoiced()
    pay(invoiceId)
    expect(pay(invoiceId, { handle: 'cd'.repeat(16) }).body).toMatchObject({ code: 'CONFLICT' })
    expect(walletJobs()).toHaveLength(1)
    await service.customerWalletSays({ status: 'failed', code: 'INSUFFICIENT_BALANCE' })
    expect(pay(invoiceId, { handle: 'cd'.repeat(16) }).status).toBe('pending')
    expect(await service.customerWalletSays({ status: 'failed', code: 'OTHER' })).toMatchObject({
      handle: 'cd'.repeat(16),
    })
  })

  it('may be a top-up', async () => {
    service.send(alice, 'balance.topup', { amountMsat: 7_000 })
    const paymentHash = await service.walletAnswers()
    const { invoiceId = '' } = service.environment.reader.get(tables.invoicesByHash, [paymentHash]) ?? {}
    const { id } = pay(invoiceId)
    await service.settle(paymentHash, 7_000)
    expect(service.resultOf(id, alice)?.status).toBe('ok')
    await service.customerWalletSays({ status: 'paid' })
  })
})

describe('is not asked to pay', () => {
  it('what is not there, is of another, or is not made', async () => {
    expect(pay('00'.repeat(16)).body).toMatchObject({ code: 'NOT_FOUND' })
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    const [requested] = service.environment.reader.range(tables.invoices, [])
    expect(pay(requested?.key[0] ?? '').body).toMatchObject({ code: 'CONFLICT' })
    expect(pay(requested?.key[0] ?? '', {}, bob).body).toMatchObject({ code: 'UNAUTHORIZED' })
    await service.walletAnswers('failed')
  })

  it('what is expired, cancelled, or paid', async () => {
    const first = await invoiced()
    await service.advance(901)
    expect(pay(first.invoiceId).body).toMatchObject({ code: 'INVOICE_EXPIRED' })
    await service.advance(90_000)
    const second = await invoiced()
    const orderId = service.environment.reader.get(tables.invoices, [second.invoiceId])?.orderId
    service.send(alice, 'order.cancel', { orderId })
    expect(pay(second.invoiceId).body).toMatchObject({ code: 'CONFLICT' })
    const third = await invoiced()
    await service.settle(third.paymentHash, priceMsat)
    expect(pay(third.invoiceId).body).toMatchObject({ code: 'ALREADY_PAID' })
    expect(walletJobs()).toEqual([])
  })
})

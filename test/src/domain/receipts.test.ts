import { verifyEvent } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { rateObserved } from '../../../src/domain/billing/rates.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, startTime, type TestService, testSettings } from '../service.ts'
import { contradictions } from './books.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'
const coupon = {
  code: 'TENTH',
  percent: 10,
  amountMsat: null,
  validFrom: 0,
  validUntil: 2 ** 40,
  maxUses: 5,
  usesPerAccount: 1,
  items: ['identifier'],
}
const mug = { id: 'mug', description: 'a mug', priceMsat: 0, fiat: { currency: 'EUR', amountMinor: 500 } }

let service: TestService
beforeEach(async () => {
  service = await openService({ ...testSettings, coupons: [coupon], items: [mug] })
  await service.fund(alice, 20_000_000)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const register = (params: object = {}) =>
  service.send(alice, 'identifier.register', { identifier, records: [{ type: 'TXT', value: 'mine' }], ...params })
const orderOf = (body: Record<string, unknown>) => (body.order as { id: string }).id
const lastOrder = () => orderOf(service.notices(alice).at(-1)?.body ?? {})
const ask = (orderId: string, by = alice) => service.query(by, 'order.receipt', { orderId })
const receiptOf = (orderId: string, by = alice) => {
  const { receipt } = ask(orderId, by).body as { receipt: NostrEvent }
  // As a third party would, who knows nothing but the service's key.
  expect(verifyEvent(structuredClone(receipt))).toBe(true)
  expect([receipt.pubkey, receipt.kind]).toEqual([service.signer.publicKey, 2413])
  return { event: receipt, content: JSON.parse(receipt.content) as Record<string, unknown> }
}

describe('a receipt', () => {
  it('of an order paid from the balance says what was bought, by whom, when and for how much', () => {
    const bought = register({ pay: 'balance', coupon: 'TENTH' })
    const orderId = orderOf(bought.body)
    const { event, content } = receiptOf(orderId)
    expect(content).toEqual({
      orderId,
      commandId: bought.id,
      customer: alice.publicKey,
      orderedAt: startTime,
      fulfilledAt: startTime,
      items: [
        {
          sellable: 'identifier',
          lines: [
            { description: `${identifier}, 1 × year`, amountMsat: 1_000_000, fiat: null },
            { description: '5 characters, 1 × year', amountMsat: 500_000, fiat: null },
            { description: 'coupon TENTH', amountMsat: -150_000, fiat: null },
          ],
          totalMsat: 1_350_000,
        },
      ],
      totalMsat: 1_350_000,
      paid: { byInvoiceMsat: 0, fromBalanceMsat: 1_350_000 },
      invoice: null,
      rates: [],
      coupon: 'TENTH',
    })
    expect(event.tags).toEqual([
      ['p', alice.publicKey],
      ['relay', 'wss://relay.example.com'],
    ])
  })

  it('of an order paid by invoice names its payment hash, and gives no preimage away', async () => {
    register({ creditMsat: 500_000 })
    const paymentHash = await service.walletAnswers()
    await service.advance(30)
    await service.settle(paymentHash, 1_200_000)
    const { content } = receiptOf(lastOrder())
    expect(content).toMatchObject({
      orderedAt: startTime,
      fulfilledAt: startTime + 30,
      paid: { byInvoiceMsat: 1_200_000, fromBalanceMsat: 300_000 },
      invoice: { paymentHash, amountMsat: 1_000_000, receivedMsat: 1_200_000, settledAt: startTime + 30 },
    })
    expect(JSON.stringify(content)).not.toMatch(/preimage|mine/)
  })

  it('of an order that was paid too much says what of that was its price', async () => {
    register()
    const paymentHash = await service.walletAnswers()
    await service.settle(paymentHash, 1_600_000)
    expect(receiptOf(lastOrder()).content).toMatchObject({
      paid: { byInvoiceMsat: 1_500_000, fromBalanceMsat: 0 },
      invoice: { amountMsat: 1_500_000, receivedMsat: 1_600_000 },
    })
  })

  it('of an order whose invoice was paid when the balance had paid already names no invoice', async () => {
    register()
    const paymentHash = await service.walletAnswers()
    const { invoiceId } = service.query(alice, 'order.get', { orderId: waitingOrder() }).body
    service.send(alice, 'invoice.pay', { from: 'balance', invoiceId })
    await service.settle(paymentHash, 1_500_000)
    expect(receiptOf(lastOrder()).content).toMatchObject({ paid: { fromBalanceMsat: 1_500_000 }, invoice: null })
  })

  it('has the rate by which a price was converted', async () => {
    const rate = { currency: 'EUR', perBitcoin: '50000', sources: ['coinbase', 'kraken'], observedAt: startTime }
    await service.appendFact({ method: rateObserved, params: rate, dedupeKey: 'rate:1' })
    const items = [{ itemId: 'mug', quantity: 1 }]
    const { body } = service.send(alice, 'order.place', { items, pay: 'balance' })
    expect(receiptOf(orderOf(body)).content).toMatchObject({
      items: [{ lines: [{ amountMsat: 10_000_000, fiat: { currency: 'EUR', amountMinor: 500 } }] }],
      rates: [rate],
    })
  })

  it('is the same event whenever it is asked for, by its customer or an operator', async () => {
    const orderId = orderOf(register({ pay: 'balance' }).body)
    const first = receiptOf(orderId)
    await service.advance(1_000)
    expect(receiptOf(orderId)).toEqual(first)
    expect(receiptOf(orderId, operator)).toEqual(first)
  })

  it('is no receipt any more when a word of it is changed', () => {
    const { event } = receiptOf(orderOf(register({ pay: 'balance' }).body))
    expect(verifyEvent({ ...structuredClone(event), content: event.content.replace('1500000', '1') })).toBe(false)
  })

  it('of a top-up says what came in', async () => {
    await service.fund(alice, 7_000)
    expect(receiptOf(lastOrder()).content).toMatchObject({
      items: [{ sellable: 'top-up', totalMsat: 7_000 }],
      paid: { byInvoiceMsat: 7_000, fromBalanceMsat: 0 },
    })
  })

  it('is for nobody else, and of nothing that is not fulfilled', async () => {
    const orderId = orderOf(register({ pay: 'balance' }).body)
    expect(ask(orderId, bob).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(ask('0'.repeat(32)).body).toMatchObject({ code: 'NOT_FOUND' })
    register({ identifier: 'other@example.com' })
    const unpaid = waitingOrder()
    expect(ask(unpaid).body).toMatchObject({ code: 'CONFLICT' })
    const paymentHash = await service.walletAnswers()
    await service.settle(paymentHash, 1)
    expect(ask(unpaid).body).toMatchObject({ code: 'CONFLICT' })
  })

  it('costs no order a signature: only the query signs', () => {
    const before = service.sent.length
    register({ pay: 'balance' })
    expect(service.sent.slice(before).map(({ kind }) => kind)).toEqual(expect.not.arrayContaining([2413]))
  })
})

/** The one order that waits for its payment. */
function waitingOrder(): string {
  const [found] = service.environment.reader
    .range(tables.orders, [])
    .filter(({ row }) => row.status === 'held' || row.status === 'invoiced')
  return found?.key[0] ?? ''
}

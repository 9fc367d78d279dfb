import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holdEnded } from '../../../src/domain/billing/hold-facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, type TestService, testSettings } from '../service.ts'
import { contradictions } from './books.ts'
import { closeIntact } from './close-intact.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'
const priceMsat = 1_500_000
const partMsat = 400_000
const restMsat = priceMsat - partMsat
const handle = 'ab'.repeat(16)

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, 2_000_000)
})
afterEach(() => closeIntact(service))

type Made = { invoiceId: string; paymentHash: string; orderId: string }
type Kind = 'created' | 'held'

/** Has the invoice made that is asked for. */
async function made(kind: Kind = 'created'): Promise<Made> {
  const paymentHash = await service.walletAnswers(kind)
  const invoiceId = service.environment.reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId ?? ''
  return { invoiceId, paymentHash, orderId: invoice(invoiceId)?.orderId ?? '' }
}
async function ordered(kind: Kind = 'created', params: object = {}): Promise<Made> {
  service.send(alice, 'identifier.register', { identifier, ...params })
  return made(kind)
}
const pay = (invoiceId: string, creditMsat = partMsat, by: Key = alice) =>
  service.send(by, 'invoice.pay', { from: 'credit', invoiceId, creditMsat })
/** An order whose invoice another has taken the place of. */
async function replaced(kind: Kind = 'created') {
  const first = await ordered(kind)
  const { id } = pay(first.invoiceId)
  return { first, second: await made(kind), id }
}
const invoice = (id: string) => service.environment.reader.get(tables.invoices, [id])
const order = ({ orderId }: Made) => service.environment.reader.get(tables.orders, [orderId])
const balance = () => service.query(alice, 'balance.get', {}).body.balanceMsat
const owner = () => service.query(bob, 'identifier.get', { identifier }).body.owner
const jobs = () => service.environment.reader.range(tables.jobs, []).map(({ row }) => row.type)
const results = (id: string) =>
  service.sent.filter(event => event.kind === 2411 && event.tags.some(tag => tag[1] === id)).length
/** Does the job that ends the hold of an invoice; the wallet takes the payment or gives it back. */
async function holdEnds(type: 'settle-hold' | 'cancel-hold', invoiceId: string, receivedMsat = 0): Promise<void> {
  const job = service.environment.reader
    .range(tables.jobs, [])
    .find(({ row }) => row.type === type && (row.payload as Made).invoiceId === invoiceId)
  if (job === undefined) throw new Error(`there is no ${type} of ${invoiceId}`)
  const settled = receivedMsat === 0 ? null : { receivedMsat, settledAt: service.clock.time }
  const params = { jobId: job.key[0], invoiceId, settled }
  await service.appendFact({ method: holdEnded, params, dedupeKey: `hold:${job.key[0]}:ended` })
}
const notices = () => service.notices(alice).map(({ type }) => type)

describe('a part of an invoice that the balance pays', () => {
  it('leaves an invoice for the rest, which fulfils the order', async () => {
    const first = await ordered()
    const { id, status } = pay(first.invoiceId)
    expect([status, balance()]).toEqual(['pending', 2_000_000 - partMsat])
    const second = await made()
    expect(service.resultOf(id, alice)).toMatchObject({
      status: 'payment-required',
      body: {
        order: { id: first.orderId, status: 'invoiced', creditMsat: partMsat, invoiceId: second.invoiceId },
        invoice: { id: second.invoiceId, amountMsat: restMsat, creditMsat: partMsat, replaces: first.invoiceId },
      },
    })
    expect(invoice(first.invoiceId)?.status).toBe('expired')
    await service.settle(second.paymentHash, restMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_000_000 - partMsat])
    const receipt = service.query(alice, 'order.receipt', { orderId: first.orderId }).body.receipt as {
      content: string
    }
    expect(JSON.parse(receipt.content)).toMatchObject({
      paid: { byInvoiceMsat: restMsat, fromBalanceMsat: partMsat },
      invoice: { id: second.invoiceId },
    })
  })

  it('adds to what the order was given when it was placed, and to earlier parts', async () => {
    const first = await ordered('created', { creditMsat: 100_000 })
    pay(first.invoiceId)
    const second = await made()
    pay(second.invoiceId, 200_000)
    const third = await made()
    expect([invoice(third.invoiceId)?.amountMsat, balance()]).toEqual([800_000, 1_300_000])
    await service.settle(third.paymentHash, 800_000)
    expect([owner(), balance()]).toEqual([alice.publicKey, 1_300_000])
  })

  it.each([
    { offered: 1_500_000, what: 'as much as it asks for' },
    { offered: 9_000_000_000, what: 'more than it asks for' },
    { offered: 1_499_999_999, what: 'more than the balance has' },
  ])('pays all of it with $what', async ({ offered }) => {
    const first = await ordered('held')
    expect(pay(first.invoiceId, offered)).toMatchObject({ status: 'ok', body: { order: { status: 'fulfilled' } } })
    expect([balance(), jobs()]).toEqual([500_000, ['cancel-hold']])
  })

  it.each([
    [1_499_500, 1_499_000],
    [1_500, 1_000],
    [1_000, 1_000],
  ])('leaves whole satoshis of %i: %i', async (offered, taken) => {
    const first = await ordered()
    pay(first.invoiceId, offered)
    const second = await made()
    expect(invoice(second.invoiceId)).toMatchObject({ amountMsat: priceMsat - taken, creditMsat: taken })
  })

  it.each([[0], [-1], [0.5], [100_000_000_000_001], ['1'], [undefined]])('is no amount: %s', async creditMsat => {
    const { invoiceId } = await ordered()
    const event = service.sign(alice, 2410, 'invoice.pay', { from: 'credit', invoiceId, creditMsat })
    expect(service.apply(event)).toMatchObject({ code: 'INVALID_PARAMS' })
  })

  it.each<[string, string, (first: Made) => unknown, { offered?: number; by?: Key }]>([
    ['INSUFFICIENT_BALANCE', 'more than there is', () => service.fund(bob, 1), { offered: partMsat }],
    ['CONFLICT', 'less than a satoshi', () => undefined, { offered: 999 }],
    ['UNAUTHORIZED', 'of another', () => undefined, { by: bob }],
    ['CONFLICT', 'twice at once', first => pay(first.invoiceId), {}],
    [
      'CONFLICT',
      'of an order that is cancelled',
      ({ orderId }) => service.send(alice, 'order.cancel', { orderId }),
      {},
    ],
    ['ALREADY_PAID', 'that is paid', ({ paymentHash }) => service.settle(paymentHash, priceMsat), {}],
    ['INVOICE_EXPIRED', 'that has expired', () => service.advance(901), {}],
    ['INVOICE_EXPIRED', 'that is about to expire', () => service.advance(841), {}],
    [
      'CONFLICT',
      'that a wallet is asked to pay',
      ({ invoiceId }) => service.send(alice, 'invoice.pay', { from: 'wallet', invoiceId, handle }),
      {},
    ],
  ])('is refused with %s: %s', async (code, _what, prepare, { offered = partMsat, by = alice }) => {
    const first = await ordered()
    await prepare(first)
    if (code === 'INSUFFICIENT_BALANCE') {
      service.send(alice, 'balance.withdraw', { lightningAddress: 'a@wallet.example', amountMsat: 1_900_000 })
    }
    const [before, asked] = [balance(), jobs()]
    expect(pay(first.invoiceId, offered, by).body).toMatchObject({ code })
    expect([balance(), jobs()]).toEqual([before, asked])
  })

  it('is not for a top-up, nor for an invoice that is not made', async () => {
    service.send(alice, 'balance.topup', { amountMsat: 5_000_000 })
    const topUp = await made()
    expect(pay(topUp.invoiceId).body).toMatchObject({ code: 'CONFLICT' })
    service.send(alice, 'identifier.register', { identifier })
    const requested = service.environment.reader
      .range(tables.invoices, [])
      .find(({ row }) => row.status === 'requested')
    expect(pay(requested?.key[0] ?? '').body).toMatchObject({ code: 'CONFLICT' })
  })

  it('is for invoices that do not last as long as a command may take, too', async () => {
    await service.close()
    const orders = { ...testSettings.orders, commandDeadlineSeconds: 3_600 }
    service = await openService({ ...testSettings, orders })
    await service.fund(alice, 2_000_000)
    const { first, second } = await replaced()
    expect(invoice(second.invoiceId)).toMatchObject({ amountMsat: restMsat, creditMsat: partMsat })
    await service.advance(451)
    expect(pay(second.invoiceId).body).toMatchObject({ code: 'INVOICE_EXPIRED' })
    await service.advance(750)
    expect([order(first)?.status, balance()]).toEqual(['expired', 2_000_000])
  })

  it('makes nothing last longer than it would have', async () => {
    const first = await ordered()
    await service.advance(600)
    pay(first.invoiceId)
    const [job] = service.environment.reader.range(tables.jobs, [])
    expect(job?.row.payload).toMatchObject({ expirySeconds: 300, amountMsat: restMsat, hold: true })
    await made()
    await service.advance(601)
    expect([order(first)?.status, balance()]).toEqual(['expired', 2_000_000])
  })
})

describe('while the invoice for the rest is not made', () => {
  it.each([
    { answer: 'failed' as const, code: 'PAYMENT_UNAVAILABLE' },
    { answer: 'refused' as const, code: 'PAYMENT_FAILED' },
  ])(
    'and when it cannot be ($answer), the part is given back and the former invoice holds',
    async ({ answer, code }) => {
      const first = await ordered()
      const { id } = pay(first.invoiceId)
      await service.walletAnswers(answer)
      expect(service.resultOf(id, alice)?.body).toMatchObject({ code })
      expect(balance()).toBe(2_000_000)
      expect(order(first)).toMatchObject({ status: 'invoiced', creditMsat: 0, invoiceId: first.invoiceId })
      await service.settle(first.paymentHash, priceMsat)
      expect([owner(), balance(), results(id)]).toEqual([alice.publicKey, 2_000_000, 1])
    },
  )

  it('for a minute, the part is given back, and when it is made later nobody needs it', async () => {
    const first = await ordered()
    const { id } = pay(first.invoiceId)
    await service.advance(60)
    expect(service.resultOf(id, alice)?.body).toMatchObject({ code: 'PAYMENT_UNAVAILABLE' })
    expect([balance(), order(first)?.status]).toEqual([2_000_000, 'invoiced'])
    const late = await made('held')
    expect([invoice(late.invoiceId)?.status, jobs(), results(id)]).toEqual(['expired', ['cancel-hold'], 1])
    expect(pay(first.invoiceId).status).toBe('pending')
    await service.walletAnswers()
  })

  it('and it is paid though it came too late, the balance pays its part if it has it', async () => {
    const first = await ordered()
    pay(first.invoiceId)
    await service.advance(60)
    const late = await made()
    await service.settle(late.paymentHash, restMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_000_000 - partMsat])
    await service.settle(first.paymentHash, priceMsat)
    expect(balance()).toBe(2_000_000 - partMsat + priceMsat)
  })

  it.each(['created', 'held'] as const)(
    'and the former one is paid, that counts, and the part is given back: %s',
    async kind => {
      const first = await ordered(kind)
      const { id } = pay(first.invoiceId)
      if (kind === 'held') await service.accept(first.paymentHash, priceMsat)
      else await service.settle(first.paymentHash, priceMsat)
      expect(service.resultOf(id, alice)?.body).toMatchObject({ code: 'ALREADY_PAID' })
      const second = await made(kind)
      expect(invoice(second.invoiceId)?.status).toBe('expired')
      if (kind === 'held') {
        await holdEnds('cancel-hold', second.invoiceId)
        await holdEnds('settle-hold', first.invoiceId, priceMsat)
      }
      expect([owner(), balance(), results(id)]).toEqual([alice.publicKey, 2_000_000, 1])
      expect(service.query(alice, 'order.receipt', { orderId: first.orderId }).status).toBe('ok')
    },
  )

  it('and too little is paid of the former one, the order waits for the new one', async () => {
    const first = await ordered()
    pay(first.invoiceId)
    await service.settle(first.paymentHash, 7_000)
    const second = await made()
    await service.settle(second.paymentHash, restMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_007_000 - partMsat])
  })

  it('and the order is cancelled, the part is given back once', async () => {
    const first = await ordered('held')
    const { id } = pay(first.invoiceId)
    service.send(alice, 'order.cancel', { orderId: first.orderId })
    expect(service.resultOf(id, alice)?.body).toMatchObject({ code: 'CONFLICT' })
    expect([balance(), jobs().sort()]).toEqual([2_000_000, ['cancel-hold', 'create-invoice']])
    await made('held')
    await service.advance(2_000)
    expect([balance(), results(id)]).toEqual([2_000_000, 1])
  })

  it('and the balance pays all, the part is of that', async () => {
    const first = await ordered()
    const { id } = pay(first.invoiceId)
    expect(service.send(alice, 'invoice.pay', { from: 'balance', invoiceId: first.invoiceId }).status).toBe('ok')
    expect(service.resultOf(id, alice)?.body).toMatchObject({ code: 'ALREADY_PAID' })
    await made()
    expect(balance()).toBe(2_000_000 - priceMsat)
  })

  it('the former one is paid by no wallet', async () => {
    const { invoiceId } = await ordered()
    pay(invoiceId)
    expect(service.send(alice, 'invoice.pay', { from: 'wallet', invoiceId, handle }).body).toMatchObject({
      code: 'CONFLICT',
    })
    await service.walletAnswers()
  })

  it('and time stands still over the deadline and the end of the order, both are handled at once', async () => {
    const first = await ordered('created', { creditMsat: 100_000 })
    const { id } = pay(first.invoiceId)
    service.clock.time += 2_000
    await service.advance(0)
    expect([order(first)?.status, balance(), results(id)]).toEqual(['expired', 2_000_000, 1])
    await service.walletAnswers('failed')
  })
})

describe('an invoice that another has taken the place of', () => {
  it('fulfils the order when it is paid all the same, and the part is given back', async () => {
    const { first, second } = await replaced()
    await service.settle(first.paymentHash, priceMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_000_000])
    expect(order(first)).toMatchObject({ invoiceId: first.invoiceId, creditMsat: 0, invoicedMsat: priceMsat })
    expect(invoice(second.invoiceId)?.status).toBe('expired')
    await service.settle(second.paymentHash, restMsat)
    expect(balance()).toBe(2_000_000 + restMsat)
    expect(notices().slice(-2)).toEqual(['invoice.settled', 'order.credited'])
  })

  it('is credited when the other is paid first', async () => {
    const { first, second } = await replaced()
    await service.settle(second.paymentHash, restMsat)
    await service.settle(first.paymentHash, priceMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_000_000 - partMsat + priceMsat])
    expect(notices().at(-1)).toBe('order.credited')
  })

  it('goes back when its payment waits, and the order goes on', async () => {
    const { first, second } = await replaced('held')
    await service.accept(first.paymentHash, priceMsat)
    expect(notices().at(-1)).toBe('invoice.cancelled')
    await service.accept(second.paymentHash, restMsat)
    // The one is given back while the other is being taken.
    await holdEnds('cancel-hold', first.invoiceId)
    expect(order(first)?.status).toBe('accepted')
    await holdEnds('settle-hold', second.invoiceId, restMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_000_000 - partMsat])
  })

  it('does not end the order when too little is paid of it while the other is being taken', async () => {
    const first = await ordered()
    pay(first.invoiceId)
    const second = await made('held')
    await service.accept(second.paymentHash, restMsat)
    await service.settle(first.paymentHash, 7_000)
    expect(order(first)?.status).toBe('accepted')
    await holdEnds('settle-hold', second.invoiceId, restMsat)
    expect([owner(), balance()]).toEqual([alice.publicKey, 2_007_000 - partMsat])
  })

  it('is not paid by a wallet, in part, or from the balance beside the other', async () => {
    const { first, second } = await replaced('held')
    const { invoiceId } = first
    expect(pay(invoiceId).body).toMatchObject({ code: 'CONFLICT' })
    expect(service.send(alice, 'invoice.pay', { from: 'wallet', invoiceId, handle }).body).toMatchObject({
      code: 'CONFLICT',
    })
    await service.endHold(null)
    expect(service.send(alice, 'invoice.pay', { from: 'balance', invoiceId }).status).toBe('ok')
    expect([balance(), jobs()]).toEqual([500_000, ['cancel-hold']])
    expect(invoice(second.invoiceId)?.status).toBe('open')
  })

  it.each([
    ['expires', () => service.advance(1_300)],
    ['is cancelled', ({ orderId }: Made) => service.send(alice, 'order.cancel', { orderId })],
  ])('is credited, or fulfilled late, when the order %s; the part was given back once', async (what, end) => {
    const { first, second } = await replaced()
    await end(first)
    expect(balance()).toBe(2_000_000)
    await service.settle(second.paymentHash, restMsat)
    await service.settle(first.paymentHash, priceMsat)
    const isLate = what === 'expires'
    expect(owner()).toBe(isLate ? alice.publicKey : undefined)
    expect(balance()).toBe(isLate ? 2_000_000 - partMsat + priceMsat : 2_000_000 + restMsat + priceMsat)
  })

  it('is credited when the name has gone to another meanwhile', async () => {
    const { first, second } = await replaced()
    await service.advance(1_300)
    await service.fund(bob, priceMsat)
    service.send(bob, 'identifier.register', { identifier, pay: 'balance' })
    await service.settle(second.paymentHash, restMsat)
    await service.settle(first.paymentHash, priceMsat)
    expect([owner(), balance()]).toEqual([bob.publicKey, 2_000_000 + restMsat + priceMsat])
  })
})

it('a price that is no whole satoshis leaves whole satoshis to the invoice', async () => {
  const settings = { ...testSettings, items: [{ id: 'odd', description: 'odd', priceMsat: 10_500, fiat: null }] }
  const odd = await openService(settings)
  await odd.fund(alice, 20_000)
  odd.send(alice, 'order.place', { items: [{ itemId: 'odd' }] })
  await odd.walletAnswers()
  const open = odd.environment.reader.range(tables.invoices, []).find(({ row }) => row.status === 'open')
  odd.send(alice, 'invoice.pay', { from: 'credit', invoiceId: open?.key[0], creditMsat: 3_600 })
  const paymentHash = await odd.walletAnswers()
  expect(odd.query(alice, 'balance.get', {}).body.balanceMsat).toBe(20_000 - 3_500)
  await odd.settle(paymentHash, 7_000)
  expect(odd.query(alice, 'balance.get', {}).body.balanceMsat).toBe(20_000 - 3_500)
  expect([contradictions(odd.environment), odd.errors]).toEqual([[], []])
  await odd.close()
})

import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { invoiceCreated, invoiceLookedUp } from '../../../src/domain/billing/invoice-facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, operator, type TestService } from '../service.ts'
import { contentsOf } from './contents.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const identifier = 'alice@example.com'
const priceMsat = 1_500_000
const preimage = '5a'.repeat(32)
const paymentHash = createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  checkBooks()
  await service.close()
})

/** Money neither appears nor vanishes. */
function checkBooks(): void {
  const sum = service.environment.reader.range(tables.balances, []).reduce((total, { row }) => total + row.msat, 0)
  expect(sum).toBe(0)
}

/** The invoice that the wallet is asked for. */
function requested(): { jobId: string; invoiceId: string } {
  const [job] = service.environment.reader.range(tables.jobs, [])
  if (job?.row.type !== 'create-invoice') throw new Error('no invoice was asked for')
  return { jobId: job.key[0], invoiceId: (job.row.payload as { invoiceId: string }).invoiceId }
}

/** Orders a name, and has the wallet make an invoice for `preimage`. */
async function invoiced(by: Key = alice): Promise<{ invoiceId: string; orderId: string; commandId: string }> {
  const { id: commandId } = service.send(by, 'identifier.register', { identifier })
  const { jobId, invoiceId } = requested()
  const params = { jobId, invoiceId, bolt11: 'lnbcrt1', paymentHash, expiresAt: service.clock.time + 900 }
  await service.appendFact({ method: invoiceCreated, params, dedupeKey: `invoice:${invoiceId}:created` })
  const { orderId } = service.environment.reader.get(tables.invoices, [invoiceId]) ?? { orderId: '' }
  return { invoiceId, orderId, commandId }
}

const payFromBalance = (by: Key, invoiceId: string) => service.send(by, 'invoice.pay', { from: 'balance', invoiceId })
const show = (by: Key, invoiceId: string, shown = preimage) =>
  service.send(by, 'invoice.pay', { from: 'preimage', invoiceId, preimage: shown })
const balance = (key: Key) => service.query(key, 'balance.get', {}).body.balanceMsat
const owner = () => service.query(bob, 'identifier.get', { identifier }).body.owner
const settle = (receivedMsat: number) => service.settle(paymentHash, receivedMsat)

/** The wallet's answer to the look-up that a shown preimage asked for. */
async function walletSays(
  settled: { receivedMsat: number; settledAt: number } | null,
  reachable = true,
): Promise<void> {
  const [job] = service.environment.reader.range(tables.jobs, [])
  if (job?.row.type !== 'look-up-invoice') throw new Error('no look-up was asked for')
  const { commandId } = job.row.payload as { commandId: string }
  const params = { jobId: job.key[0], commandId, paymentHash, settled, reachable }
  await service.appendFact({ method: invoiceLookedUp, params, dedupeKey: `look-up:${commandId}` })
}

describe('invoice.pay from the balance', () => {
  it('pays and fulfils the order', async () => {
    await service.fund(alice, 2_000_000)
    const { invoiceId } = await invoiced()
    expect(payFromBalance(alice, invoiceId)).toMatchObject({ status: 'ok', body: { order: { status: 'fulfilled' } } })
    expect([owner(), balance(alice)]).toEqual([alice.publicKey, 500_000])
    expect(service.environment.reader.range(tables.holds, [])).toEqual([])
  })

  it('credits what is paid over Lightning afterwards', async () => {
    await service.fund(alice, 2_000_000)
    const { invoiceId } = await invoiced()
    payFromBalance(alice, invoiceId)
    await settle(priceMsat)
    expect(service.notices(alice).at(-1)).toMatchObject({ type: 'order.credited' })
    expect([owner(), balance(alice)]).toEqual([alice.publicKey, 2_000_000])
  })

  it('gives the order its one result when it is paid before the wallet has made the invoice', async () => {
    await service.fund(alice, 2_000_000)
    const command = service.send(alice, 'identifier.register', { identifier })
    const { invoiceId } = requested()
    expect(payFromBalance(alice, invoiceId).status).toBe('ok')
    await service.walletAnswers()
    await service.advance(61)
    const results = service.sent.filter(event => event.kind === 2411 && event.tags.some(tag => tag[1] === command.id))
    expect(results).toHaveLength(1)
    expect(service.resultOf(command.id, alice)).toMatchObject({
      status: 'ok',
      body: { order: { status: 'fulfilled' } },
    })
  })

  it.each([
    { case: 'an unknown invoice', code: 'NOT_FOUND', pay: () => payFromBalance(alice, '0'.repeat(32)) },
    { case: "another account's", code: 'UNAUTHORIZED', pay: (id: string) => payFromBalance(bob, id) },
    { case: "a customer's by an operator", code: 'UNAUTHORIZED', pay: (id: string) => payFromBalance(operator, id) },
    { case: 'more than there is', code: 'INSUFFICIENT_BALANCE', pay: (id: string) => payFromBalance(alice, id) },
  ])('refuses $case with $code', async ({ code, pay }) => {
    await service.fund(bob, 9_000_000)
    const { invoiceId } = await invoiced()
    const before = contentsOf(service.environment)
    expect(pay(invoiceId)).toMatchObject({ status: 'error', body: { code } })
    expect(contentsOf(service.environment)).toEqual(before)
    expect([owner(), balance(alice), balance(bob)]).toEqual([undefined, 0, 9_000_000])
  })

  it('refuses an expired invoice, at the second after its expiry', async () => {
    await service.fund(alice, 9_000_000)
    const { invoiceId } = await invoiced()
    await service.advance(901)
    expect(payFromBalance(alice, invoiceId).body).toMatchObject({ code: 'INVOICE_EXPIRED' })
    await service.advance(300)
    expect(payFromBalance(alice, invoiceId).body).toMatchObject({ code: 'INVOICE_EXPIRED' })
    expect(balance(alice)).toBe(9_000_000)
  })

  it('takes an invoice in its last second', async () => {
    await service.fund(alice, 9_000_000)
    const { invoiceId } = await invoiced()
    await service.advance(900)
    expect(payFromBalance(alice, invoiceId).status).toBe('ok')
  })

  it('refuses an invoice that is paid, whichever way', async () => {
    await service.fund(alice, 9_000_000)
    const { invoiceId } = await invoiced()
    payFromBalance(alice, invoiceId)
    expect(payFromBalance(alice, invoiceId).body).toMatchObject({ code: 'ALREADY_PAID' })
    await settle(priceMsat)
    expect(payFromBalance(alice, invoiceId).body).toMatchObject({ code: 'ALREADY_PAID' })
    expect(balance(alice)).toBe(9_000_000)
  })

  it('refuses to top up from the balance', async () => {
    await service.fund(alice, 9_000_000)
    service.send(alice, 'balance.topup', { amountMsat: 1_000 })
    const { invoiceId } = requested()
    await service.walletAnswers()
    expect(payFromBalance(alice, invoiceId).body).toMatchObject({ code: 'CONFLICT' })
  })

  it('refuses when the name has gone to another meanwhile', async () => {
    await service.fund(alice, 9_000_000)
    await service.fund(bob, 9_000_000)
    const first = await invoiced()
    await service.advance(1_300)
    service.send(bob, 'identifier.register', { identifier, pay: 'balance' })
    expect(payFromBalance(alice, first.invoiceId).body).toMatchObject({ code: 'INVOICE_EXPIRED' })
    expect([owner(), balance(alice)]).toEqual([bob.publicKey, 9_000_000])
  })

  it('must be encrypted', () => {
    const event = service.sign(alice, 2410, 'invoice.pay', { from: 'balance', invoiceId: '0'.repeat(32) })
    const plain = { ...event, tags: event.tags.filter(tag => tag[0] !== 'encryption') }
    expect(service.apply(plain)).toMatchObject({ code: 'ENCRYPTION_REQUIRED' })
  })
})

describe('invoice.pay by preimage', () => {
  const arrived = () => ({ receivedMsat: priceMsat, settledAt: service.clock.time })

  it('waits for the wallet to say that the money has arrived, and fulfils the order', async () => {
    const { invoiceId } = await invoiced()
    const command = show(alice, invoiceId)
    expect(command.status).toBe('pending')
    await walletSays(arrived())
    expect(service.resultOf(command.id, alice)).toMatchObject({
      status: 'ok',
      body: { order: { status: 'fulfilled' }, invoice: { status: 'settled', receivedMsat: priceMsat } },
    })
    expect([owner(), balance(alice)]).toEqual([alice.publicKey, 0])
  })

  it.each([
    { case: 'the wallet has not received it', settled: null, reachable: true, code: 'PAYMENT_FAILED' },
    { case: 'the wallet cannot be reached', settled: null, reachable: false, code: 'PAYMENT_UNAVAILABLE' },
  ])('fails when $case, and the order stays open', async ({ settled, reachable, code }) => {
    const { invoiceId, orderId } = await invoiced()
    const command = show(alice, invoiceId)
    await walletSays(settled, reachable)
    expect(service.resultOf(command.id, alice)).toMatchObject({ status: 'error', body: { code } })
    expect(service.query(alice, 'order.get', { orderId }).body).toMatchObject({ status: 'invoiced' })
    await settle(priceMsat)
    expect(owner()).toBe(alice.publicKey)
  })

  it('is PAYMENT_UNAVAILABLE when the wallet stays silent for a minute, and holds on to the order', async () => {
    const { invoiceId, orderId } = await invoiced()
    const command = show(alice, invoiceId)
    await service.advance(60)
    expect(service.resultOf(command.id, alice)?.body).toMatchObject({ code: 'PAYMENT_UNAVAILABLE' })
    expect(service.query(alice, 'order.get', { orderId }).body).toMatchObject({ status: 'invoiced' })
    await walletSays(arrived())
    expect(owner()).toBe(alice.publicKey)
    const results = service.sent.filter(event => event.kind === 2411 && event.tags.some(tag => tag[1] === command.id))
    expect(results).toHaveLength(1)
  })

  it.each([
    { case: 'a wrong preimage', code: 'PAYMENT_FAILED', by: alice, shown: '00'.repeat(32) },
    { case: 'the payment hash itself', code: 'PAYMENT_FAILED', by: alice, shown: paymentHash },
    { case: "another account's invoice", code: 'UNAUTHORIZED', by: bob, shown: preimage },
  ])('refuses $case with $code, asks nobody and moves nothing', async ({ code, by, shown }) => {
    const { invoiceId } = await invoiced()
    const before = contentsOf(service.environment)
    expect(show(by, invoiceId, shown).body).toMatchObject({ code })
    expect(service.environment.reader.range(tables.jobs, [])).toEqual([])
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it('refuses a preimage before there is an invoice', () => {
    service.send(alice, 'identifier.register', { identifier })
    const { invoiceId } = requested()
    const before = contentsOf(service.environment)
    expect(show(alice, invoiceId).body).toMatchObject({ code: 'PAYMENT_FAILED' })
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it('is answered at once when the money is known to have arrived', async () => {
    const { invoiceId } = await invoiced()
    await settle(priceMsat)
    expect(show(alice, invoiceId)).toMatchObject({ status: 'ok', body: { order: { status: 'fulfilled' } } })
  })

  it.each([
    { case: 'the stream comes first', streamFirst: true },
    { case: 'the look-up comes first', streamFirst: false },
  ])('books a payment once when $case', async ({ streamFirst }) => {
    const { invoiceId } = await invoiced()
    const command = show(alice, invoiceId)
    if (streamFirst) await settle(priceMsat)
    await walletSays(arrived())
    if (!streamFirst) await settle(priceMsat)
    expect(service.resultOf(command.id, alice)?.status).toBe('ok')
    expect([owner(), balance(alice)]).toEqual([alice.publicKey, 0])
    expect(service.notices(alice).map(notice => notice.type)).toEqual(['invoice.settled', 'order.fulfilled'])
    const settlements = service.environment.reader
      .range(tables.postings, [])
      .filter(({ row }) => row.reason === 'settlement')
    expect(settlements).toHaveLength(1)
  })

  it('may be shown twice, and each command has its own answer', async () => {
    const { invoiceId } = await invoiced()
    const commands = [show(alice, invoiceId), show(alice, invoiceId)]
    await walletSays(arrived())
    await walletSays(arrived())
    expect(commands.map(({ id }) => service.resultOf(id, alice)?.status)).toEqual(['ok', 'ok'])
    expect(balance(alice)).toBe(0)
  })

  it('pays a lapsed order if it still can', async () => {
    const { invoiceId } = await invoiced()
    await service.advance(1_300)
    show(alice, invoiceId)
    await walletSays(arrived())
    expect([owner(), balance(alice)]).toEqual([alice.publicKey, 0])
  })
})

describe('orders and invoices', () => {
  it.each([
    { method: 'order.get', pick: 'orderId' as const },
    { method: 'invoice.get', pick: 'invoiceId' as const },
  ])('$method is for the owner and operators', async ({ method, pick }) => {
    const made = await invoiced()
    const ask = (by: Key, id = made[pick]) => service.query(by, method, { [pick]: id })
    expect(ask(alice)).toMatchObject({ status: 'ok', body: { id: made[pick] } })
    expect(ask(operator)).toMatchObject({ status: 'ok', body: { id: made[pick] } })
    expect(ask(bob).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(ask(bob, '0'.repeat(32)).body).toMatchObject({ code: 'NOT_FOUND' })
  })
})

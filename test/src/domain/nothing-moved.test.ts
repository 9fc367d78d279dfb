import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isRejection } from '../../../src/rejections.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { contentsOf } from './contents.ts'
import { amountlessInvoice, mainnetInvoice, outsideInvoice } from './outside-invoice.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'
const handle = 'ab'.repeat(16)
const fundsMsat = 5_000_000
const amountMsat = 1_000_000
const lightningAddress = 'carol@wallet.example'

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, fundsMsat)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

/** What a client gets to see: the code of the refusal, at admission or in the result. */
function codeOf(by: typeof alice, method: string, params: unknown): unknown {
  const event = service.sign(by, 2410, method, params)
  const applied = service.apply(event)
  return isRejection(applied) ? applied.code : service.resultOf(event.id, by)?.body.code
}

const outside = (changes: object = {}) => outsideInvoice({ amountMsat, timestamp: service.clock.time, ...changes })
const withdraw = (bolt11: string, more: object = {}) => codeOf(alice, 'balance.withdraw', { bolt11, ...more })
const send = (to: object) => codeOf(alice, 'balance.withdraw', { lightningAddress, ...to })
const topUp = (asked: unknown) => codeOf(alice, 'balance.topup', { amountMsat: asked })
const register = (params: object) => codeOf(alice, 'identifier.register', { identifier, ...params })
const pay = (by: typeof alice, params: object) => codeOf(by, 'invoice.pay', params)

/** Alice's open invoice for a name. */
async function invoiced(): Promise<{ invoiceId: string; orderId: string; paymentHash: string }> {
  service.send(alice, 'identifier.register', { identifier })
  const paymentHash = await service.walletAnswers()
  const { invoiceId = '' } = service.environment.reader.get(tables.invoicesByHash, [paymentHash]) ?? {}
  const { orderId = '' } = service.environment.reader.get(tables.invoices, [invoiceId]) ?? {}
  return { invoiceId, orderId, paymentHash }
}
type Invoiced = Awaited<ReturnType<typeof invoiced>>

describe('nothing moves for', () => {
  it.each<[string, string, () => unknown]>([
    ['no invoice', 'PAYMENT_FAILED', () => withdraw('lnbcrt1notaninvoice')],
    ['nothing instead of an invoice', 'PAYMENT_FAILED', () => withdraw('')],
    ['an altered invoice', 'PAYMENT_FAILED', () => withdraw(outside().replace(/.$/, one => (one === 'q' ? 'p' : 'q')))],
    ['an invoice of mainnet', 'PAYMENT_FAILED', () => withdraw(mainnetInvoice)],
    ['an invoice without an amount', 'PAYMENT_FAILED', () => withdraw(amountlessInvoice)],
    ['an expired invoice', 'INVOICE_EXPIRED', () => withdraw(outside({ timestamp: service.clock.time - 601 }))],
    ['an invoice for more than there is', 'INSUFFICIENT_BALANCE', () => withdraw(outside({ amountMsat: fundsMsat }))],
    ['an invoice beyond all limits', 'INVALID_PARAMS', () => withdraw('l'.repeat(4_097))],
    ['a negative fee', 'INVALID_PARAMS', () => withdraw(outside(), { maxFeeMsat: -1 })],
    ['a part of a fee', 'INVALID_PARAMS', () => withdraw(outside(), { maxFeeMsat: 0.5 })],
    ['a fee without bounds', 'INVALID_PARAMS', () => withdraw(outside(), { maxFeeMsat: 1_000_000_001 })],
    ['a negative fee to an address', 'INVALID_PARAMS', () => send({ amountMsat, maxFeeMsat: -1 })],
    ['a private address to pay to', 'INVALID_PARAMS', () => send({ lightningAddress: 'carol@127.0.0.1', amountMsat })],
    ...amounts().flatMap(([what, amount]): [string, string, () => unknown][] => [
      [`a top-up of ${what}`, 'INVALID_PARAMS', () => topUp(amount)],
      [`a withdrawal of ${what}`, 'INVALID_PARAMS', () => send({ amountMsat: amount })],
      [`a part of ${what} from the balance`, 'INVALID_PARAMS', () => register({ creditMsat: amount })],
    ]),
    ['a top-up beyond the limit', 'LIMIT_REACHED', () => topUp(10_000_000_001)],
    [
      'more from the balance than it has',
      'INSUFFICIENT_BALANCE',
      () => codeOf(bob, 'identifier.register', { identifier, creditMsat: 1_000 }),
    ],
  ])('%s: %s', (_what, code, act) => {
    const before = contentsOf(service.environment)
    expect(act()).toBe(code)
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it.each<[string, string, (made: Invoiced) => unknown]>([
    ['a wrong preimage', 'PAYMENT_FAILED', ({ invoiceId }) => show(invoiceId, '00'.repeat(32))],
    ['the payment hash as a preimage', 'PAYMENT_FAILED', ({ invoiceId, paymentHash }) => show(invoiceId, paymentHash)],
    ['half a preimage', 'INVALID_PARAMS', ({ invoiceId }) => show(invoiceId, '00'.repeat(16))],
    ['a preimage for what is of another', 'UNAUTHORIZED', ({ invoiceId }) => show(invoiceId, '00'.repeat(32), bob)],
    [
      'what is of another, from the balance',
      'UNAUTHORIZED',
      ({ invoiceId }) => pay(bob, { from: 'balance', invoiceId }),
    ],
    [
      'what is of another, by a wallet',
      'UNAUTHORIZED',
      ({ invoiceId }) => pay(bob, { from: 'wallet', invoiceId, handle }),
    ],
    ['an unknown invoice', 'NOT_FOUND', () => pay(alice, { from: 'balance', invoiceId: '00'.repeat(16) })],
    ['an own invoice, as if of outside', 'CONFLICT', ({ paymentHash }) => withdraw(outside({ paymentHash }))],
  ])('%s: %s', async (_what, code, act) => {
    const made = await invoiced()
    const before = contentsOf(service.environment)
    expect(act(made)).toBe(code)
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it.each<[string, string, (made: Invoiced) => unknown]>([
    ['an expired invoice', 'INVOICE_EXPIRED', ({ invoiceId }) => pay(alice, { from: 'balance', invoiceId })],
    ['the same by a wallet', 'INVOICE_EXPIRED', ({ invoiceId }) => pay(alice, { from: 'wallet', invoiceId, handle })],
  ])('%s: %s', async (_what, code, act) => {
    const made = await invoiced()
    await service.advance(901)
    const before = contentsOf(service.environment)
    expect(act(made)).toBe(code)
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it.each<[string, (made: Invoiced) => unknown]>([
    ['from the balance', ({ invoiceId }) => pay(alice, { from: 'balance', invoiceId })],
    ['by a wallet', ({ invoiceId }) => pay(alice, { from: 'wallet', invoiceId, handle })],
  ])('what is paid already, %s', async (_how, act) => {
    const made = await invoiced()
    await service.settle(made.paymentHash, 1_500_000)
    const before = contentsOf(service.environment)
    expect(act(made)).toBe('ALREADY_PAID')
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it('a second payment of an invoice of outside', () => {
    expect(withdraw(outside())).toBeUndefined()
    const before = contentsOf(service.environment)
    expect(withdraw(outside())).toBe('ALREADY_PAID')
    expect(contentsOf(service.environment)).toEqual(before)
  })

  it('a wallet that tells of money for a hash that is nobody’s', async () => {
    await invoiced()
    const before = contentsOf(service.environment, ledgerOfFacts)
    await service.settle(createHash('sha256').update('nobody').digest('hex'), 1_500_000)
    expect(contentsOf(service.environment, ledgerOfFacts)).toEqual(before)
  })
})

/** What any fact adds to. */
const ledgerOfFacts = ['log', 'fact-keys']

function amounts(): [string, unknown][] {
  return [
    ['zero', 0],
    ['less than zero', -1],
    ['a fraction', 1.5],
    ['more than is exact', Number.MAX_SAFE_INTEGER + 1],
    ['more than anybody has', 100_000_000_000_001],
    ['text', '1000'],
  ]
}

function show(invoiceId: string, preimage: string, by = alice) {
  return pay(by, { from: 'preimage', invoiceId, preimage })
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { refuse, refuseStream, writeMessage } from './lnd-replies.ts'
import { type LndFixture, openLnd } from './open-lnd.ts'

const starting = 'the RPC server is in the process of starting up, but not yet ready to accept calls'
const unknown = { status: 'unknown' }

describe('LND, asked to pay', () => {
  let fixture: LndFixture
  let invoice: { bolt11: string; paymentHash: string }

  beforeEach(async () => {
    fixture = await openLnd()
    const { bolt11 } = await fixture.backend.createInvoice(requestOf({ amountMsat: 100_000_000 }), never)
    await fixture.pay(bolt11)
    invoice = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
  })
  afterEach(() => fixture.close())

  const pay = (bolt11 = invoice.bolt11, idempotencyKey = 'payment', signal = never) =>
    fixture.backend.pay({ idempotencyKey, bolt11, maxFeeMsat: 0 }, signal)
  const lookUp = (paymentHash = invoice.paymentHash) =>
    fixture.backend.lookUpPayment({ idempotencyKey: 'payment', paymentHash }, never)
  const sends = () => fixture.server.calls.filter(({ path }) => path === '/v2/router/send').length
  const paymentMessage = (changes: Record<string, unknown>) => ({
    payment_hash: invoice.paymentHash,
    payment_preimage: '00'.repeat(32),
    fee_msat: '0',
    status: 'FAILED',
    failure_reason: 'FAILURE_REASON_NO_ROUTE',
    ...changes,
  })

  const noOutcome: [string, Reply][] = [
    ['a page of a proxy that gave up', { status: 504, text: '<html>Gateway Timeout</html>' }],
    ['nothing', { stream: response => response.writeHead(200).end() }],
    ['half a message', { status: 200, text: '{"result":{"status":"FAILED"' }],
    ['that it is not ready', refuseStream(2, starting)],
    ['that it is locked', refuseStream(2, 'wallet locked, unlock it to enable full RPC access')],
    ['that it is away', refuseStream(14, 'connection error: desc = "transport: error while dialing"')],
    ['that it has no time', { status: 504, json: { code: 4, message: 'context deadline exceeded', details: [] } }],
    ['that the macaroon may not', refuseStream(2, 'permission denied')],
    ['that there is no such path', refuse(5, 'Not Found')],
    ['a state that there is not', { stream: response => writeMessage(response, { status: 'PAID' }) }],
  ]
  it.each(noOutcome)('does not know what became of it when LND answers %s', async (_case, reply) => {
    fixture.server.answerNext('pay', reply)
    expect(await pay(invoice.bolt11, 'payment', AbortSignal.timeout(500))).toEqual(unknown)
    // Asked again, it is paid: nothing had happened.
    expect(await pay()).toMatchObject({ status: 'paid' })
  })

  it.each([
    ['that is under way', { status: 'IN_FLIGHT', failure_reason: 'FAILURE_REASON_NONE' }],
    ['that has just begun', { status: 'INITIATED', failure_reason: 'FAILURE_REASON_NONE' }],
    ['whose parts still are under way', { status: 'IN_FLIGHT', failure_reason: 'FAILURE_REASON_TIMEOUT' }],
    ['in a state of a later version', { status: 'SETTLING' }],
  ])('does not know the outcome of a payment %s', async (_case, changes) => {
    fixture.server.answerNext('lookup', { stream: response => writeMessage(response, paymentMessage(changes)) })
    expect(await lookUp()).toEqual(unknown)
  })

  it.each([
    ['FAILURE_REASON_TIMEOUT', 'in time'],
    ['FAILURE_REASON_NO_ROUTE', 'no route'],
    ['FAILURE_REASON_INSUFFICIENT_BALANCE', 'balance'],
    ['FAILURE_REASON_INCORRECT_PAYMENT_DETAILS', 'payee'],
    ['FAILURE_REASON_OF_A_LATER_VERSION', 'lnd could not'],
  ])('says in words why it failed: %s', async (failure_reason, words) => {
    const message = paymentMessage({ failure_reason })
    fixture.server.answerNext('lookup', { stream: response => writeMessage(response, message) })
    expect(await lookUp()).toEqual({ status: 'failed', reason: expect.stringContaining(words) })
  })

  it.each([
    ['of another hash', { payment_hash: 'ab'.repeat(32) }],
    ['paid with another preimage', { status: 'SUCCEEDED', payment_preimage: 'cd'.repeat(32) }],
    ['paid without a preimage', { status: 'SUCCEEDED', payment_preimage: '' }],
    ['with a fee that is a number', { fee_msat: 1 }],
    ['with a fee that is not exact', { fee_msat: '9007199254740993' }],
    ['without a state', { status: undefined }],
  ])('does not believe in a payment %s', async (_case, changes) => {
    const reply: Reply = { stream: response => writeMessage(response, paymentMessage(changes)) }
    fixture.server.answerNext('lookup', reply)
    await expect(lookUp()).rejects.toThrow(LightningUnavailable)
    fixture.server.answerNext('pay', reply)
    expect(await pay()).toEqual(unknown)
  })

  it('does not take a path that is not there for a payment that was never made', async () => {
    fixture.server.answerNext('lookup', refuse(5, 'Not Found'))
    await expect(lookUp()).rejects.toThrow(LightningUnavailable)
    expect(await lookUp()).toBe(null)
  })

  it('sends nothing when it cannot find out whether it has paid', async () => {
    fixture.server.fail('lookup', 'unavailable')
    expect(await pay()).toEqual(unknown)
    for (const refusal of [refuse(2, starting), refuse(5, 'Not Found'), refuse(2, 'permission denied')]) {
      fixture.server.answerNext('decode', refusal)
      expect(await pay()).toEqual(unknown)
    }
    expect(sends()).toBe(0)
  })

  it.each([
    [
      'of the node itself',
      async () => (await fixture.backend.createInvoice(requestOf({ idempotencyKey: 'own' }), never)).bolt11,
      'node itself',
    ],
    ['with a wrong checksum', async () => `${invoice.bolt11.slice(0, -6)}qqqqqq`, 'does not make'],
  ])('says that it does not pay an invoice %s', async (_case, make, words) => {
    expect(await pay(await make())).toEqual({ status: 'failed', reason: expect.stringContaining(words) })
  })

  it('does not pay what failed before, by whatever key', async () => {
    const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'failed' })
    const outcomes = await Promise.all([pay(bolt11), pay(bolt11), pay(bolt11, 'other')])
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['failed']))
    await (await fixture.reopen()).pay({ idempotencyKey: 'payment', bolt11, maxFeeMsat: 0 }, never)
    expect(await lookUp(paymentHash)).toEqual(outcomes[0])
    expect(sends()).toBe(1)
  })

  it('sends one payment of many that are asked for at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, index) => pay(invoice.bolt11, `key-${index}`)))
    expect(new Set(outcomes.map(outcome => JSON.stringify(outcome))).size).toBe(1)
    expect(outcomes[0]).toMatchObject({ status: 'paid' })
    expect(sends()).toBe(1)
  })

  it('lets nobody wait longer than the own signal for a payment of others', async () => {
    const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'stuck' })
    const others = new AbortController()
    const first = pay(bolt11, 'first', others.signal)
    expect(await pay(bolt11, 'second', AbortSignal.timeout(50))).toEqual(unknown)
    expect(await pay(invoice.bolt11)).toMatchObject({ status: 'paid' })
    others.abort()
    expect(await first).toEqual(unknown)
    expect(await pay(bolt11, 'third')).toEqual(unknown)
  })

  it('finds that another process was faster', async () => {
    fixture.server.answerNext('lookup', refuseStream(5, "payment isn't initiated"))
    const other = await fixture.reopen()
    await other.pay({ idempotencyKey: 'other', bolt11: invoice.bolt11, maxFeeMsat: 0 }, never)
    // The look-up before said that there is none, LND says that there is one.
    fixture.server.answerNext('lookup', refuseStream(5, "payment isn't initiated"))
    expect(await pay()).toMatchObject({ status: 'paid' })
    expect(sends()).toBe(2)
  })
})

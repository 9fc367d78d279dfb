import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLndBackend, type LndOptions } from '../../../../../src/adapters/lightning/lnd/backend.ts'
import { type LightningBackend, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf } from '../invoice-request.ts'
import { type LndFixture, openLnd } from './open-lnd.ts'

const paymentHash = 'ab'.repeat(32)

const calls: [string, (backend: LightningBackend) => Promise<unknown>][] = [
  ['createInvoice', backend => backend.createInvoice(requestOf(), never)],
  ['createInvoice that holds', backend => backend.createInvoice(requestOf({ hold: true }), never)],
  ['lookUpInvoice', backend => backend.lookUpInvoice(paymentHash, never)],
  ['settleHold', backend => backend.settleHold('cd'.repeat(32), never)],
  ['cancelHold', backend => backend.cancelHold(paymentHash, never)],
  ['incoming', backend => backend.incoming(null, never)[Symbol.asyncIterator]().next()],
  ['lookUpPayment', backend => backend.lookUpPayment({ idempotencyKey: 'payment', paymentHash }, never)],
  ['balanceMsat', backend => backend.balanceMsat(never)],
  ['capabilities', backend => backend.capabilities(never)],
  ['check', backend => backend.check(never)],
]

describe('LND and the macaroon', () => {
  let fixture: LndFixture

  beforeEach(async () => {
    fixture = await openLnd()
  })
  afterEach(() => fixture.close())

  const connect = (changes: Partial<LndOptions>) =>
    createLndBackend({ url: fixture.server.url, macaroon: fixture.server.macaroon, now: fixture.now, ...changes })

  it.each(calls)('does not answer to a wrong one, which no error shows: %s', async (_name, act) => {
    const macaroon = `${fixture.server.macaroon.slice(0, -2)}00`
    const error = await act(connect({ macaroon })).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LightningUnavailable)
    expect(String(error)).toContain('does not accept the macaroon')
    expect(shownBy(error)).not.toContain(macaroon)
    expect(shownBy(error)).not.toContain(String(fixture.server.port))
  })

  it('does not pay with a wrong one, and says nothing of failure', async () => {
    const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000 })
    const backend = connect({ macaroon: '00' })
    expect(await backend.pay({ idempotencyKey: 'a', bolt11, maxFeeMsat: 0 }, never)).toEqual({ status: 'unknown' })
  })

  it.each([
    ['all', [], { hold: true, pay: true }],
    ['no payments', ['offchain:write'], { hold: true, pay: false }],
    ['no payments nor channels', ['offchain:write', 'offchain:read'], { hold: true, pay: false }],
    ['no invoices', ['invoices:write'], { hold: false, pay: true }],
  ])('says what it can do with %s', async (_case, missing, expected) => {
    for (const right of missing) fixture.server.rights.delete(right)
    const always = { descriptionHash: true, limitsFees: true, knowsItsPayments: true, resolutionMsat: 1 }
    const all = { ...expected, ...always, maxDescriptionLength: 639 }
    expect(await fixture.backend.capabilities(never)).toEqual(all)
  })

  it('needs no more than the rights to invoices to receive and hold', async () => {
    for (const right of ['info:read', 'offchain:read', 'offchain:write']) fixture.server.rights.delete(right)
    await expect(fixture.backend.check(never)).resolves.toBeUndefined()
    const { bolt11, paymentHash } = await fixture.backend.createInvoice(requestOf({ hold: true }), never)
    await fixture.pay(bolt11)
    expect(await fixture.backend.settleHold(requestOf().preimage, never)).toBe('settled')
    expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toMatchObject({ status: 'settled' })
    await expect(fixture.backend.balanceMsat(never)).rejects.toThrow('does not give the right')
  })

  it('finds out what it can do without any effect', async () => {
    await fixture.backend.createInvoice(requestOf({ hold: true }), never)
    const before = fixture.server.calls.length
    await fixture.backend.capabilities(never)
    const asked = fixture.server.calls.slice(before).map(({ path, body }) => [path, body])
    expect(asked.sort()).toEqual([
      ['/v2/invoices/cancel', JSON.stringify({ payment_hash: Buffer.alloc(32, 0xff).toString('base64') })],
      ['/v2/router/send', '{}'],
    ])
  })

  it.each([
    [404, 5, 'Not Found'],
    [501, 12, 'unknown service invoicesrpc.Invoices'],
  ])('cannot hold where LND was built without it (%s)', async (status, code, message) => {
    fixture.server.answerNext('hold', { status, json: { code, message, details: [] } })
    expect(await fixture.backend.capabilities(never)).toMatchObject({ hold: false, pay: true })
  })

  it('says that a right is missing, and never that a payment failed', async () => {
    fixture.server.rights.delete('offchain:write')
    const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000 })
    const payment = { idempotencyKey: 'a', bolt11, maxFeeMsat: 0 }
    expect(await fixture.backend.pay(payment, never)).toEqual({ status: 'unknown' })
    fixture.server.rights.delete('invoices:write')
    await expect(fixture.backend.createInvoice(requestOf(), never)).rejects.toThrow('does not give the right')
  })

  it.each([
    ['an URL that is none', { url: 'node.example:8080' }],
    ['an URL of something else', { url: 'ftp://node.example' }],
    ['an URL with a password', { url: 'https://alice:secret@node.example' }],
    ['a macaroon that is not hex', { macaroon: 'MDAyYmxvY2F0aW9u' }],
    ['a macaroon with a line break', { macaroon: '0201\n' }],
    ['no macaroon', { macaroon: '' }],
  ])('is not used with %s, which the error does not show', (_case, changes) => {
    const [value] = Object.values(changes)
    let error: unknown
    try {
      connect(changes)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(Error)
    if (value) expect(String(error)).not.toContain(value)
  })
})

function shownBy(error: unknown): string {
  return error instanceof Error ? `${error.stack} ${String(error.cause)} ${JSON.stringify(error)}` : String(error)
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPhoenixdBackend } from '../../../../../src/adapters/lightning/phoenixd/backend.ts'
import { type InvoiceRequest, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import type { LightningFixture } from '../contract.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { openPhoenixd } from './open-phoenixd.ts'
import { type PhoenixdServer, passwords } from './phoenixd-server.ts'

describe('phoenixd', () => {
  let fixture: LightningFixture
  let server: PhoenixdServer

  beforeEach(async () => {
    ;({ fixture, server } = await openPhoenixd())
  })
  afterEach(() => fixture.close())

  const create = (changes: Partial<InvoiceRequest> = {}) => fixture.backend.createInvoice(requestOf(changes), never)
  const connect = (password: string) => createPhoenixdBackend({ url: `${server.url}/`, password, now: fixture.now })
  const asked = (path: string) => server.local.calls.filter(call => call.path === path)
  const formsOf = (path: string) => asked(path).map(({ body }) => Object.fromEntries(new URLSearchParams(body)))

  describe('makes invoices', () => {
    it('by the documented calls', async () => {
      const { description } = requestOf()
      const { bolt11 } = await create({ idempotencyKey: 'order:7' })
      expect(server.local.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
        'GET /payments/incoming',
        'POST /createinvoice',
        'GET /payments/incoming',
        'POST /decodeinvoice',
      ])
      const [list] = asked('/payments/incoming')
      expect(Object.fromEntries(list?.query ?? [])).toEqual({ externalId: 'panda:order:7', all: 'true', limit: '1000' })
      expect(list?.headers.authorization).toBe(`Basic ${Buffer.from(`:${passwords.full}`).toString('base64')}`)
      expect(asked('/createinvoice')[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
      const form = { amountSat: '21000', description, expirySeconds: '900', externalId: 'panda:order:7' }
      expect(formsOf('/createinvoice')).toEqual([form])
      expect(formsOf('/decodeinvoice')).toEqual([{ invoice: bolt11 }])
    })

    it('with a hash and no description', async () => {
      const descriptionHash = sha256('metadata')
      await create({ descriptionHash })
      expect(formsOf('/createinvoice')).toEqual([
        { amountSat: '21000', descriptionHash, expirySeconds: '900', externalId: 'panda:invoice-1' },
      ])
      expect(await create({ descriptionHash })).toEqual(await create({ descriptionHash }))
    })

    it.each(['k'.repeat(500), 'заказ "7"\n', 'a&b=c#d', '%20', ' '])('for the key %j', async idempotencyKey => {
      expect(await create({ idempotencyKey })).toEqual(await create({ idempotencyKey }))
      expect(asked('/createinvoice')).toHaveLength(1)
    })

    it.each<[string, Partial<InvoiceRequest>, Partial<InvoiceRequest>]>([
      ['another amount', {}, { amountMsat: 1_000 }],
      ['another description', {}, { description: 'something else' }],
      ['a hash instead of a description', {}, { descriptionHash: '00'.repeat(32) }],
      ['a description instead of a hash', { descriptionHash: '00'.repeat(32) }, {}],
      ['another hash', { descriptionHash: '00'.repeat(32) }, { descriptionHash: '11'.repeat(32) }],
      ['another time to pay', {}, { expirySeconds: 901 }],
    ])('not for %s than before', async (_case, first, second) => {
      await create(first)
      const again = create(second)
      await expect(again).rejects.toThrow(/different request/)
      await expect(again).rejects.not.toBeInstanceOf(LightningUnavailable)
      expect(asked('/createinvoice')).toHaveLength(1)
    })

    it.each<[string, Partial<InvoiceRequest>]>([
      ['to be held', { hold: true }],
      ['with parts of a satoshi', { amountMsat: 21_000_001 }],
      ['with 129 characters', { description: 'd'.repeat(129) }],
      ['with half of a hash', { descriptionHash: '00'.repeat(16) }],
    ])('not %s, and does not ask phoenixd', async (_case, changes) => {
      await expect(create(changes)).rejects.toThrow(RangeError)
      expect(server.local.calls).toEqual([])
    })

    it('the oldest, when two were made for one key', async () => {
      // The list of a moment ago, before the first one was made.
      server.answerNext('/payments/incoming', { status: 200, json: [] })
      const first = await create()
      server.answerNext('/payments/incoming', { status: 200, json: [] })
      fixture.advance(1)
      expect(await create()).toEqual(first)
      expect(await create()).toEqual(first)
      expect(asked('/createinvoice')).toHaveLength(2)
    })

    it('not of another’s, should the list not look at the key', async () => {
      await create({ idempotencyKey: 'other' })
      const entries = [
        { invoice: 'lnbcrt1', createdAt: 1 },
        { externalId: 'panda:other', invoice: 'lnbcrt2', createdAt: 2 },
      ]
      server.answerNext('/payments/incoming', { status: 200, json: entries })
      expect(await create()).not.toEqual(await create({ idempotencyKey: 'other' }))
    })

    it('for whoever waits, and not for who gave up waiting', async () => {
      server.local.fail('create', { delayMs: 300 })
      const first = create()
      const second = fixture.backend.createInvoice(requestOf(), AbortSignal.timeout(20))
      await expect(second).rejects.toThrow(LightningUnavailable)
      expect(await create()).toEqual(await first)
    })
  })

  it('holds nothing', async () => {
    await expect(fixture.backend.settleHold('00'.repeat(32), never)).rejects.toThrow(/cannot hold payments/)
    await expect(fixture.backend.cancelHold('00'.repeat(32), never)).rejects.toThrow(/cannot hold payments/)
    expect(await fixture.backend.capabilities(never)).toEqual({
      hold: false,
      descriptionHash: true,
      pay: true,
      limitsFees: true,
      knowsItsPayments: true,
      resolutionMsat: 1_000,
      maxDescriptionLength: 128,
    })
  })

  describe('tells what a payer sent', () => {
    const settled = {
      paymentHash: '00'.repeat(32),
      preimage: '11'.repeat(32),
      isPaid: true,
      completedAt: 1_790_000_000_999,
    }
    const receive = (receivedSat: number, fees: number): Reply => ({
      status: 200,
      json: { ...settled, receivedSat, fees },
    })

    it.each([
      [21_000, 0, 21_000_000],
      // A channel was opened for it, which the payer does not owe.
      [19_781, 1_219_000, 21_000_000],
      [19_780, 1_219_433, 21_000_000],
      [0, 21_000_000, 21_000_000],
    ])('%i sat and %i msat', async (receivedSat, fees, receivedMsat) => {
      server.answerNext(`/payments/incoming/${settled.paymentHash}`, receive(receivedSat, fees))
      expect(await fixture.backend.lookUpInvoice(settled.paymentHash, never)).toEqual({
        status: 'settled',
        receivedMsat,
        at: 1_790_000_000,
        preimage: settled.preimage,
      })
    })
  })

  it.each([204, 404])('knows no invoice when it answers %i', async status => {
    const paymentHash = '00'.repeat(32)
    server.answerNext(`/payments/incoming/${paymentHash}`, { status, text: '' })
    expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toEqual({ status: 'unknown' })
    server.answerNext(`/payments/outgoingbyhash/${paymentHash}`, { status, text: '' })
    expect(await fixture.backend.lookUpPayment({ idempotencyKey: 'a', paymentHash }, never)).toBe(null)
  })

  describe('refuses', () => {
    it('a wrong password, and no error shows it', async () => {
      const password = 'password-of-somebody-else'
      const backend = connect(password)
      const { bolt11, paymentHash } = await create()
      const calls = [
        backend.capabilities(never),
        backend.createInvoice(requestOf(), never),
        backend.lookUpInvoice(paymentHash, never),
        backend.lookUpPayment({ idempotencyKey: 'a', paymentHash }, never),
        backend.balanceMsat(never),
        backend.check(never),
        backend.incoming(null, never)[Symbol.asyncIterator]().next(),
      ]
      const encoded = Buffer.from(`:${password}`).toString('base64')
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === 'fulfilled') throw new Error('the call was answered')
        expect(outcome.reason).toBeInstanceOf(LightningUnavailable)
        const shown = `${outcome.reason.stack} ${outcome.reason.cause}`
        expect(shown).not.toContain(password)
        expect(shown).not.toContain(encoded)
      }
      const request = { idempotencyKey: 'a', bolt11, maxFeeMsat: 1_000_000 }
      expect(await backend.pay(request, never)).toEqual({ status: 'unknown' })
      expect(backend.name).toBe('phoenixd')
    })

    it('to pay by the limited password, and says so before', async () => {
      const backend = connect(passwords.limited)
      expect(await backend.capabilities(never)).toMatchObject({ pay: false, descriptionHash: true })
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000 })
      const outcome = await backend.pay({ idempotencyKey: 'a', bolt11, maxFeeMsat: 1_000_000 }, never)
      expect(outcome).toEqual({ status: 'failed', reason: 'this password does not allow to pay' })
      expect(await backend.createInvoice(requestOf(), never)).toMatchObject({ paymentHash: expect.any(String) })
    })
  })
})

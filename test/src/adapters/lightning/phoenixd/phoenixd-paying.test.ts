import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { feeMsatOf } from '../../../../../src/adapters/lightning/phoenixd/payments.ts'
import type { LightningFixture } from '../contract.ts'
import { never, requestOf } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { openPhoenixd } from './open-phoenixd.ts'
import type { PhoenixdServer } from './phoenixd-server.ts'

const done = (json: unknown): Reply => ({ status: 200, json })
const failed = { status: 'failed', reason: expect.stringMatching(/./) }
const amountMsat = 5_000_123
const feeMsat = 4_000 + 20_001

describe('phoenixd pays', () => {
  let fixture: LightningFixture
  let server: PhoenixdServer

  beforeEach(async () => {
    ;({ fixture, server } = await openPhoenixd())
    const { bolt11 } = await fixture.backend.createInvoice(requestOf(), never)
    await fixture.pay(bolt11)
  })
  afterEach(() => fixture.close())

  const pay = (bolt11: string, signal = never, maxFeeMsat = feeMsat) =>
    fixture.backend.pay({ idempotencyKey: 'payment', bolt11, maxFeeMsat }, signal)
  const lookUp = (paymentHash: string) =>
    fixture.backend.lookUpPayment({ idempotencyKey: 'payment', paymentHash }, never)
  const invoice = (fate: 'paid' | 'failed' | 'stuck' = 'paid') => fixture.outsideInvoice({ amountMsat, fate })
  const payCalls = () => server.local.calls.filter(call => call.path === '/payinvoice')
  const isPaid = { status: 'paid', preimage: expect.stringMatching(/^[0-9a-f]{64}$/), feeMsat }

  it.each([
    [1_000, 4_004],
    [4_000, 4_016],
    [123_000, 4_492],
    [amountMsat, feeMsat],
  ])('%i msat for 4 sat and 0.4 percent', (asked, expected) => {
    expect(feeMsatOf(asked)).toBe(expected)
  })

  it('by the documented calls, and tells the fee to the millisatoshi', async () => {
    const { bolt11, paymentHash } = await invoice()
    const before = server.local.calls.length
    expect(await pay(bolt11)).toEqual(isPaid)
    expect(server.local.calls.slice(before).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /decodeinvoice',
      `GET /payments/outgoingbyhash/${paymentHash}`,
      'POST /payinvoice',
      `GET /payments/outgoingbyhash/${paymentHash}`,
    ])
    expect(Object.fromEntries(new URLSearchParams(payCalls()[0]?.body))).toEqual({ invoice: bolt11 })
  })

  it('and knows the fee to the satoshi when it cannot be asked again', async () => {
    const { bolt11 } = await invoice()
    const preimage = 'cd'.repeat(32)
    server.answerNext('/payinvoice', {
      stream: response => {
        server.local.fail('lookup', 'unavailable')
        response.end(JSON.stringify({ paymentPreimage: preimage, routingFeeSat: 24 }))
      },
    })
    expect(await pay(bolt11)).toEqual({ status: 'paid', preimage, feeMsat: 24_000 })
  })

  it.each(['above the fee limit', 'after it expired'])('nothing %s, and is not asked to', async why => {
    const { bolt11 } = await invoice()
    const isLate = why === 'after it expired'
    if (isLate) fixture.advance(3_600)
    expect(await pay(bolt11, never, isLate ? feeMsat : feeMsat - 1)).toEqual(failed)
    expect(payCalls()).toEqual([])
  })

  it('and still knows what it paid when the invoice has expired since, at a limit of nothing', async () => {
    const { bolt11 } = await invoice()
    const first = await pay(bolt11)
    fixture.advance(10_000)
    await fixture.reopen()
    expect(await pay(bolt11, never, 0)).toEqual(first)
    expect(payCalls()).toHaveLength(1)
  })

  it('once when asked many times at once', async () => {
    const { bolt11 } = await invoice()
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => pay(bolt11)))
    expect(outcomes.some(({ status }) => status === 'paid')).toBe(true)
    expect(outcomes.every(({ status }) => status !== 'failed')).toBe(true)
    expect(payCalls()).toHaveLength(1)
  })

  it('not again what is under way, whoever asked', async () => {
    const { bolt11, paymentHash } = await invoice('stuck')
    expect(await pay(bolt11, AbortSignal.timeout(200))).toEqual({ status: 'unknown' })
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    fixture.advance(61)
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    await fixture.reopen()
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    expect(payCalls()).toHaveLength(1)
    await fixture.decide(paymentHash, 'paid')
    expect(await pay(bolt11)).toEqual(isPaid)
    expect(payCalls()).toHaveLength(1)
  })

  it('again what has failed', async () => {
    const { bolt11 } = await invoice('failed')
    expect(await pay(bolt11)).toEqual(failed)
    expect(await pay(bolt11)).toEqual(failed)
    expect(payCalls()).toHaveLength(2)
  })

  describe('and does not believe that a payment failed', () => {
    it('that it has not on its list yet', async () => {
      const { bolt11, paymentHash } = await invoice()
      server.local.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toBe(null)
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(payCalls()).toHaveLength(1)
      fixture.advance(60)
      expect(await pay(bolt11)).toEqual(isPaid)
    })

    it('although an earlier one did', async () => {
      const { bolt11, paymentHash } = await invoice('failed')
      expect(await pay(bolt11)).toEqual(failed)
      expect(await lookUp(paymentHash)).toEqual(failed)
      server.local.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      fixture.advance(60)
      expect(await lookUp(paymentHash)).toEqual(failed)
    })

    it.each<[string, Reply]>([
      ['an error of the server', { status: 500, text: 'Internal Server Error' }],
      ['an error page', { status: 504, text: '<html>Gateway timeout</html>' }],
      ['no such endpoint', { status: 404, text: 'Unknown endpoint (check api doc)' }],
      ['nothing', { status: 200, text: '' }],
      ['half of an answer', { status: 200, text: '{"reason": "' }],
      ['another shape', done({ hello: 'world' })],
      ['no preimage', done({ paymentPreimage: '', routingFeeSat: 1 })],
      ['a fee as text', done({ paymentPreimage: '00'.repeat(32), routingFeeSat: '1' })],
      ['a redirect', { stream: answer => void answer.writeHead(307, { location: '/getinfo' }).end() }],
    ])('when it answers %s', async (_case, reply) => {
      const { bolt11 } = await invoice()
      server.answerNext('/payinvoice', reply)
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(payCalls()).toHaveLength(1)
    })

    it('when it says so of one try and another is under way', async () => {
      const { bolt11, paymentHash } = await invoice()
      const pending = done({ paymentId: 'b', isPaid: false, fees: 0 })
      server.answerNext('/payinvoice', {
        stream: response => {
          server.answerNext(`/payments/outgoingbyhash/${paymentHash}`, pending)
          response.end(JSON.stringify({ paymentHash, reason: 'no available channels' }))
        },
      })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    })

    it('when an early version calls paid what has ended', async () => {
      const { paymentHash } = await invoice()
      const ended = done({ paymentId: 'b', isPaid: true, fees: 0, completedAt: 1 })
      server.answerNext(`/payments/outgoingbyhash/${paymentHash}`, ended)
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
    })
  })

  it('is asked again at once when it was not asked, since it could not be asked what it knows', async () => {
    const { bolt11 } = await invoice()
    server.local.fail('lookup', 'unavailable')
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    expect(payCalls()).toEqual([])
    expect(await pay(bolt11)).toEqual(isPaid)
  })

  it('is paid when it says that it has paid this before', async () => {
    const { bolt11, paymentHash } = await invoice()
    const first = await pay(bolt11)
    server.answerNext(`/payments/outgoingbyhash/${paymentHash}`, { status: 404, text: 'Not found' })
    expect(await pay(bolt11)).toEqual(first)
    expect(payCalls()).toHaveLength(2)
  })

  it('says why it failed, in few words', async () => {
    const { bolt11, paymentHash } = await invoice()
    server.answerNext('/payinvoice', done({ paymentHash, reason: 'x'.repeat(10_000) }))
    expect(await pay(bolt11)).toEqual({ status: 'failed', reason: 'x'.repeat(200) })
    server.answerNext('/payinvoice', { status: 400, text: 'Request parameter amountSat is missing' })
    expect(await pay(bolt11)).toEqual(failed)
  })

  it.each(['', 'lnbcrt1', 'alice@example.com'])('never %j', async bolt11 => {
    expect(await pay(bolt11)).toEqual(failed)
    expect(payCalls()).toEqual([])
  })

  it('never an invoice that names no amount', async () => {
    const { bolt11, paymentHash } = await invoice()
    server.answerNext('/decodeinvoice', done({ paymentHash, timestampSeconds: fixture.now() }))
    expect(await pay(bolt11)).toEqual(failed)
    expect(payCalls()).toEqual([])
  })
})

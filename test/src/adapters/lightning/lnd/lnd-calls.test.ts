import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLndBackend } from '../../../../../src/adapters/lightning/lnd/backend.ts'
import { type LightningBackend, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import { base64 } from './lnd-replies.ts'
import { type LndFixture, openLnd } from './open-lnd.ts'

const request = requestOf()
const paymentHash = sha256(Buffer.from(request.preimage, 'hex'))

/** What the adapter sent, the body read. */
function sentTo(fixture: LndFixture, from = 0) {
  return fixture.server.calls.slice(from).map(({ method, path, query, body }) => ({
    call: `${method} ${path}`,
    query: Object.fromEntries(query),
    body: body === '' ? null : (JSON.parse(body) as Record<string, unknown>),
  }))
}

describe('LND is asked as its documentation says', () => {
  let fixture: LndFixture

  beforeEach(async () => {
    fixture = await openLnd()
  })
  afterEach(() => fixture.close())

  it('with the macaroon in the header of every call', async () => {
    await fixture.backend.createInvoice(request, never)
    await fixture.backend.check(never)
    const shown = fixture.server.calls.map(({ headers }) => headers['grpc-metadata-macaroon'])
    expect(new Set(shown)).toEqual(new Set([fixture.server.macaroon]))
    expect(shown.length).toBeGreaterThan(1)
  })

  it('for an invoice of our preimage, which is then looked up', async () => {
    await fixture.backend.createInvoice({ ...request, descriptionHash: sha256('metadata') }, never)
    expect(sentTo(fixture)).toEqual([
      {
        call: 'POST /v1/invoices',
        query: {},
        body: {
          r_preimage: base64(request.preimage),
          memo: request.description,
          description_hash: base64(sha256('metadata')),
          value_msat: '21000000',
          expiry: '900',
          private: false,
        },
      },
      { call: `GET /v1/invoice/${paymentHash}`, query: {}, body: null },
    ])
  })

  it('for a hold invoice by its hash, without the preimage, until it is settled', async () => {
    const { bolt11 } = await fixture.backend.createInvoice({ ...request, hold: true }, never)
    await fixture.pay(bolt11)
    await fixture.backend.lookUpInvoice(paymentHash, never)
    expect(sentTo(fixture)[0]).toMatchObject({ call: 'POST /v2/invoices/hodl', body: { hash: base64(paymentHash) } })
    expect(JSON.stringify(sentTo(fixture))).not.toContain(base64(request.preimage))
    const before = fixture.server.calls.length
    await fixture.backend.settleHold(request.preimage, never)
    expect(sentTo(fixture, before)).toEqual([
      { call: 'POST /v2/invoices/settle', query: {}, body: { preimage: base64(request.preimage) } },
    ])
  })

  it('to cancel by the hash', async () => {
    await fixture.backend.createInvoice({ ...request, hold: true }, never)
    const before = fixture.server.calls.length
    await fixture.backend.cancelHold(paymentHash, never)
    expect(sentTo(fixture, before)).toEqual([
      { call: 'POST /v2/invoices/cancel', query: {}, body: { payment_hash: base64(paymentHash) } },
    ])
  })

  it('to pay at most the fee that was said, after it was asked whether it knows the payment', async () => {
    const { bolt11: funds } = await fixture.backend.createInvoice(request, never)
    await fixture.pay(funds)
    const { bolt11, paymentHash: hash } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
    const before = fixture.server.calls.length
    const payment = { idempotencyKey: 'payment', bolt11, maxFeeMsat: 1_234 }
    expect(await fixture.backend.pay(payment, never)).toMatchObject({ status: 'paid' })
    const inPath = base64(hash).replaceAll('+', '-').replaceAll('/', '_')
    const track = { call: `GET /v2/router/track/${inPath}`, query: { no_inflight_updates: 'false' }, body: null }
    expect(sentTo(fixture, before)).toEqual([
      { call: `GET /v1/payreq/${bolt11}`, query: {}, body: null },
      track,
      {
        call: 'POST /v2/router/send',
        query: {},
        body: { payment_request: bolt11, fee_limit_msat: '1234', timeout_seconds: 60, no_inflight_updates: true },
      },
    ])
    await fixture.backend.lookUpPayment({ idempotencyKey: 'payment', paymentHash: hash }, never)
    expect(sentTo(fixture, before).at(-1)).toEqual(track)
  })

  it('below the path of its URL', async () => {
    const { url, macaroon } = fixture.server
    const backend = createLndBackend({ url: `${url}/behind/a/proxy/`, macaroon, now: fixture.now })
    await expect(backend.check(never)).rejects.toThrow(LightningUnavailable)
    expect(sentTo(fixture).map(({ call }) => call)).toEqual(['GET /behind/a/proxy/v1/getinfo'])
  })

  it.each([
    ['a negative fee', { maxFeeMsat: -1 }],
    ['a fraction of a fee', { maxFeeMsat: 0.5 }],
  ])('never to pay %s', async (_case, changes) => {
    const payment = { idempotencyKey: 'payment', bolt11: 'lnbcrt1', ...changes }
    await expect(fixture.backend.pay(payment, never)).rejects.toThrow(RangeError)
    expect(fixture.server.calls).toEqual([])
  })

  it.each(['', '../../getinfo', 'lnbcrt1?x=y', 'a'.repeat(4_097)])(
    'never about what is no invoice: %j',
    async bolt11 => {
      const payment = { idempotencyKey: 'payment', bolt11, maxFeeMsat: 0 }
      expect(await fixture.backend.pay(payment, never)).toEqual({ status: 'failed', reason: 'this is no invoice' })
      expect(fixture.server.calls).toEqual([])
    },
  )

  it.each(['../getinfo', '', 'AB'.repeat(32), `${'ab'.repeat(32)}?x=y`])(
    'never about what is no hash: %j',
    async hash => {
      expect(await fixture.backend.lookUpInvoice(hash, never)).toEqual({ status: 'unknown' })
      expect(await fixture.backend.lookUpPayment({ idempotencyKey: 'payment', paymentHash: hash }, never)).toBe(null)
      expect(fixture.server.calls).toEqual([])
    },
  )
})

describe('LND, told to name private channels', () => {
  it('is asked for route hints', async () => {
    const fixture = await openLnd(() => ({ privateRouteHints: true }))
    await fixture.backend.createInvoice(request, never)
    expect(sentTo(fixture)[0]?.body).toMatchObject({ private: true })
    await fixture.close()
  })
})

describe('an invoice of LND', () => {
  let fixture: LndFixture

  beforeEach(async () => {
    fixture = await openLnd()
  })
  afterEach(() => fixture.close())

  it.each([
    ['amount', { amountMsat: 1_000 }],
    ['description', { description: 'another' }],
    ['description hash', { descriptionHash: sha256('another') }],
    ['expiry', { expirySeconds: 60 }],
    ['hold', { hold: true }],
  ])('is not given for a request with another %s', async (_field, changes) => {
    await fixture.backend.createInvoice(request, never)
    const asked = fixture.backend.createInvoice({ ...request, ...changes }, never)
    await expect(asked).rejects.toThrow('used again for a different request')
    await expect(asked).rejects.not.toThrow(LightningUnavailable)
  })

  it('is open or expired by our clock while LND has not looked', async () => {
    await fixture.backend.createInvoice(request, never)
    const open = await fixture.server.invoice(paymentHash)
    fixture.advance(request.expirySeconds)
    fixture.server.answerNext('lookup', { status: 200, json: open })
    expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toEqual({ status: 'expired' })
  })

  it('is unknown to older versions in other words', async () => {
    for (const message of ['unable to locate invoice', 'there are no existing invoices']) {
      fixture.server.answerNext('lookup', { status: 500, json: { code: 2, message, details: [] } })
      expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toEqual({ status: 'unknown' })
    }
  })

  it('that is held is lost when it is unknown or was never paid', async () => {
    expect(await fixture.backend.settleHold(request.preimage, never)).toBe('lost')
    await fixture.backend.createInvoice({ ...request, hold: true }, never)
    expect(await fixture.backend.settleHold(request.preimage, never)).toBe('lost')
  })

  it('that is held is neither taken nor lost when LND is not ready', async () => {
    const { bolt11 } = await fixture.backend.createInvoice({ ...request, hold: true }, never)
    await fixture.pay(bolt11)
    const starting = 'the RPC server is in the process of starting up, but not yet ready to accept calls'
    const ask: ((backend: LightningBackend) => Promise<string>)[] = [
      backend => backend.settleHold(request.preimage, never),
      backend => backend.cancelHold(paymentHash, never),
    ]
    for (const act of ask) {
      fixture.server.answerNext('hold', { status: 500, json: { code: 2, message: starting, details: [] } })
      await expect(act(fixture.backend)).rejects.toThrow('lnd is not ready')
    }
    expect(await fixture.backend.settleHold(request.preimage, never)).toBe('settled')
  })
})

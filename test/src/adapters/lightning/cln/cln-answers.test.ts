import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import type { LightningFixture } from '../contract.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { type ClnServer, runes } from './cln-server.ts'
import { askedOf, openCln } from './open-cln.ts'

const hash = 'ab'.repeat(32)
const done = (json: unknown): Reply => ({ status: 201, json })
const paid = { status: 'paid', payment_hash: hash, pay_index: 1, amount_received_msat: 1, paid_at: 1 }
const invoice = { ...paid, payment_preimage: hash }
const created = { bolt11: 'lnbcrt1', payment_hash: hash, expires_at: 1 }

/** What no method may answer. */
const senseless: [string, Reply][] = [
  ['an error page', { status: 502, text: '<html><h1>Bad gateway</h1></html>' }],
  ['a page', { status: 200, text: '<html></html>' }],
  ['nothing', { status: 201, text: '' }],
  ['nothing, with success', { status: 204, text: '' }],
  ['half of an answer', { status: 201, text: '{"invoices": [' }],
  ['null', done(null)],
  ['a list', done([])],
  ['another shape', done({ hello: 'world' })],
  ['an error without a code', { status: 500, json: { message: `no such rune: ${runes.all}` } }],
  ['an error with a text for a code', { status: 500, json: { code: '900', message: '' } }],
  ['an error of the server', { status: 500, text: 'Internal Server Error' }],
  ['an error that nobody knows', { status: 500, json: { code: -99, message: `about ${runes.all}` } }],
  [
    'a redirect',
    { stream: response => void response.writeHead(307, { location: '/v1/getinfo', 'content-length': 0 }).end() },
  ],
  ['a connection that ends', { stream: response => void response.writeHead(201).write('{', () => response.destroy()) }],
  [
    'an answer without end',
    {
      stream: response => {
        response.writeHead(201)
        const more = () => void (response.destroyed || response.write(' '.repeat(65_536), more))
        more()
      },
    },
  ],
]

describe('Core Lightning, answering nonsense', () => {
  let fixture: LightningFixture
  let server: ClnServer

  beforeEach(async () => {
    ;({ fixture, server } = await openCln({ waitSeconds: 1 }))
  })
  afterEach(() => fixture.close())

  const calls: Record<string, () => Promise<unknown>> = {
    invoice: () => fixture.backend.createInvoice(requestOf(), never),
    listinvoices: () => fixture.backend.lookUpInvoice(hash, never),
    waitanyinvoice: () => collect(fixture.backend, null, 1),
    listpays: () => fixture.backend.lookUpPayment({ idempotencyKey: 'a', paymentHash: hash }, never),
    listfunds: () => fixture.backend.balanceMsat(never),
    getinfo: () => fixture.backend.check(never),
    xpay: () => fixture.backend.capabilities(never),
  }
  const methods = Object.keys(calls)
  const nonsense = methods.flatMap(method =>
    senseless.map(([name, reply]): [string, string, Reply] => [method, name, reply]),
  )
  const wrong: [string, string, Reply][] = [
    ['invoice', 'no hash', done({ ...created, payment_hash: 'abc' })],
    ['invoice', 'a text for a time', done({ ...created, expires_at: '1' })],
    ['listinvoices', 'an amount as text', done({ invoices: [{ ...invoice, amount_received_msat: '1msat' }] })],
    ['listinvoices', 'a fraction', done({ invoices: [{ ...invoice, amount_received_msat: 0.5 }] })],
    ['listinvoices', 'less than nothing', done({ invoices: [{ ...invoice, amount_received_msat: -1 }] })],
    ['listinvoices', 'no amount', done({ invoices: [{ ...invoice, amount_received_msat: undefined }] })],
    ['listinvoices', 'another state', done({ invoices: [{ ...invoice, status: 'almost paid' }] })],
    ['listinvoices', 'another invoice', done({ invoices: [{ ...invoice, payment_hash: 'cd'.repeat(32) }] })],
    ['listinvoices', 'no preimage', done({ invoices: [{ ...invoice, payment_preimage: '' }] })],
    ['waitanyinvoice', 'no index', done({ ...paid, pay_index: undefined })],
    ['waitanyinvoice', 'an index as text', done({ ...paid, pay_index: '1' })],
    ['waitanyinvoice', 'an index that is not exact', done({ ...paid, pay_index: 2 ** 60 })],
    ['waitanyinvoice', 'one that was not paid', done({ ...paid, status: 'expired' })],
    ['listpays', 'another state', done({ pays: [{ status: 'complete?' }] })],
    ['listpays', 'no preimage', done({ pays: [{ status: 'complete', amount_msat: 1, amount_sent_msat: 1 }] })],
    ['listfunds', 'a text', done({ channels: [{ state: 'CHANNELD_NORMAL', our_amount_msat: '1' }] })],
    ['listfunds', 'too much', { status: 201, text: '{"channels":[{"state":"ONCHAIN","our_amount_msat":1e300}]}' }],
    [
      'listfunds',
      'a sum that is not exact',
      done({ channels: Array(2).fill({ state: 'CHANNELD_NORMAL', our_amount_msat: Number.MAX_SAFE_INTEGER }) }),
    ],
  ]

  it.each([...nonsense, ...wrong])('is unavailable when %s answers %s', async (method, _case, reply) => {
    server.answerNext(method, reply)
    const asked = calls[method]?.()
    await expect(asked).rejects.toThrow(LightningUnavailable)
    await expect(asked).rejects.not.toThrow(new RegExp(runes.all))
    const asks = server.local.calls.filter(call => call.path === `/v1/${method}`)
    expect(asks).toHaveLength(1)
  })

  it('makes the same invoice once it answers well again', async () => {
    server.answerNext('invoice', { status: 502, text: '' })
    await expect(calls.invoice?.()).rejects.toThrow(LightningUnavailable)
    await expect(calls.invoice?.()).resolves.toMatchObject({ paymentHash: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  it('waits no longer than it may', async () => {
    server.local.fail('lookup', { delayMs: 2_000 })
    await expect(fixture.backend.lookUpInvoice(hash, AbortSignal.timeout(20))).rejects.toThrow(LightningUnavailable)
  })

  it('does not begin what nobody waits for any more', async () => {
    await expect(fixture.backend.createInvoice(requestOf(), AbortSignal.abort())).rejects.toThrow(LightningUnavailable)
    expect(server.local.calls).toEqual([])
  })

  describe('streams settlements', () => {
    const payNew = async (idempotencyKey: string) => {
      const { bolt11, paymentHash } = await fixture.backend.createInvoice(requestOf({ idempotencyKey }), never)
      await fixture.pay(bolt11)
      return paymentHash
    }

    it('by the documented call, from the last index on', async () => {
      const hashes = [await payNew('a'), await payNew('b')]
      const [first] = await collect(fixture.backend, null, 1)
      const rest = await collect(fixture.backend, first?.cursor ?? null, 1)
      expect([first, ...rest].map(one => one?.paymentHash)).toEqual(hashes)
      expect(askedOf(server, 'waitanyinvoice')).toEqual([
        { lastpay_index: 0, timeout: 1 },
        { lastpay_index: 1, timeout: 1 },
      ])
    })

    it('on when the node says that there was none so long', async () => {
      server.answerNext('waitanyinvoice', { status: 500, json: { code: 904, message: 'Timed out' } })
      const paymentHash = await payNew('a')
      expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash }])
      expect(askedOf(server, 'waitanyinvoice')).toHaveLength(2)
    })

    it('until the node is silent for too long', async () => {
      server.answerNext('waitanyinvoice', { stream: () => undefined })
      await expect(collect(fixture.backend, null, 1)).rejects.toThrow(LightningUnavailable)
    })

    it('not at all when the node does not even say which it is', async () => {
      server.answerNext('getinfo', { stream: () => undefined })
      await expect(collect(fixture.backend, null, 1)).rejects.toThrow(LightningUnavailable)
    })

    it('from the first when the cursor is of another node, or is none', async () => {
      const paymentHash = await payNew('a')
      for (const cursor of [`${'0'.repeat(16)}:57`, '57', '', ':']) {
        expect(await collect(fixture.backend, cursor, 1)).toMatchObject([{ paymentHash }])
      }
    })

    it('twice when the node tells one twice, and then goes on', async () => {
      const hashes = [await payNew('a'), await payNew('b')]
      server.answerNext('waitanyinvoice', done({ ...paid, payment_hash: hashes[0] }))
      const seen = await collect(fixture.backend, null, 2)
      expect(seen.map(one => one.paymentHash)).toEqual(hashes)
      server.answerNext('waitanyinvoice', done({ ...paid, payment_hash: hashes[0] }))
      const again = await collect(fixture.backend, seen[0]?.cursor ?? null, 2)
      expect(again.map(one => one.paymentHash)).toEqual(hashes)
      expect(again[0]?.cursor).toBe(seen[0]?.cursor)
    })

    it('that happened while the connection was down', async () => {
      const waiting = collect(fixture.backend, null, 1)
      // It waits at the node, or is on its way there.
      await fixture.backend.check(never)
      server.local.disconnect()
      await expect(waiting).rejects.toThrow(LightningUnavailable)
      // A connection that was kept for the next call broke too, which that call may learn first.
      await expect.poll(() => fixture.backend.check(never).then(() => 'up', String)).toBe('up')
      const paymentHash = await payNew('a')
      expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash }])
    })

    it('no more once the backend is closed', async () => {
      const waiting = collect(fixture.backend, null, 1)
      await fixture.backend.check(never)
      await fixture.backend.close()
      await expect(waiting).rejects.toThrow(LightningUnavailable)
    })
  })
})

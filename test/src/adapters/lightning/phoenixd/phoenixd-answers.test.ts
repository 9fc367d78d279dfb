import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import type { LightningFixture } from '../contract.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { openPhoenixd } from './open-phoenixd.ts'
import { type PhoenixdServer, passwords } from './phoenixd-server.ts'

const hash = 'ab'.repeat(32)
const done = (json: unknown): Reply => ({ status: 200, json })

/** What no endpoint may answer. */
const senseless: [string, Reply][] = [
  ['an error page', { status: 502, text: '<html><h1>Bad gateway</h1></html>' }],
  ['a page', { status: 200, text: '<html></html>' }],
  ['nothing', { status: 200, text: '' }],
  ['half of an answer', { status: 200, text: '{"paymentHash": "' }],
  ['null', done(null)],
  ['a number', done(7)],
  ['another shape', done({ hello: 'world' })],
  ['an error of the server', { status: 500, text: `about ${passwords.full}` }],
  [
    'a redirect',
    { stream: response => void response.writeHead(307, { location: '/getinfo', 'content-length': 0 }).end() },
  ],
  ['a connection that ends', { stream: response => void response.writeHead(200).write('{', () => response.destroy()) }],
  [
    'an answer without end',
    {
      stream: response => {
        response.writeHead(200)
        const more = () => void (response.destroyed || response.write(' '.repeat(65_536), more))
        more()
      },
    },
  ],
]

describe('phoenixd, answering nonsense', () => {
  let fixture: LightningFixture
  let server: PhoenixdServer

  beforeEach(async () => {
    ;({ fixture, server } = await openPhoenixd({ pingSeconds: 1 }))
  })
  afterEach(() => fixture.close())

  const create = () => fixture.backend.createInvoice(requestOf(), never)
  const calls: Record<string, () => Promise<unknown>> = {
    '/createinvoice': create,
    '/decodeinvoice': create,
    '/payments/incoming': create,
    '/payments/incoming?': () => collect(fixture.backend, null, 1),
    [`/payments/incoming/${hash}`]: () => fixture.backend.lookUpInvoice(hash, never),
    [`/payments/outgoingbyhash/${hash}`]: () =>
      fixture.backend.lookUpPayment({ idempotencyKey: 'a', paymentHash: hash }, never),
    '/getbalance': () => fixture.backend.balanceMsat(never),
    '/getinfo': () => fixture.backend.check(never),
  }
  const nonsense = Object.keys(calls).flatMap(path =>
    senseless.map(([name, reply]): [string, string, Reply] => [path, name, reply]),
  )
  const paid = { paymentHash: hash, preimage: hash, isPaid: true, receivedSat: 1, fees: 0, completedAt: 1 }
  const sent = { paymentId: 'a', isPaid: true, preimage: hash, fees: 0, completedAt: 1 }
  const wrong: [string, string, Reply][] = [
    ['/createinvoice', 'no such endpoint', { status: 404, text: 'Unknown endpoint (check api doc)' }],
    ['/decodeinvoice', 'that it cannot read what it made', { status: 400, text: '' }],
    ['/decodeinvoice', 'no time', done({ paymentHash: hash })],
    ['/decodeinvoice', 'a fraction', done({ paymentHash: hash, timestampSeconds: 0.5 })],
    ['/payments/incoming', 'entries without a time', done([{ externalId: 'panda:invoice-1', invoice: 'lnbcrt1' }])],
    ['/payments/incoming?', 'an entry without an amount', done([{ ...paid, receivedSat: undefined }])],
    ['/payments/incoming?', 'an entry without a time', done([{ ...paid, completedAt: undefined }])],
    ['/payments/incoming?', 'an amount as text', done([{ ...paid, receivedSat: '1' }])],
    [`/payments/incoming/${hash}`, 'another invoice', done({ ...paid, paymentHash: 'cd'.repeat(32) })],
    [`/payments/incoming/${hash}`, 'less than nothing', done({ ...paid, receivedSat: -1 })],
    [`/payments/incoming/${hash}`, 'a fraction', done({ ...paid, receivedSat: 0.5 })],
    [`/payments/incoming/${hash}`, 'too much', done({ ...paid, receivedSat: 2 ** 60 })],
    [`/payments/incoming/${hash}`, 'no preimage', done({ ...paid, preimage: '' })],
    [`/payments/incoming/${hash}`, 'a text for yes', done({ ...paid, isPaid: 'true' })],
    [`/payments/outgoingbyhash/${hash}`, 'a fee as text', done({ ...sent, fees: '0' })],
    [`/payments/outgoingbyhash/${hash}`, 'another payment', done({ ...sent, paymentHash: 'ef'.repeat(32) })],
    [`/payments/outgoingbyhash/${hash}`, 'no identifier', done({ ...sent, paymentId: undefined })],
    ['/getbalance', 'a text', done({ balanceSat: '1' })],
    ['/getbalance', 'more than is exact', done({ balanceSat: Number.MAX_SAFE_INTEGER })],
    ['/getbalance', 'too much', { status: 200, text: '{"balanceSat": 1e300}' }],
    ['/getinfo', 'no such endpoint', { status: 404, text: 'Unknown endpoint (check api doc)' }],
  ]

  it.each([...nonsense, ...wrong])('is unavailable when %s answers %s', async (path, _case, reply) => {
    server.answerNext(path.replace('?', ''), reply)
    const asked = calls[path]?.()
    await expect(asked).rejects.toThrow(LightningUnavailable)
    await expect(asked).rejects.not.toThrow(new RegExp(passwords.full))
  })

  it('makes the invoice once it answers well again', async () => {
    server.answerNext('/createinvoice', { status: 502, text: '' })
    await expect(create()).rejects.toThrow(LightningUnavailable)
    expect(await create()).toEqual(await create())
  })

  it('can say whether it pays only when it answers as documented', async () => {
    for (const status of [200, 404, 500]) {
      server.answerNext('/payinvoice', { status, text: '{}' })
      await expect(fixture.backend.capabilities(never)).rejects.toThrow(LightningUnavailable)
    }
  })

  it('waits no longer than it may', async () => {
    server.local.fail('lookup', { delayMs: 2_000 })
    await expect(fixture.backend.lookUpInvoice(hash, AbortSignal.timeout(20))).rejects.toThrow(LightningUnavailable)
  })

  describe('streams settlements', () => {
    const payNew = async (idempotencyKey: string) => {
      const { bolt11, paymentHash } = await fixture.backend.createInvoice(requestOf({ idempotencyKey }), never)
      await fixture.pay(bolt11)
      return paymentHash
    }
    const hashesOf = async (seen: ReturnType<typeof collect>) => (await seen).map(one => one.paymentHash)
    const isListening = () => expect.poll(() => server.listeners()).toBe(1)

    it('at once when the websocket tells of one', async () => {
      const { fixture: quiet, server: own } = await openPhoenixd({ pingSeconds: 600 })
      const waiting = collect(quiet.backend, null, 1)
      await expect.poll(() => own.listeners()).toBe(1)
      // It has looked before it was told.
      await expect.poll(() => own.local.calls.length).toBe(1)
      const { bolt11, paymentHash } = await quiet.backend.createInvoice(requestOf(), never)
      await quiet.pay(bolt11)
      expect(await hashesOf(waiting)).toEqual([paymentHash])
      await quiet.close()
    })

    it('that nobody told of', async () => {
      server.beSilent()
      const waiting = collect(fixture.backend, null, 1)
      await isListening()
      const paymentHash = await payNew('a')
      expect(await hashesOf(waiting)).toEqual([paymentHash])
    })

    it('once, however often they are told of, and none that are made up', async () => {
      const waiting = collect(fixture.backend, null, 2)
      await isListening()
      const first = await payNew('a')
      const told = JSON.stringify({ type: 'payment_received', amountSat: 21_000, paymentHash: first })
      for (let time = 0; time < 5; time++) server.say(told)
      server.say(JSON.stringify({ type: 'payment_received', amountSat: 1, paymentHash: hash }))
      server.say('no JSON at all')
      const second = await payNew('b')
      expect(await hashesOf(waiting)).toEqual([first, second])
    })

    it('of one millisecond, each once and none left out', async () => {
      const entry = (digit: string, completedAt: number) => ({
        ...paid,
        paymentHash: digit.repeat(64),
        completedAt,
      })
      const all = [entry('c', 5_000), entry('b', 5_000), entry('a', 5_000), entry('9', 4_999)]
      server.answerNext('/payments/incoming', done(all.slice(2)))
      const [first, second] = await collect(fixture.backend, null, 2)
      expect([first, second].map(one => one?.paymentHash[0])).toEqual(['9', 'a'])
      // Two more came in the millisecond of the last one.
      server.answerNext('/payments/incoming', done(all))
      const rest = await collect(fixture.backend, second?.cursor ?? null, 2)
      expect(rest.map(one => one.paymentHash[0])).toEqual(['b', 'c'])
      server.answerNext('/payments/incoming', done(all))
      expect(await collect(fixture.backend, rest[0]?.cursor ?? null, 1)).toEqual(rest.slice(1))
    })

    it('over many pages', async () => {
      const hashes = []
      for (let index = 0; index < 205; index++) hashes.push(await payNew(`invoice-${index}`))
      expect(await hashesOf(collect(fixture.backend, null, 205))).toEqual(hashes)
      const pages = server.local.calls
        .filter(({ query }) => query.get('from') === '0')
        .map(({ query }) => query.get('offset'))
      expect(pages).toEqual(['0', '200'])
    })

    it('from the first when the cursor is none', async () => {
      const paymentHash = await payNew('a')
      for (const cursor of ['', ':', 'abc:1', '1790000000000', `${'0'.repeat(16)}:57`]) {
        expect(await hashesOf(collect(fixture.backend, cursor, 1))).toEqual([paymentHash])
      }
    })

    it('until the websocket breaks, and then what happened meanwhile', async () => {
      const waiting = collect(fixture.backend, null, 1)
      await isListening()
      server.local.disconnect()
      await expect(waiting).rejects.toThrow(LightningUnavailable)
      // A connection that was kept for the next call broke too, which that call may learn first.
      await expect.poll(() => fixture.backend.check(never).then(() => 'up', String)).toBe('up')
      const paymentHash = await payNew('a')
      expect(await hashesOf(collect(fixture.backend, null, 1))).toEqual([paymentHash])
    })

    it('until the websocket is dead although it is open', async () => {
      server.playDead()
      await expect(collect(fixture.backend, null, 1)).rejects.toThrow(LightningUnavailable)
    })

    it('until the list is silent for too long', async () => {
      server.answerNext('/payments/incoming', { stream: () => undefined })
      await expect(collect(fixture.backend, null, 1)).rejects.toThrow(LightningUnavailable)
    })

    it('no more once the backend is closed, and leaves no connection', async () => {
      const waiting = collect(fixture.backend, null, 1)
      await isListening()
      await fixture.backend.close()
      await expect(waiting).rejects.toThrow(LightningUnavailable)
      await expect.poll(() => server.listeners()).toBe(0)
    })

    it('to whoever leaves, and closes the connection then', async () => {
      await payNew('a')
      await collect(fixture.backend, null, 1)
      await expect.poll(() => server.listeners()).toBe(0)
    })
  })
})

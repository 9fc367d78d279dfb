import { createHmac, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { createStrikeBackend } from '../../../../../src/adapters/lightning/strike/backend.ts'
import type { LightningFixture } from '../contract.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf } from '../invoice-request.ts'
import { openRemote } from '../open-remote.ts'
import { apiKey, btc, type StrikeServer, startStrike } from './server.ts'

describe('the Strike adapter', () => {
  let fixture: LightningFixture
  let server: StrikeServer

  beforeEach(async () => {
    fixture = await openRemote(async (node, now) => {
      server = await startStrike(node, now)
      return server
    })
  })
  afterEach(() => fixture.close())

  const create = (idempotencyKey = 'invoice-1') => fixture.backend.createInvoice(requestOf({ idempotencyKey }), never)
  const payNew = async (idempotencyKey: string) => {
    const { bolt11, paymentHash } = await create(idempotencyKey)
    await fixture.pay(bolt11)
    return paymentHash
  }
  const sent = (path: string) => server.local.calls.filter(call => call.method !== 'GET' && call.path.endsWith(path))
  const pay = (bolt11: string, maxFeeMsat = 10_000) =>
    fixture.backend.pay({ idempotencyKey: 'p', bolt11, maxFeeMsat }, never)
  const lookUp = (paymentHash: string) => fixture.backend.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)

  describe('makes invoices', () => {
    it('as documented, once per key', async () => {
      await create()
      await create()
      const [request, ...more] = sent('/v1/receive-requests')
      expect(more).toEqual([])
      expect(request?.headers.authorization).toBe(`Bearer ${apiKey}`)
      expect(JSON.parse(request?.body ?? '')).toEqual({
        bolt11: {
          amount: { amount: '0.00021000', currency: 'BTC' },
          description: 'alice@example.com for 1 year',
          expiryInSeconds: 900,
        },
        targetCurrency: 'BTC',
      })
      const [entry, ...others] = sent('/v1/invoices')
      expect(others).toEqual([])
      expect(JSON.parse(entry?.body ?? '')).toMatchObject({
        correlationId: expect.stringMatching(/^panda-[0-9a-f]{32}$/),
        description: expect.stringMatching(/^[0-9a-f-]{36} [0-9a-f]{64}$/),
      })
    })

    it('of which the first registered counts, when several processes make one', async () => {
      const other = await server.connect()
      const made = await Promise.all([create(), other.createInvoice(requestOf(), never)])
      expect(made[0]).toEqual(made[1])
      expect(await create()).toEqual(made[0])
    })

    it('that nobody has seen, when the answer to the request itself was lost', async () => {
      server.failKind('request', 'drop-after')
      await expect(create()).rejects.toThrow(LightningUnavailable)
      fixture.advance(10)
      const { expiresAt } = await create()
      expect(expiresAt).toBe(fixture.now() + 900)
    })

    it('for no key of another request', async () => {
      await create()
      for (const changes of [{ amountMsat: 5_000 }, { description: 'other' }, { expirySeconds: 60 }]) {
        await expect(fixture.backend.createInvoice(requestOf(changes), never)).rejects.toThrow('again')
      }
    })

    it('never of what Strike cannot write', async () => {
      const asked = (changes: object) => fixture.backend.createInvoice(requestOf(changes), never)
      await expect(asked({ amountMsat: 1_500 })).rejects.toThrow(RangeError)
      await expect(asked({ description: 'd'.repeat(251) })).rejects.toThrow(RangeError)
      await expect(asked({ hold: true })).rejects.toThrow('cannot hold payments')
      await expect(fixture.backend.settleHold('00'.repeat(32), never)).rejects.toThrow('cannot hold payments')
      await expect(fixture.backend.cancelHold('00'.repeat(32), never)).rejects.toThrow('cannot hold payments')
      expect(server.local.calls).toEqual([])
    })

    it('not with a wrong key', async () => {
      const stranger = createStrikeBackend({ url: server.url, apiKey: 'wrong', now: fixture.now })
      await expect(stranger.createInvoice(requestOf(), never)).rejects.toThrow(LightningUnavailable)
      await expect(stranger.capabilities(never)).rejects.toThrow(LightningUnavailable)
    })
  })

  describe('pays', () => {
    beforeEach(() => payNew('funds'))

    it('as documented: a quote, then its execution', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, feeMsat: 3_000 })
      expect(await pay(bolt11)).toMatchObject({ status: 'paid', feeMsat: 3_000 })
      const [quote] = sent('/lightning')
      expect(JSON.parse(quote?.body ?? '')).toEqual({ lnInvoice: bolt11, sourceCurrency: 'BTC' })
      expect(quote?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
      expect(sent('/execute')).toMatchObject([{ method: 'PATCH', body: '' }])
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
      expect(server.local.calls.at(-1)?.path).toMatch(/^\/v1\/payments\/[0-9a-f-]{36}$/)
    })

    it('not at a fee above the limit, nor says that it is under way', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
      expect(await pay(bolt11, 9_999)).toMatchObject({
        status: 'failed',
        reason: expect.stringContaining('10000 msat'),
      })
      expect(sent('/execute')).toEqual([])
      expect(await lookUp(paymentHash)).toBe(null)
      expect(await pay(bolt11)).toMatchObject({ status: 'paid' })
    })

    it('once, when the answer to registering the quote was lost', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
      server.failKind('register', 'drop-after')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
      expect(await pay(bolt11)).toMatchObject({ status: 'paid' })
      expect(sent('/lightning')).toHaveLength(1)
    })

    it('once, when two processes are asked', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
      const other = await server.connect()
      const asked = { idempotencyKey: 'p', bolt11, maxFeeMsat: 10_000 }
      const before = await fixture.backend.balanceMsat(never)
      const outcomes = await Promise.all([pay(bolt11), other.pay(asked, never)])
      expect(outcomes.filter(({ status }) => status === 'failed')).toEqual([])
      expect(await fixture.backend.balanceMsat(never)).toBe(before - 1_000_000)
    })

    it('and knows it although it could not be registered, then registers it', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'stuck' })
      // The first entry is the quote, the second the payment.
      const paying = pay(bolt11)
      server.failKind('execute', { delayMs: 1 })
      const wait = async () => {
        while (sent('/execute').length === 0) await new Promise(resolve => setImmediate(resolve))
        server.failKind('register', 'unavailable')
      }
      await Promise.all([paying, wait()])
      expect(await paying).toEqual({ status: 'unknown' })
      await fixture.decide(paymentHash, 'paid')
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
      const reopened = await fixture.reopen()
      expect(await reopened.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)).toMatchObject({
        status: 'paid',
      })
    })

    it('and does not say that it failed when the second try is too late', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
      server.failKind('execute', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      fixture.advance(61)
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
    })

    it('and does not say that it failed when Strike does not name what it paid', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
      server.settings.isNamingPayments = false
      server.failKind('execute', 'drop-after')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
    })

    it('not what was refused for good, and remembers', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, feeMsat: 10_001 })
      const failed = { status: 'failed', reason: 'Strike refuses the payment (LN_ROUTE_NOT_FOUND)' }
      expect(await pay(bolt11)).toEqual(failed)
      const reopened = await fixture.reopen()
      expect(await reopened.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)).toEqual(failed)
      expect(await pay(bolt11)).toEqual(failed)
      expect(sent('/execute')).toHaveLength(1)
    })

    it('and has not failed by what it was refused for, before that is registered', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, feeMsat: 10_001 })
      server.failKind('execute', { delayMs: 1 })
      const paying = pay(bolt11)
      while (sent('/execute').length === 0) await new Promise(resolve => setImmediate(resolve))
      server.failKind('register', 'unavailable')
      expect(await paying).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'failed' })
      const reopened = await fixture.reopen()
      expect(await reopened.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)).toMatchObject({
        status: 'failed',
      })
      expect(sent('/execute')).toHaveLength(1)
    })

    it('not what is no invoice', async () => {
      expect(await pay('lnbc1')).toEqual({ status: 'failed', reason: 'this is no invoice' })
    })
  })

  describe('streams settlements', () => {
    const at = () => new Date(fixture.now() * 1_000).toISOString()
    const others = (type: 'ONCHAIN' | 'P2P', amountReceived: { amount: string; currency: string }) => ({
      ...{ receiveId: randomUUID(), receiveRequestId: randomUUID(), type, state: 'COMPLETED' as const, amountReceived },
      ...{ created: at(), completed: at() },
    })

    it('past what came in otherwise', async () => {
      await create()
      server.receives.push(others('ONCHAIN', btc(5_000_000)), others('P2P', { amount: '12.50', currency: 'USD' }))
      const paymentHash = await payNew('a')
      expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash }])
    })

    it('of another Strike user, who pays without Lightning', async () => {
      const paymentHash = await payNew('a')
      await fixture.backend.check(never)
      const [receive] = server.receives
      if (receive === undefined) throw new Error('nothing was received')
      delete receive.lightning
      Object.assign(receive, { type: 'P2P', amountReceived: { amount: '13.10', currency: 'USD' } })
      expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash, receivedMsat: 21_000_000 }])
      const state = await fixture.backend.lookUpInvoice(paymentHash, never)
      expect(state).toMatchObject({ status: 'settled', receivedMsat: 21_000_000 })
    })

    it('not before they are completed', async () => {
      const paymentHash = await payNew('a')
      await fixture.backend.check(never)
      const [receive] = server.receives
      if (receive === undefined) throw new Error('nothing was received')
      receive.state = 'PENDING'
      const listening = collect(fixture.backend, null, 1)
      expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toEqual({ status: 'open' })
      receive.state = 'COMPLETED'
      expect(await listening).toMatchObject([{ paymentHash }])
    })

    it.each([true, false])('on many pages, in whichever order (oldest first: %s)', async isOldestFirst => {
      server.settings.isOldestFirst = isOldestFirst
      await payNew('first')
      await fixture.backend.check(never)
      const [first] = server.receives
      if (first === undefined) throw new Error('nothing was received')
      for (let index = 1; index <= 350; index++) {
        const time = new Date((fixture.now() + index * 60) * 1_000).toISOString()
        server.receives.push({ ...first, receiveId: randomUUID(), created: time, completed: time })
      }
      const seen = await collect(fixture.backend, null, 351)
      expect(seen.map(one => one.at)).toEqual(seen.map((_, index) => fixture.now() + index * 60))
      const pagesRead = () => server.local.calls.filter(({ path }) => path.endsWith('/receives')).length
      const before = pagesRead()
      const rest = await collect(fixture.backend, seen[340]?.cursor ?? null, 10)
      expect(rest.map(one => one.at)).toEqual(seen.slice(341).map(one => one.at))
      // The page at the start tells the order; where that is not the newest, another is.
      expect(pagesRead() - before).toBe(isOldestFirst ? 2 : 1)
      expect(Math.max(...seen.map(one => one.cursor?.length ?? 0))).toBeLessThan(300)
    })

    it('of old times without keeping every one in mind, nor reading all pages again', async () => {
      const stream = fixture.backend.incoming(null, never)[Symbol.asyncIterator]()
      const marks: number[] = []
      for (const key of ['a', 'b', 'c', 'd']) {
        fixture.advance(3_600)
        const paymentHash = await payNew(key)
        const { value } = await stream.next()
        expect(value).toMatchObject({ paymentHash })
        marks.push((value?.cursor?.split('.')[1]?.length ?? 0) / 16)
      }
      expect(marks).toEqual([1, 1, 1, 1])
      await stream.return?.(undefined)
    })

    it('as soon as a webhook tells', async () => {
      const webhookSecret = 'secret'
      const told = createStrikeBackend({ url: server.url, apiKey, webhookSecret, now: fixture.now, pollMs: 600_000 })
      const stream = told.incoming(null, never)[Symbol.asyncIterator]()
      const waiting = stream.next()
      while (!server.local.calls.some(({ path }) => path.endsWith('/receives'))) {
        await new Promise(resolve => setImmediate(resolve))
      }
      const paymentHash = await payNew('a')
      const event = { eventType: 'receive-request.receive-completed', data: { entityId: randomUUID() } }
      const body = Buffer.from(JSON.stringify(event))
      const signature = createHmac('sha256', webhookSecret).update(body).digest('hex')
      expect(told.takeWebhook(body, signature)).toMatchObject({ eventType: event.eventType })
      expect((await waiting).value).toMatchObject({ paymentHash })
      await told.close()
      await expect(stream.next()).rejects.toThrow(LightningUnavailable)
    })

    it('once, however often a webhook tells of one, and in whichever order', async () => {
      const webhookSecret = 'secret'
      const told = createStrikeBackend({ url: server.url, apiKey, webhookSecret, now: fixture.now, pollMs: 600_000 })
      const bodies = [1, 2].map(() =>
        Buffer.from(
          JSON.stringify({ eventType: 'receive-request.receive-completed', data: { entityId: randomUUID() } }),
        ),
      )
      const tell = (which: 0 | 1) => {
        const body = bodies[which] ?? Buffer.alloc(0)
        return told.takeWebhook(body, createHmac('sha256', webhookSecret).update(body).digest('hex'))
      }
      const looks = () => server.local.calls.filter(({ path }) => path.endsWith('/receive-requests/receives')).length
      const looked = (before: number) => expect.poll(looks, { interval: 1 }).toBeGreaterThan(before)
      const first = await payNew('a')
      const stream = told.incoming(null, never)[Symbol.asyncIterator]()
      expect((await stream.next()).value).toMatchObject({ paymentHash: first })
      const next = stream.next()
      for (const which of [1, 0, 0] as const) {
        const before = looks()
        expect(tell(which)).not.toBe(null)
        await looked(before)
      }
      fixture.advance(1)
      const second = await payNew('b')
      expect(tell(0)).not.toBe(null)
      expect((await next).value).toMatchObject({ paymentHash: second })
      await told.close()
    })

    it('from the first, given a cursor that is none', async () => {
      const paymentHash = await payNew('a')
      for (const cursor of ['7', '', '.', 'x.y', '9'.repeat(40)]) {
        expect(await collect(fixture.backend, cursor, 1)).toMatchObject([{ paymentHash }])
      }
    })
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLnbitsBackend } from '../../../../../src/adapters/lightning/lnbits/backend.ts'
import { writeCursor } from '../../../../../src/adapters/lightning/lnbits/cursor.ts'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import type { LightningFixture } from '../contract.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import { openRemote } from '../open-remote.ts'
import { adminKey, invoiceKey, type LnbitsServer, startLnbits } from './server.ts'

describe('the LNbits adapter', () => {
  let fixture: LightningFixture
  let server: LnbitsServer

  beforeEach(async () => {
    fixture = await openRemote(async (node, now) => {
      server = await startLnbits(node, now)
      return server
    })
  })
  afterEach(() => fixture.close())

  const connect = (changes: Partial<Parameters<typeof createLnbitsBackend>[0]> = {}) =>
    createLnbitsBackend({ url: server.url, invoiceKey, adminKey, now: fixture.now, ...changes })
  const create = (idempotencyKey = 'invoice-1') => fixture.backend.createInvoice(requestOf({ idempotencyKey }), never)
  const payNew = async (idempotencyKey: string) => {
    const { bolt11, paymentHash } = await create(idempotencyKey)
    await fixture.pay(bolt11)
    return paymentHash
  }
  const posts = () =>
    server.local.calls.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body) as object)

  describe('asks as documented', () => {
    it('for an invoice, once per key', async () => {
      await create()
      await create()
      expect(posts()).toEqual([
        {
          out: false,
          unit: 'sat',
          amount: 21_000,
          memo: 'alice@example.com for 1 year',
          expiry: 900,
          extra: {
            tag: expect.stringMatching(/^panda-[0-9a-f]{32}$/),
            request: expect.stringMatching(/^[0-9a-f]{64}$/),
          },
        },
      ])
      const [found, made] = server.local.calls
      expect(found).toMatchObject({ method: 'GET', path: '/api/v1/payments/paginated' })
      expect(made).toMatchObject({ method: 'POST', path: '/api/v1/payments' })
    })

    it('with the invoice key for all but paying, in the header alone', async () => {
      const hash = await payNew('a')
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000 })
      await fixture.backend.lookUpInvoice(hash, never)
      await collect(fixture.backend, null, 1)
      await fixture.backend.pay({ idempotencyKey: 'p', bolt11, maxFeeMsat: 10_000 }, never)
      for (const { method, path, query, headers, body } of server.local.calls) {
        const isPaying = method === 'POST' && body.includes('"out":true')
        expect(headers['x-api-key']).toBe(isPaying ? adminKey : invoiceKey)
        expect(`${path}?${query}`).not.toContain(invoiceKey)
      }
    })

    it('below the path where it is served', async () => {
      const below = connect({ url: `${server.url}/wallet/` })
      await expect(below.check(never)).rejects.toThrow(LightningUnavailable)
      expect(server.local.calls.at(-1)?.path).toBe('/wallet/api/v1/wallet')
    })
  })

  describe('has the rights of its keys', () => {
    it('and says so', async () => {
      const pay = async (key?: string) =>
        (await connect(key === undefined ? {} : { adminKey: key }).capabilities(never)).pay
      expect(await pay(adminKey)).toBe(true)
      expect(await pay(invoiceKey)).toBe(false)
      const without = createLnbitsBackend({ url: server.url, invoiceKey, now: fixture.now })
      expect((await without.capabilities(never)).pay).toBe(false)
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000 })
      await expect(without.pay({ idempotencyKey: 'p', bolt11, maxFeeMsat: 10_000 }, never)).rejects.toThrow('admin key')
    })

    it('and none with a wrong one', async () => {
      const hash = await payNew('a')
      const stranger = connect({ invoiceKey: 'ff'.repeat(16) })
      await expect(stranger.check(never)).rejects.toThrow(LightningUnavailable)
      await expect(stranger.lookUpInvoice(hash, never)).rejects.toThrow(LightningUnavailable)
      await expect(stranger.createInvoice(requestOf(), never)).rejects.toThrow(LightningUnavailable)
      await expect(collect(stranger, null, 1)).rejects.toThrow(LightningUnavailable)
    })
  })

  describe('makes no invoice', () => {
    it('that LNbits cannot write', async () => {
      const asked = (changes: object) => fixture.backend.createInvoice(requestOf(changes), never)
      await expect(asked({ amountMsat: 1_500 })).rejects.toThrow(RangeError)
      await expect(asked({ description: '' })).rejects.toThrow(RangeError)
      await expect(asked({ hold: true })).rejects.toThrow('cannot hold payments')
      expect(server.local.calls).toEqual([])
    })

    it('for a key of another request', async () => {
      await create()
      for (const changes of [{ amountMsat: 5_000 }, { description: 'other' }, { expirySeconds: 60 }]) {
        await expect(fixture.backend.createInvoice(requestOf(changes), never)).rejects.toThrow('again')
      }
      expect(posts()).toHaveLength(1)
    })

    it('known to the caller when this LNbits keeps no tags, as versions before 1.0', async () => {
      await create()
      for (const line of server.lines) line.tag = null
      const { paymentHash } = await create('invoice-2')
      expect(paymentHash).toMatch(/^[0-9a-f]{64}$/)
      const { length } = server.lines
      server.lines.push = (...added) => {
        for (const line of added) line.tag = null
        return Array.prototype.push.apply(server.lines, added)
      }
      await expect(create('invoice-3')).rejects.toThrow('by their tag')
      expect(server.lines.length).toBe(length + 1)
    })
  })

  describe('knows what was booked', () => {
    it('although LNbits missed the news of a settlement', async () => {
      server.settings.isWatching = false
      const hash = await payNew('a')
      const state = await fixture.backend.lookUpInvoice(hash, never)
      expect(state).toMatchObject({ status: 'settled', receivedMsat: 21_000_000 })
      expect(server.local.calls.at(-1)?.query.get('recheck_pending')).toBe('true')
    })

    it('of a payment, and not what the funding source says for the moment', async () => {
      await payNew('funds')
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'stuck' })
      const asked = { idempotencyKey: 'p', paymentHash }
      expect(await fixture.backend.pay({ idempotencyKey: 'p', bolt11, maxFeeMsat: 10_000 }, never)).toEqual({
        status: 'unknown',
      })
      server.settings.isWatching = false
      await fixture.decide(paymentHash, 'failed')
      expect(await fixture.backend.lookUpPayment(asked, never)).toEqual({ status: 'unknown' })
      server.settings.isWatching = true
      expect(await fixture.backend.lookUpPayment(asked, never)).toMatchObject({ status: 'failed' })
    })

    it('of a payment that went through while LNbits did not look', async () => {
      await payNew('funds')
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'stuck', feeMsat: 7 })
      await fixture.backend.pay({ idempotencyKey: 'p', bolt11, maxFeeMsat: 10_000 }, never)
      server.settings.isWatching = false
      await fixture.decide(paymentHash, 'paid')
      const outcome = await fixture.backend.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)
      expect(outcome).toMatchObject({ status: 'paid', feeMsat: 7 })
    })

    it('of its own invoice that it paid itself, whose lines share a hash', async () => {
      const hash = await payNew('a')
      const [incoming] = server.lines
      if (incoming === undefined) throw new Error('there is no line')
      const outgoing = { ...incoming, status: 'success' as const, amount: -incoming.amount, fee: -1_000 }
      server.lines.push({ ...outgoing, checking_id: `internal_${hash}` })
      expect(await fixture.backend.lookUpInvoice(hash, never)).toMatchObject({ receivedMsat: incoming.amount })
      const outcome = await fixture.backend.lookUpPayment({ idempotencyKey: 'p', paymentHash: hash }, never)
      expect(outcome).toMatchObject({ status: 'paid', feeMsat: 1_000 })
    })

    it('of an invoice, which is no payment of ours', async () => {
      const { paymentHash } = await create()
      expect(await fixture.backend.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)).toBe(null)
    })
  })

  it('does not pay where LNbits may spend more on fees than was said', async () => {
    await payNew('funds')
    const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
    server.settings.reserveFeeMsat = 10_001
    const outcome = await fixture.backend.pay({ idempotencyKey: 'p', bolt11, maxFeeMsat: 10_000 }, never)
    expect(outcome).toMatchObject({ status: 'failed', reason: expect.stringContaining('10001 msat') })
    expect(posts().filter(post => 'bolt11' in post)).toEqual([])
  })

  it('does not pay what is no invoice', async () => {
    const outcome = await fixture.backend.pay({ idempotencyKey: 'p', bolt11: 'lnbc1', maxFeeMsat: 0 }, never)
    expect(outcome).toEqual({ status: 'failed', reason: 'this is no invoice' })
    expect(server.local.calls).toEqual([])
  })

  describe('streams settlements', () => {
    it('once each, however often it is told', async () => {
      const listening = collect(fixture.backend, null, 2)
      const first = await payNew('a')
      for (let round = 0; round < 5; round++) server.tell({ payment: { payment_hash: first } })
      const second = await payNew('b')
      expect((await listening).map(({ paymentHash }) => paymentHash)).toEqual([first, second])
    })

    it('whatever it is told', async () => {
      const listening = collect(fixture.backend, null, 1)
      const { bolt11, paymentHash } = await create()
      server.tell({ payment: { payment_hash: paymentHash, status: 'success', amount: 21_000_000 } })
      server.tell('nonsense')
      await fixture.pay(bolt11)
      expect(await listening).toMatchObject([{ paymentHash }])
    })

    it('when it was told of none', async () => {
      server.settings.isTelling = false
      const listening = collect(connect({ pollMs: 5 }), null, 1)
      const paymentHash = await payNew('a')
      expect(await listening).toMatchObject([{ paymentHash }])
    })

    it('until the connection breaks', async () => {
      await payNew('a')
      const stream = fixture.backend.incoming(null, never)[Symbol.asyncIterator]()
      await stream.next()
      const waiting = stream.next()
      server.local.disconnect()
      await expect(waiting).rejects.toThrow(LightningUnavailable)
    })

    it('until it is closed', async () => {
      await payNew('a')
      const stream = fixture.backend.incoming(null, never)[Symbol.asyncIterator]()
      await stream.next()
      const waiting = stream.next()
      await fixture.backend.close()
      await expect(waiting).rejects.toThrow(LightningUnavailable)
    })

    it('of old invoices without keeping every one in mind', async () => {
      const marksIn = (cursor: string | null | undefined) => (cursor?.split('.')[2]?.length ?? 0) / 16
      for (const key of ['a', 'b', 'c']) await payNew(key)
      const stream = fixture.backend.incoming(null, never)[Symbol.asyncIterator]()
      const marks: number[] = []
      const readOne = async () => {
        const { value } = await stream.next()
        marks.push(marksIn(value?.cursor))
        return value
      }
      for (let index = 0; index < 3; index++) await readOne()
      for (const key of ['d', 'e', 'f']) {
        fixture.advance(3 * 86_400)
        const paymentHash = await payNew(key)
        expect(await readOne()).toMatchObject({ paymentHash })
      }
      expect(marks).toEqual([1, 2, 3, 1, 1, 1])
      await stream.return?.(undefined)
    })

    it('of an invoice that was open for long while others came and went', async () => {
      const longOpen = requestOf({ idempotencyKey: 'long', expirySeconds: 30 * 86_400 })
      const { bolt11, paymentHash } = await fixture.backend.createInvoice(longOpen, never)
      let cursor: string | null = null
      for (const key of ['a', 'b', 'c']) {
        fixture.advance(5 * 86_400)
        const paid = await payNew(key)
        const [seen] = await collect(fixture.backend, cursor, 1)
        expect(seen).toMatchObject({ paymentHash: paid })
        cursor = seen?.cursor ?? null
      }
      await fixture.pay(bolt11)
      expect(await collect(fixture.backend, cursor, 1)).toMatchObject([{ paymentHash }])
    })

    it('from the first, given the cursor of another wallet or none', async () => {
      const paymentHash = await payNew('a')
      const since = fixture.now() + 1_000
      const others = [writeCursor('another wallet', { since, told: new Set() }), '7', '', '.'.repeat(99)]
      for (const cursor of others) {
        expect(await collect(fixture.backend, cursor, 1)).toMatchObject([{ paymentHash }])
      }
    })

    it('on many pages', async () => {
      await payNew('first')
      const [first] = server.lines
      if (first === undefined) throw new Error('there is no line')
      for (let index = 0; index < 450; index++) {
        server.lines.push({ ...first, status: 'success', payment_hash: sha256(`line ${index}`) })
      }
      const seen = await collect(fixture.backend, null, 451)
      expect(new Set(seen.map(({ paymentHash }) => paymentHash)).size).toBe(451)
      const pages = server.local.calls.map(({ query }) => query.get('offset')).filter(offset => offset !== null)
      expect(pages).toEqual(['0', '200', '400'])
    })

    it('past lines that are no Lightning payments', async () => {
      const paymentHash = await payNew('a')
      const [line] = server.lines
      server.lines.unshift({ ...line, payment_hash: null, bolt11: null, checking_id: null } as never)
      expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash }])
    })
  })
})

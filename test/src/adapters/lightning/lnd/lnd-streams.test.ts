import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type IncomingPayment, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf } from '../invoice-request.ts'
import { refuseStream } from './lnd-replies.ts'
import { type LndFixture, openLnd } from './open-lnd.ts'

describe('LND tells what arrives', () => {
  let fixture: LndFixture

  beforeEach(async () => {
    // Streams are opened anew soon, so that tests of that do not take long.
    fixture = await openLnd(() => ({ quietMs: 40 }))
  })
  afterEach(() => fixture.close())

  const create = (idempotencyKey: string, hold = false) =>
    fixture.backend.createInvoice(requestOf({ idempotencyKey, hold }), never)
  const payNew = async (idempotencyKey: string) => {
    const { bolt11, paymentHash } = await create(idempotencyKey)
    await fixture.pay(bolt11)
    return paymentHash
  }
  const subscriptions = () => fixture.server.calls.filter(({ path }) => path === '/v1/invoices/subscribe')
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) await new Promise(resolve => setTimeout(resolve, 5))
  }
  const hashesOf = (payments: readonly IncomingPayment[]) => payments.map(({ paymentHash }) => paymentHash)

  it('by listing the first settlement, and asking for those after it', async () => {
    const paid = [await payNew('a'), await payNew('b')]
    expect(hashesOf(await collect(fixture.backend, null, 2))).toEqual(paid)
    expect(subscriptions().map(({ query }) => query.get('settle_index'))).toEqual(['1'])
  })

  it('by asking for new ones where there was none, and listing again', async () => {
    const seen = collect(fixture.backend, null, 1)
    await until(() => subscriptions().length > 2)
    expect(new Set(subscriptions().map(({ query }) => query.get('settle_index')))).toEqual(new Set([null]))
    const paid = await payNew('a')
    expect(hashesOf(await seen)).toEqual([paid])
  })

  it('also the first, when only the second was told', async () => {
    const seen = collect(fixture.backend, null, 2)
    await until(() => fixture.server.subscriptions.count() === 1)
    fixture.server.subscriptions.forget()
    const first = await payNew('a')
    const second = await payNew('b')
    expect(hashesOf(await seen)).toEqual([first, second])
  })

  it('each once, although it is told twice', async () => {
    fixture.server.subscriptions.tell(2)
    const first = await payNew('a')
    const [{ cursor } = { cursor: null }] = await collect(fixture.backend, null, 1)
    const seen = collect(fixture.backend, cursor, 3)
    const rest = []
    for (const key of ['b', 'c', 'd']) rest.push(await payNew(key))
    expect(hashesOf(await seen)).toEqual(rest)
    expect(hashesOf(await collect(fixture.backend, null, 4))).toEqual([first, ...rest])
  })

  it.each(['list', 'lookup'])('not at all when it leaves a call of the stream without an answer: %s', async kind => {
    await fixture.close()
    fixture = await openLnd(() => ({ answerMs: 500 }))
    await payNew('a')
    const [{ cursor } = { cursor: null }] = await collect(fixture.backend, null, 1)
    fixture.server.answerNext(kind, { stream: () => undefined })
    await expect(collect(fixture.backend, kind === 'list' ? null : cursor, 2)).rejects.toThrow(LightningUnavailable)
  })

  it('what it did not tell, once the silence is over', async () => {
    await payNew('a')
    const [{ cursor } = { cursor: null }] = await collect(fixture.backend, null, 1)
    const before = subscriptions().length
    const seen = collect(fixture.backend, cursor, 1)
    await until(() => fixture.server.subscriptions.count() === 1)
    fixture.server.subscriptions.forget()
    const lost = await payNew('b')
    expect(hashesOf(await seen)).toEqual([lost])
    expect(subscriptions().length - before).toBeGreaterThan(1)
  })

  it('until it is found to be away, although its connection looks alive', async () => {
    await payNew('a')
    const seen = collect(fixture.backend, null, 2)
    await until(() => fixture.server.subscriptions.count() === 1)
    fixture.server.subscriptions.forget()
    fixture.server.fail('info', 'unavailable')
    await expect(seen).rejects.toThrow(LightningUnavailable)
  })

  it('until LND ends its answer', async () => {
    await payNew('a')
    fixture.server.answerNext('watch', { stream: response => response.writeHead(200).end() })
    await create('held', true)
    await expect(collect(fixture.backend, null, 2)).rejects.toThrow(LightningUnavailable)
  })

  it('until LND shuts down', async () => {
    await payNew('a')
    const [{ cursor } = { cursor: null }] = await collect(fixture.backend, null, 1)
    fixture.server.answerNext('stream', refuseStream(2, 'server shutting down'))
    await expect(collect(fixture.backend, cursor, 1)).rejects.toThrow('lnd is not ready')
  })

  it.each([
    ['of another backend', () => 'somewhere'],
    ['of another node', () => `7:${'ab'.repeat(32)}`],
    ['of a later state of the node', (cursor: string) => cursor.replace(/^\d+/, '99')],
    ['of more than is exact', (cursor: string) => cursor.replace(/^\d+/, '9'.repeat(30))],
  ])('from the first after a cursor %s', async (_case, change) => {
    const paid = [await payNew('a'), await payNew('b')]
    const last = (await collect(fixture.backend, null, 2)).at(-1)
    expect(hashesOf(await collect(fixture.backend, change(last?.cursor ?? ''), 2))).toEqual(paid)
  })

  it('of others as well, but not what has no hash', async () => {
    const paid = [await payNew('a'), await payNew('b')]
    const last = await fixture.server.invoice(paid[1] ?? '')
    const messages = [
      { ...last, settle_index: '2', r_hash: '', is_amp: true },
      { ...last, settle_index: '3', r_preimage: '', is_amp: true },
      { ...last, settle_index: '4', is_keysend: true },
    ]
    const [{ cursor } = { cursor: null }] = await collect(fixture.backend, null, 1)
    fixture.server.answerNext('stream', {
      stream: response => response.end(messages.map(result => `${JSON.stringify({ result })}\n`).join('')),
    })
    const seen = await collectUnlessTaken(cursor)
    expect(seen).toMatchObject([{ paymentHash: paid[1], cursor: `4:${paid[1]}` }])
  })

  it('also what came in very many parts, with what its payer wrote into each', async () => {
    const paid = [await payNew('a'), await payNew('b')]
    const last = await fixture.server.invoice(paid[1] ?? '')
    const [{ cursor } = { cursor: null }] = await collect(fixture.backend, null, 1)
    // As many as a channel takes at once (BOLT 2, max_accepted_htlcs); what fits into an onion.
    const custom_records = { 65537: 'A'.repeat(1_600) }
    const htlcs = new Array(483).fill({ state: 'SETTLED', accept_time: '1790000000', amt_msat: '1', custom_records })
    fixture.server.answerNext('stream', {
      stream: response => response.end(`${JSON.stringify({ result: { ...last, htlcs } })}\n`),
    })
    expect(hashesOf(await collectUnlessTaken(cursor))).toEqual([paid[1]])
  })

  it('and lists in pages', async () => {
    const hashes: string[] = []
    for (let index = 0; index < 101; index++) hashes.push((await create(`invoice-${index}`)).paymentHash)
    const before = fixture.server.calls.length
    const paid = hashes.at(-1) ?? ''
    await fixture.pay(String((await fixture.server.invoice(paid))?.payment_request))
    expect(hashesOf(await collect(fixture.backend, null, 1))).toEqual([paid])
    const listed = fixture.server.calls.slice(before).filter(({ path }) => path === '/v1/invoices')
    const offsets = listed
      .filter(({ query }) => query.get('pending_only') === 'false')
      .map(one => one.query.get('index_offset'))
    expect(offsets).toEqual(['0', '100'])
  })

  describe('and waits to be taken', () => {
    it('of invoices that are made while somebody listens', async () => {
      const seen = collect(fixture.backend, null, 2)
      await until(() => fixture.server.subscriptions.count() === 1)
      const made = [await create('a', true), await create('b', true)]
      for (const { bolt11 } of made) await fixture.pay(bolt11)
      expect((await seen).map(({ status }) => status)).toEqual(['accepted', 'accepted'])
      expect(new Set(hashesOf(await collect(fixture.backend, null, 2)))).toEqual(new Set(hashesOf(await seen)))
    })

    it('of an invoice whose making was not answered', async () => {
      const seen = collect(fixture.backend, null, 1)
      await until(() => fixture.server.subscriptions.count() === 1)
      fixture.server.fail('create', 'drop-after')
      await expect(create('a', true)).rejects.toThrow(LightningUnavailable)
      const { bolt11, paymentHash } = await create('a', true)
      await fixture.pay(bolt11)
      expect(await seen).toMatchObject([{ paymentHash, status: 'accepted' }])
    })

    it('also of the last of very many', async () => {
      await fixture.close()
      fixture = await openLnd(() => ({ quietMs: 1_000 }))
      const made = []
      for (let index = 0; index < 105; index++) made.push(await create(`held-${index}`, true))
      const last = made.at(-1)
      if (last === undefined) throw new Error('none was made')
      const seen = collect(fixture.backend, null, 1)
      await until(
        () => fixture.server.calls.filter(({ path }) => path.startsWith('/v2/invoices/subscribe/')).length > 99,
      )
      await fixture.pay(last.bolt11)
      expect(await seen).toMatchObject([{ paymentHash: last.paymentHash, status: 'accepted' }])
    })

    it('and is no longer watched once it is cancelled, expired or was never made', async () => {
      const stop = new AbortController()
      const watches = () => fixture.server.calls.filter(({ path }) => path.startsWith('/v2/invoices/subscribe/')).length
      const seen = (async () => {
        for await (const one of fixture.backend.incoming(null, stop.signal)) return one
        return null
      })()
      await until(() => fixture.server.subscriptions.count() === 1)
      const cancelled = await create('cancelled', true)
      fixture.server.fail('create', 'unavailable')
      await expect(create('never made', true)).rejects.toThrow(LightningUnavailable)
      await create('expired', true)
      await until(() => watches() > 2)
      await fixture.backend.cancelHold(cancelled.paymentHash, never)
      fixture.advance(10_000)
      // A few turns later nothing is watched, while settlements still are.
      const before = subscriptions().length
      await until(() => subscriptions().length > before + 3)
      const later = watches()
      await until(() => subscriptions().length > before + 6)
      expect(watches()).toBe(later)
      stop.abort()
      expect(await seen).toBe(null)
    })
  })

  /** What comes before the answer that ends is taken for a lost connection. */
  async function collectUnlessTaken(cursor: string | null): Promise<IncomingPayment[]> {
    const seen: IncomingPayment[] = []
    try {
      for await (const one of fixture.backend.incoming(cursor, never)) seen.push(one)
    } catch (error) {
      if (!(error instanceof LightningUnavailable)) throw error
    }
    return seen
  }
})

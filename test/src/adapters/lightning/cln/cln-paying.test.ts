import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LightningFixture } from '../contract.ts'
import { never, requestOf } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import type { ClnServer } from './cln-server.ts'
import { askedOf, openCln } from './open-cln.ts'

const done = (json: unknown): Reply => ({ status: 201, json })
const refuse = (code: number | null): Reply => ({ status: 500, json: { code, message: 'it did not work' } })
const failed = { status: 'failed', reason: expect.stringMatching(/./) }

describe('Core Lightning pays', () => {
  let fixture: LightningFixture
  let server: ClnServer

  beforeEach(async () => {
    ;({ fixture, server } = await openCln())
    const { bolt11 } = await fixture.backend.createInvoice(requestOf(), never)
    await fixture.pay(bolt11)
  })
  afterEach(() => fixture.close())

  const pay = (bolt11: string, signal = never) =>
    fixture.backend.pay({ idempotencyKey: 'payment', bolt11, maxFeeMsat: 1_000 }, signal)
  const lookUp = (paymentHash: string) =>
    fixture.backend.lookUpPayment({ idempotencyKey: 'payment', paymentHash }, never)
  const invoice = (wanted: { fate?: 'paid' | 'failed' | 'stuck' } = {}) =>
    fixture.outsideInvoice({ amountMsat: 5_000_000, ...wanted })
  const isPaid = { status: 'paid', preimage: expect.stringMatching(/^[0-9a-f]{64}$/), feeMsat: 0 }
  /** How the node lists a payment between one way and the next that it tries. */
  const listedAsFailed = (bolt11: string, created_at = fixture.now()) =>
    done({ pays: [{ status: 'failed', payment_hash: '', bolt11, created_at, amount_sent_msat: 0 }] })

  it('by the documented calls', async () => {
    const { bolt11, paymentHash } = await invoice()
    expect(await pay(bolt11)).toEqual(isPaid)
    expect(await lookUp(paymentHash)).toEqual(isPaid)
    expect(askedOf(server, 'xpay')).toEqual([{ invstring: bolt11, maxfee: 1_000, retry_for: 60 }])
    expect(askedOf(server, 'listpays')).toEqual([{ bolt11 }, { payment_hash: paymentHash }])
  })

  it('not again what it has paid', async () => {
    const { bolt11 } = await invoice()
    const first = await pay(bolt11)
    await fixture.reopen()
    expect(await pay(bolt11.toUpperCase())).toEqual(first)
    expect(askedOf(server, 'xpay')).toHaveLength(1)
  })

  it('not again what is under way, whoever asked', async () => {
    const { bolt11, paymentHash } = await invoice({ fate: 'stuck' })
    expect(await pay(bolt11, AbortSignal.timeout(200))).toEqual({ status: 'unknown' })
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    await fixture.reopen()
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    await fixture.decide(paymentHash, 'paid')
    expect(await pay(bolt11)).toEqual(isPaid)
    expect(askedOf(server, 'xpay')).toHaveLength(1)
  })

  it('once when asked many times at once', async () => {
    const { bolt11 } = await invoice()
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => pay(bolt11)))
    // Whoever asks late may see that it is paid; the others do not know.
    const told = new Set(outcomes.map(({ status }) => status))
    expect([...told].filter(status => status !== 'unknown')).toEqual(['paid'])
    expect(askedOf(server, 'xpay')).toHaveLength(1)
  })

  it('again what has failed', async () => {
    const { bolt11 } = await invoice({ fate: 'failed' })
    expect(await pay(bolt11)).toEqual(failed)
    expect(await pay(bolt11)).toEqual(failed)
    expect(askedOf(server, 'xpay')).toHaveLength(2)
  })

  describe('and does not believe that a payment failed', () => {
    it('while the command whose answer was lost may try another way', async () => {
      const { bolt11, paymentHash } = await invoice()
      server.local.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      server.answerNext('listpays', listedAsFailed(bolt11))
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      server.answerNext('listpays', listedAsFailed(bolt11))
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(askedOf(server, 'xpay')).toHaveLength(1)
    })

    it('although an earlier one failed long ago', async () => {
      const { bolt11, paymentHash } = await invoice({ fate: 'failed' })
      expect(await pay(bolt11)).toEqual(failed)
      fixture.advance(1_000)
      server.local.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      fixture.advance(119)
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      fixture.advance(1)
      expect(await lookUp(paymentHash)).toEqual(failed)
    })

    it('although an earlier one failed long ago, when another process asked just now', async () => {
      const { bolt11, paymentHash } = await invoice({ fate: 'failed' })
      expect(await pay(bolt11)).toEqual(failed)
      fixture.advance(1_000)
      server.local.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      await fixture.reopen()
      // The node looks for a way, and has listed nothing of it.
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      fixture.advance(120)
      expect(await lookUp(paymentHash)).toEqual(failed)
    })

    it('that another process began a short while ago', async () => {
      const { bolt11, paymentHash } = await invoice({ fate: 'failed' })
      expect(await pay(bolt11)).toEqual(failed)
      await fixture.reopen()
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(askedOf(server, 'xpay')).toHaveLength(1)
      fixture.advance(120)
      expect(await lookUp(paymentHash)).toEqual(failed)
      expect(await pay(bolt11)).toEqual(failed)
      expect(askedOf(server, 'xpay')).toHaveLength(2)
    })

    it('while a part of it is on its way, although the command gave up', async () => {
      const { bolt11, paymentHash } = await invoice({ fate: 'stuck' })
      const waiting = pay(bolt11, AbortSignal.timeout(200))
      expect(await waiting).toEqual({ status: 'unknown' })
      fixture.advance(120)
      server.answerNext('listpays', done({ pays: [] }))
      server.answerNext('xpay', refuse(205))
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
    })

    it('when it gave up and then cannot be asked how it ended', async () => {
      const { bolt11 } = await invoice({ fate: 'failed' })
      server.answerNext('xpay', {
        stream: response => {
          server.local.fail('lookup', 'unavailable')
          response.writeHead(500).end(JSON.stringify({ code: 205, message: 'no route' }))
        },
      })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    })

    it.each<[string, Reply]>([
      ['an error of any kind', refuse(-1)],
      ['a plugin that broke', refuse(-3)],
      ['an error without a code', refuse(null)],
      ['an error page', { status: 504, text: '<html>Gateway timeout</html>' }],
      ['half of an answer', { status: 201, text: '{"payment_preimage": "' }],
      ['a payment without a preimage', done({ amount_msat: 1, amount_sent_msat: 1 })],
      ['amounts as text', done({ payment_preimage: '00'.repeat(32), amount_msat: '1', amount_sent_msat: '1' })],
    ])('when xpay answers %s', async (_case, reply) => {
      const { bolt11 } = await invoice()
      server.answerNext('xpay', reply)
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(askedOf(server, 'xpay')).toHaveLength(1)
    })
  })

  it('does not ask to pay when it cannot be asked what it paid before', async () => {
    const { bolt11 } = await invoice()
    for (const reply of [refuse(-1), { status: 502, text: '' }]) {
      server.answerNext('listpays', reply)
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    }
    expect(askedOf(server, 'xpay')).toEqual([])
    expect(await pay(bolt11)).toEqual(isPaid)
  })

  it.each([203, 205, 206, 207, 209, -32602])(
    'has failed when it ends with code %s and nothing is listed',
    async code => {
      const { bolt11 } = await invoice()
      server.answerNext('xpay', refuse(code))
      expect(await pay(bolt11)).toEqual(failed)
    },
  )

  it('is paid when it ends with an error although it is listed as complete', async () => {
    const { bolt11 } = await invoice()
    await pay(bolt11)
    server.answerNext('listpays', done({ pays: [] }))
    server.answerNext('xpay', refuse(219))
    expect(await pay(bolt11)).toEqual(isPaid)
  })

  it.each(['', 'lnbcrt1', 'lnbc', 'alice@example.com'])('never %j', async bolt11 => {
    expect(await pay(bolt11)).toEqual(failed)
    expect(askedOf(server, 'xpay')).toEqual([])
  })

  it('costs nothing when the node says that it sent less than arrived', async () => {
    const { bolt11, paymentHash } = await invoice()
    const sums = { amount_msat: 5_000, amount_sent_msat: 4_999 }
    const paid = { status: 'paid', preimage: 'cd'.repeat(32), feeMsat: 0 }
    server.answerNext('listpays', done({ pays: [{ status: 'complete', preimage: paid.preimage, ...sums }] }))
    expect(await lookUp(paymentHash)).toEqual(paid)
    server.answerNext('xpay', done({ payment_preimage: paid.preimage, ...sums }))
    expect(await pay(bolt11)).toEqual(paid)
  })

  it('tells one complete try among others that failed', async () => {
    const { bolt11, paymentHash } = await invoice()
    const complete = { status: 'complete', preimage: 'cd'.repeat(32), amount_msat: 5_000, amount_sent_msat: 5_007 }
    const other = { status: 'failed', bolt11, created_at: fixture.now(), amount_sent_msat: 0 }
    for (const pays of [
      [other, complete],
      [complete, other],
      [{ status: 'pending' }, complete],
    ]) {
      server.answerNext('listpays', done({ pays }))
      expect(await lookUp(paymentHash)).toEqual({ status: 'paid', preimage: 'cd'.repeat(32), feeMsat: 7 })
    }
    server.answerNext('listpays', done({ pays: [other, { status: 'pending' }] }))
    expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf } from '../invoice-request.ts'
import { type NwcFixture, openNwc } from './open-nwc.ts'

const fundsMsat = 100_000_000
const amountMsat = 40_000_000

describe('payments of a wallet through Nostr Wallet Connect', () => {
  let fixture: NwcFixture
  const open = async (options: Parameters<typeof openNwc>[0] = {}) => {
    fixture = await openNwc(options)
    await fixture.pay((await fixture.backend.createInvoice(requestOf({ amountMsat: fundsMsat }), never)).bolt11)
  }
  afterEach(() => fixture.close())

  const pay = (bolt11: string, { idempotencyKey = 'payment-1', maxFeeMsat = 10_000, signal = never } = {}) =>
    fixture.backend.pay({ idempotencyKey, bolt11, maxFeeMsat }, signal)
  const lookUp = (paymentHash: string, idempotencyKey = 'payment-1') =>
    fixture.backend.lookUpPayment({ idempotencyKey, paymentHash }, never)
  const answer = (method: string, code: string) => fixture.wallet.answer(method, { error: { code, message: 'no' } })
  const asked = () => fixture.wallet.calls.filter(call => call.method === 'pay_invoice').map(call => call.params)

  describe('when the wallet does as NIP-47 says', () => {
    beforeEach(() => open())

    it('are asked for with what the fee may be and the key', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat })
      await pay(bolt11)
      const metadata = { idempotency_key: 'payment-1' }
      expect(asked()).toEqual([{ invoice: bolt11, max_fee: 10_000, metadata }])
    })

    it.each([
      ['PAYMENT_FAILED', 'failed'],
      ['INSUFFICIENT_BALANCE', 'failed'],
      ['QUOTA_EXCEEDED', 'failed'],
      ['FEE_LIMIT_EXCEEDED', 'failed'],
      ['RATE_LIMITED', 'failed'],
      ['NOT_IMPLEMENTED', 'failed'],
      ['RESTRICTED', 'failed'],
      ['UNAUTHORIZED', 'failed'],
      ['UNSUPPORTED_ENCRYPTION', 'failed'],
      ['INTERNAL', 'unknown'],
      ['NOT_FOUND', 'unknown'],
      ['OTHER', 'unknown'],
      ['SOMETHING_NEW', 'unknown'],
    ])('that end with %s are %s', async (code, status) => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat })
      answer('pay_invoice', code)
      const outcome = await pay(bolt11)
      expect(outcome).toEqual(status === 'failed' ? { status, reason: expect.stringMatching(/./) } : { status })
    })

    it.each(['PAYMENT_FAILED', 'INSUFFICIENT_BALANCE', 'QUOTA_EXCEEDED', 'INTERNAL', 'OTHER'])(
      'that end with %s are not failed while nothing else can be learned',
      async code => {
        const { bolt11 } = await fixture.outsideInvoice({ amountMsat })
        answer('pay_invoice', code)
        // Before paying there is nothing; afterwards there is no answer.
        let looked = 0
        fixture.wallet.answerBy('lookup_invoice', () =>
          looked++ === 0 ? { error: { code: 'NOT_FOUND', message: '' } } : { error: { code: 'INTERNAL', message: '' } },
        )
        expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      },
    )

    it.each(['PAYMENT_FAILED', 'INSUFFICIENT_BALANCE', 'INTERNAL', 'OTHER'])(
      'that are said to end with %s, and are under way or made, are not failed',
      async code => {
        for (const fate of ['stuck', 'paid'] as const) {
          const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate })
          fixture.wallet.answerBy('pay_invoice', async params => {
            await fixture.wallet.ledger.perform('pay_invoice', params)
            return { error: { code, message: 'timed out' } }
          })
          const outcome = await pay(bolt11, { idempotencyKey: fate })
          expect(outcome.status).toBe(fate === 'paid' ? 'paid' : 'unknown')
          expect(await lookUp(paymentHash, fate)).toEqual(outcome)
        }
      },
    )

    it('that the wallet calls an internal error are failed when a look-up says so (Alby Hub)', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat, fate: 'failed' })
      fixture.wallet.answerBy('pay_invoice', async params => {
        await expect(fixture.wallet.ledger.perform('pay_invoice', params)).rejects.toThrow('no route')
        return { error: { code: 'INTERNAL', message: 'no route' } }
      })
      expect(await pay(bolt11)).toMatchObject({ status: 'failed' })
    })

    it('are not made while it is unknown what was done before', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat })
      answer('lookup_invoice', 'INTERNAL')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(asked()).toEqual([])
    })

    it('are not asked for again: one that is under way, made, or has failed by this key', async () => {
      for (const fate of ['stuck', 'paid', 'failed'] as const) {
        const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate })
        const signal = AbortSignal.timeout(fate === 'stuck' ? 100 : 10_000)
        const first = await pay(bolt11, { idempotencyKey: fate, signal })
        const again = await (await fixture.reopen()).pay({ idempotencyKey: fate, bolt11, maxFeeMsat: 0 }, never)
        expect(again.status).toBe(first.status)
      }
      expect(asked()).toHaveLength(3)
    })

    it('are tried again by another key once one has failed, and not once one was made', async () => {
      const failing = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'failed' })
      await pay(failing.bolt11)
      await pay(failing.bolt11, { idempotencyKey: 'payment-2' })
      expect(asked()).toHaveLength(2)
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat: 1_000_000 })
      await pay(bolt11)
      expect(await pay(bolt11, { idempotencyKey: 'payment-2' })).toMatchObject({ status: 'failed' })
      expect(await lookUp(paymentHash, 'payment-2')).toBe(null)
      expect(asked()).toHaveLength(3)
    })

    it('are not asked for when there is nothing to pay', async () => {
      const expired = await fixture.outsideInvoice({ amountMsat, expirySeconds: 60 })
      fixture.advance(60)
      // BOLT 11: "Please make a donation of any amount".
      const donation =
        'lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq8rkx3yf5tcsyz3d73gafnh3cax9rn449d9p5uxz9ezhhypd0elx87sjle52x86fux2ypatgddc6k63n7erqz25le42c4u4ecky03ylcqca784w'
      for (const bolt11 of [expired.bolt11, donation, 'lnbc1', '']) {
        expect(await pay(bolt11)).toMatchObject({ status: 'failed' })
      }
      expect(asked()).toEqual([])
    })

    it('are not asked for when the signal has aborted before', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat })
      expect(await pay(bolt11, { signal: AbortSignal.abort() })).toEqual({ status: 'unknown' })
      await fixture.backend.close()
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(asked()).toEqual([])
    })

    const preimage = 'ab'.repeat(32)
    it.each([
      ['nothing', {}],
      ['no preimage', { fees_paid: 1 }],
      ['a short preimage', { preimage: 'ab', fees_paid: 1 }],
      ['a fee as text', { preimage, fees_paid: '1' }],
      ['a fee below nothing', { preimage, fees_paid: -1 }],
      ['part of a fee', { preimage, fees_paid: 0.5 }],
      ['a fee that is not exact', { preimage, fees_paid: 2 ** 53 }],
      ['a list', []],
      ['null', null],
    ])('are unknown when the wallet answers %s', async (_case, result) => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat })
      fixture.wallet.answer('pay_invoice', { error: null, result })
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    })

    it.each([undefined, null])('are looked up when the wallet does not tell the fee (%s)', async fee => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat, feeMsat: 2_000 })
      fixture.wallet.answerBy('pay_invoice', async params => {
        const result = await fixture.wallet.ledger.perform('pay_invoice', params)
        return { error: null, result: { ...result, fees_paid: fee } }
      })
      expect(await pay(bolt11)).toMatchObject({ status: 'paid', feeMsat: 2_000 })
    })

    it('that arrive are no payments of ours', async () => {
      const { paymentHash } = await fixture.backend.createInvoice(requestOf({ idempotencyKey: 'own' }), never)
      expect(await lookUp(paymentHash)).toBe(null)
    })

    it('are unknown, not failed, when their invoice has expired meanwhile (Alby Hub)', async () => {
      const paymentHash = '12'.repeat(32)
      const common = { payment_hash: paymentHash, amount: 1, created_at: 1, fees_paid: 0, preimage: '' }
      const tell = (state: object) =>
        fixture.wallet.answer('lookup_invoice', { error: null, result: { ...common, type: 'outgoing', ...state } })
      tell({ state: 'expired', settled_at: null })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      tell({})
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      tell({ settled_at: 5, preimage, fees_paid: null })
      expect(await lookUp(paymentHash)).toEqual({ status: 'paid', preimage, feeMsat: 0 })
      tell({ state: 'settled', settled_at: 5 })
      await expect(lookUp(paymentHash)).rejects.toThrow(LightningUnavailable)
    })
  })

  it('cost more than was said where the wallet knows no limit, and it is told', async () => {
    await open()
    const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, feeMsat: 300_000 })
    expect(await pay(bolt11)).toMatchObject({ status: 'paid', feeMsat: 300_000 })
    expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid', feeMsat: 300_000 })
    expect(await fixture.backend.balanceMsat(never)).toBe(fundsMsat - amountMsat - 300_000)
  })

  it('are not made where the wallet knows the limit', async () => {
    await open({ enforcesMaxFee: true })
    const { bolt11 } = await fixture.outsideInvoice({ amountMsat, feeMsat: 10_001 })
    expect(await pay(bolt11)).toEqual({ status: 'failed', reason: 'no route within the fee limit' })
    expect(await fixture.backend.balanceMsat(never)).toBe(fundsMsat)
  })

  it('are found without their key where the wallet keeps no metadata', async () => {
    await open({ keepsMetadata: false })
    const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
    fixture.wallet.fail('pay', 'drop-after')
    expect(await pay(bolt11)).toEqual({ status: 'unknown' })
    expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
    expect(await pay(bolt11)).toMatchObject({ status: 'paid' })
    expect(asked()).toHaveLength(1)
  })

  it('are not tried again where the wallet keeps no metadata: what it tells afterwards could be of the former try', async () => {
    await open({ keepsMetadata: false })
    const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000_000, fate: 'failed' })
    expect(await pay(bolt11)).toMatchObject({ status: 'failed' })
    expect(await pay(bolt11, { idempotencyKey: 'payment-2' })).toMatchObject({ status: 'failed' })
    expect(asked()).toHaveLength(1)
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../src/adapters/lightning/port.ts'
import type { LightningFixture, LightningTraits } from './contract.ts'
import { never, requestOf, sha256 } from './invoice-request.ts'

/** What a backend does that pays: once, within the fee limit, and never says that it failed when it does not know. */
export function describePayingContract(
  name: string,
  { reservedFeeMsat = 0, tellsLostPaymentsOnRetry = false, fixedFeeMsat, limitsFees = true }: LightningTraits,
  setup: () => Promise<LightningFixture>,
): void {
  describe(`${name}, paying`, () => {
    let fixture: LightningFixture
    const fundsMsat = 100_000_000

    beforeEach(async () => {
      fixture = await setup()
      const { bolt11 } = await fixture.backend.createInvoice(requestOf({ amountMsat: fundsMsat }), never)
      await fixture.pay(bolt11)
    })
    afterEach(() => fixture.close())

    const amountMsat = 40_000_000
    /** What a payment costs of which nothing else is said. */
    const costMsat = fixedFeeMsat?.(amountMsat) ?? 0
    const pay = (bolt11: string, { maxFeeMsat = costMsat + 10_000, idempotencyKey = 'payment-1' } = {}) =>
      fixture.backend.pay({ idempotencyKey, bolt11, maxFeeMsat }, never)
    const lookUp = (paymentHash: string, idempotencyKey = 'payment-1') =>
      fixture.backend.lookUpPayment({ idempotencyKey, paymentHash }, never)
    const balance = () => fixture.backend.balanceMsat(never)

    it('says that it can, and has what arrived', async () => {
      expect(await fixture.backend.capabilities(never)).toMatchObject({ pay: true, limitsFees })
      expect(await balance()).toBe(fundsMsat)
    })

    it('pays, and says what it cost', async () => {
      const feeMsat = fixedFeeMsat === undefined ? 3_000 : costMsat
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, feeMsat })
      const outcome = await pay(bolt11)
      if (outcome.status !== 'paid') throw new Error(`the payment is ${outcome.status}`)
      expect(outcome.feeMsat).toBe(feeMsat)
      expect(sha256(Buffer.from(outcome.preimage, 'hex'))).toBe(paymentHash)
      expect(await lookUp(paymentHash)).toEqual(outcome)
      expect(await balance()).toBe(fundsMsat - amountMsat - feeMsat)
    })

    it('pays once, however often and by whatever key it is asked', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      const outcomes = await Promise.all([pay(bolt11), pay(bolt11), pay(bolt11, { idempotencyKey: 'payment-2' })])
      expect(outcomes.some(({ status }) => status === 'paid')).toBe(true)
      await pay(bolt11)
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
      expect(await balance()).toBe(fundsMsat - amountMsat - costMsat)
    })

    it('pays at most at the fee that was said, or says that it was more', async () => {
      const feeMsat = fixedFeeMsat === undefined ? 10_001 : costMsat
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, feeMsat })
      if (!limitsFees) return expect(await pay(bolt11)).toMatchObject({ status: 'paid', feeMsat })
      expect(await pay(bolt11, { maxFeeMsat: feeMsat - 1 })).toMatchObject({
        status: 'failed',
        reason: expect.stringMatching(/./),
      })
      expect(await lookUp(paymentHash)).not.toMatchObject({ status: 'paid' })
      expect(await balance()).toBe(fundsMsat)
    })

    it('says when it failed: no way there', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, fate: 'failed' })
      expect(await pay(bolt11)).toMatchObject({ status: 'failed' })
      expect((await lookUp(paymentHash))?.status ?? 'failed').toBe('failed')
      expect(await balance()).toBe(fundsMsat)
    })

    it('says when it failed: expired', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat, expirySeconds: 60 })
      fixture.advance(61)
      expect(await pay(bolt11)).toMatchObject({ status: 'failed' })
      expect(await balance()).toBe(fundsMsat)
    })

    it('says when it failed: not so much there', async () => {
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat: fundsMsat + 1_000 })
      expect(await pay(bolt11)).toMatchObject({ status: 'failed' })
      expect(await balance()).toBe(fundsMsat)
    })

    it('has never heard of what it was not asked for', async () => {
      const { paymentHash } = await fixture.outsideInvoice({ amountMsat })
      expect(await lookUp(paymentHash)).toBe(null)
    })

    it.each(['paid', 'failed'] as const)('does not know of a payment under way until it is %s', async status => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, fate: 'stuck' })
      const asked = { idempotencyKey: 'payment-1', bolt11, maxFeeMsat: Math.max(reservedFeeMsat, costMsat) }
      expect(await fixture.backend.pay(asked, AbortSignal.timeout(300))).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
      await fixture.decide(paymentHash, status)
      expect(await lookUp(paymentHash)).toMatchObject({ status })
      expect(await balance()).toBe(status === 'paid' ? fundsMsat - amountMsat - costMsat : fundsMsat)
    })

    it('does not say that it failed when the answer was lost', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      fixture.fail('pay', 'drop-after')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      if (tellsLostPaymentsOnRetry) {
        expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
        expect(await pay(bolt11)).toMatchObject({ status: 'paid' })
      }
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
      expect(await balance()).toBe(fundsMsat - amountMsat - costMsat)
    })

    it('does not say that it failed when nobody answered', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      fixture.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toBe(null)
    })

    it('does not answer a look-up when it is away', async () => {
      const { paymentHash } = await fixture.outsideInvoice({ amountMsat })
      fixture.fail('lookup', 'unavailable')
      await expect(lookUp(paymentHash)).rejects.toThrow(LightningUnavailable)
    })

    it('remembers after reopening', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      const outcome = await pay(bolt11)
      const reopened = await fixture.reopen()
      expect(await reopened.lookUpPayment({ idempotencyKey: 'payment-1', paymentHash }, never)).toEqual(outcome)
    })
  })
}

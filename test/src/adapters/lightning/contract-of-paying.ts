import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../src/adapters/lightning/port.ts'
import type { LightningSetup, LightningTraits } from './contract.ts'
import { never, sha256 } from './invoice-request.ts'
import { requestIn, testsIn, type World } from './world.ts'

/** What a backend does that pays: once, within the fee limit, and never says that it failed when it does not know. */
export function describePayingContract(
  name: string,
  { reservedFeeMsat = 0, fixedFeeMsat, limitsFees = true }: LightningTraits,
  setup: () => Promise<LightningSetup>,
  world: World,
): void {
  const given = testsIn(world)

  describe(`${name}, paying`, () => {
    let fixture: LightningSetup
    let fundsMsat: number

    beforeEach(async () => {
      fixture = await setup()
      const beforeMsat = await balance()
      const { bolt11 } = await fixture.backend.createInvoice(
        requestIn(world, fixture, { amountMsat: world.fundsMsat }),
        never,
      )
      await fixture.pay(bolt11)
      fundsMsat = beforeMsat + world.fundsMsat
    })
    afterEach(() => fixture.close())

    const amountMsat = world.payoutMsat
    /** What a payment costs of which nothing else is said; `null`: nobody knows before. */
    const knownCostMsat = fixedFeeMsat?.(amountMsat) ?? (given('fees') ? 0 : null)
    const costMsat = knownCostMsat ?? 0
    const keyOf = (key: string) => `${fixture.keyPrefix ?? ''}${key}`
    const pay = (bolt11: string, { maxFeeMsat = costMsat + 10_000, key = 'payment-1' } = {}) =>
      fixture.backend.pay({ idempotencyKey: keyOf(key), bolt11, maxFeeMsat }, never)
    const lookUp = (paymentHash: string, key = 'payment-1') =>
      fixture.backend.lookUpPayment({ idempotencyKey: keyOf(key), paymentHash }, never)
    const balance = () => fixture.backend.balanceMsat(never)
    /** What a payment has cost: what was known before, or what is told now. */
    const costOf = async (paymentHash: string) => {
      const outcome = await lookUp(paymentHash)
      if (outcome?.status !== 'paid') throw new Error(`the payment is ${outcome?.status}`)
      expect(outcome.feeMsat).toBe(knownCostMsat ?? outcome.feeMsat)
      return outcome.feeMsat
    }

    it('says that it can, and has what arrived', async () => {
      expect(await fixture.backend.capabilities(never)).toMatchObject({ pay: true, limitsFees })
      expect(await balance()).toBe(fundsMsat)
    })

    it('pays, and says what it cost', async () => {
      const saidMsat = fixedFeeMsat === undefined ? 3_000 : costMsat
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, feeMsat: saidMsat })
      const outcome = await pay(bolt11)
      if (outcome.status !== 'paid') throw new Error(`the payment is ${outcome.status}`)
      const { feeMsat } = outcome
      if (knownCostMsat === null) expect(feeMsat).toBeLessThanOrEqual(10_000)
      else expect(feeMsat).toBe(saidMsat)
      expect(sha256(Buffer.from(outcome.preimage, 'hex'))).toBe(paymentHash)
      expect(await lookUp(paymentHash)).toEqual(outcome)
      expect(await balance()).toBe(fundsMsat - amountMsat - feeMsat)
    })

    it('pays once, however often and by whatever key it is asked', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      const outcomes = await Promise.all([pay(bolt11), pay(bolt11), pay(bolt11, { key: 'payment-2' })])
      expect(outcomes.some(({ status }) => status === 'paid')).toBe(true)
      await pay(bolt11)
      const paidMsat = amountMsat + (await costOf(paymentHash))
      expect(await balance()).toBe(fundsMsat - paidMsat)
    })

    const givenFee = fixedFeeMsat === undefined ? given('fees') : it
    givenFee?.('pays at most at the fee that was said, or says that it was more', async () => {
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
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat, expirySeconds: world.shortExpirySeconds })
      await fixture.advance(world.shortExpirySeconds + 1)
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

    given('delays')?.each(['paid', 'failed'] as const)(
      'does not know of a payment under way until it is %s',
      async status => {
        const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat, fate: 'stuck' })
        const maxFeeMsat = Math.max(reservedFeeMsat, knownCostMsat ?? 10_000)
        const asked = { idempotencyKey: keyOf('payment-1'), bolt11, maxFeeMsat }
        expect(await fixture.backend.pay(asked, AbortSignal.timeout(world.patienceMs))).toEqual({ status: 'unknown' })
        expect(await lookUp(paymentHash)).toEqual({ status: 'unknown' })
        await fixture.decide(paymentHash, status)
        expect(await lookUp(paymentHash)).toMatchObject({ status })
        const paidMsat = status === 'paid' ? amountMsat + (await costOf(paymentHash)) : 0
        expect(await balance()).toBe(fundsMsat - paidMsat)
      },
    )

    given('faults')?.('does not say that it failed when the answer was lost', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      fixture.fail('pay', 'drop-after')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toMatchObject({ status: 'paid' })
      const paidMsat = amountMsat + (await costOf(paymentHash))
      expect(await balance()).toBe(fundsMsat - paidMsat)
    })

    given('faults')?.('does not say that it failed when nobody answered', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      fixture.fail('pay', 'unavailable')
      expect(await pay(bolt11)).toEqual({ status: 'unknown' })
      expect(await lookUp(paymentHash)).toBe(null)
    })

    given('faults')?.('does not answer a look-up when it is away', async () => {
      const { paymentHash } = await fixture.outsideInvoice({ amountMsat })
      fixture.fail('lookup', 'unavailable')
      await expect(lookUp(paymentHash)).rejects.toThrow(LightningUnavailable)
    })

    it('remembers after reopening', async () => {
      const { bolt11, paymentHash } = await fixture.outsideInvoice({ amountMsat })
      const outcome = await pay(bolt11)
      const reopened = await fixture.reopen()
      expect(await reopened.lookUpPayment({ idempotencyKey: keyOf('payment-1'), paymentHash }, never)).toEqual(outcome)
    })
  })
}

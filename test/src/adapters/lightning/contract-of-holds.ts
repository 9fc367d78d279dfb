import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type IncomingPayment,
  type InvoiceRequest,
  LightningUnavailable,
} from '../../../../src/adapters/lightning/port.ts'
import type { LightningSetup } from './contract.ts'
import { never } from './invoice-request.ts'
import { requestIn, testsIn, timeIn, type World } from './world.ts'

/** What a backend does that can hold payments until we take them or give them back. */
export function describeHoldContract(name: string, setup: () => Promise<LightningSetup>, world: World): void {
  const given = testsIn(world)

  describe(`${name}, holding payments`, () => {
    let fixture: LightningSetup
    let hold: InvoiceRequest
    let start: string | null

    beforeEach(async () => {
      fixture = await setup()
      hold = requestIn(world, fixture, { idempotencyKey: 'held', hold: true })
      start = (await fixture.start?.()) ?? null
    })
    afterEach(() => fixture.close())

    const create = () => fixture.backend.createInvoice(hold, never)
    const stateOf = (paymentHash: string) => fixture.backend.lookUpInvoice(paymentHash, never)
    const createPaid = async () => {
      const created = await create()
      await fixture.pay(created.bolt11)
      return created
    }
    const first = async (status: IncomingPayment['status']) => {
      for await (const payment of fixture.backend.incoming(start, never)) if (payment.status === status) return payment
      return null
    }

    it('says that it can', async () => {
      expect(await fixture.backend.capabilities(never)).toMatchObject({ hold: true })
    })

    it('makes one invoice for one key', async () => {
      const made = await create()
      await fixture.advance(5)
      expect(await create()).toEqual(made)
      expect(await stateOf(made.paymentHash)).toEqual({ status: 'open' })
    })

    it('keeps a payment waiting, and tells of it', async () => {
      const { paymentHash } = await createPaid()
      const { amountMsat: receivedMsat } = hold
      expect(await stateOf(paymentHash)).toEqual({ status: 'accepted', receivedMsat, at: timeIn(world, fixture.now()) })
      expect(await first('accepted')).toMatchObject({ paymentHash, receivedMsat })
    })

    it('tells of a payment that arrives while somebody listens', async () => {
      const { bolt11, paymentHash } = await create()
      const listening = first('accepted')
      await fixture.pay(bolt11)
      expect(await listening).toMatchObject({ paymentHash })
    })

    it('takes it when told, once', async () => {
      const { paymentHash } = await createPaid()
      await fixture.advance(3)
      expect(await fixture.backend.settleHold(hold.preimage, never)).toBe('settled')
      const { amountMsat: receivedMsat, preimage } = hold
      const settled = { status: 'settled', receivedMsat, at: timeIn(world, fixture.now()), preimage }
      expect(await stateOf(paymentHash)).toEqual(settled)
      expect(await first('settled')).toMatchObject({ paymentHash, receivedMsat })
      await fixture.advance(3)
      expect(await fixture.backend.settleHold(hold.preimage, never)).toBe('settled')
      expect(await stateOf(paymentHash)).toEqual(settled)
      await expect(fixture.backend.cancelHold(paymentHash, never)).resolves.toBe('settled')
    })

    it('gives it back when told, and takes none any more', async () => {
      const { paymentHash, bolt11 } = await createPaid()
      expect(await fixture.backend.cancelHold(paymentHash, never)).toBe('cancelled')
      expect(await stateOf(paymentHash)).toEqual({ status: 'cancelled' })
      expect(await fixture.backend.cancelHold(paymentHash, never)).toBe('cancelled')
      expect(await fixture.backend.settleHold(hold.preimage, never)).toBe('lost')
      await expect(fixture.pay(bolt11)).rejects.toThrow()
    })

    it('ends an invoice that nobody has paid', async () => {
      const { paymentHash, bolt11 } = await create()
      expect(await fixture.backend.cancelHold(paymentHash, never)).toBe('cancelled')
      await expect(fixture.pay(bolt11)).rejects.toThrow()
    })

    given('faults')?.each(['unavailable', 'drop-after'] as const)(
      'may be asked again when there was no answer: %s',
      async mode => {
        const { paymentHash } = await createPaid()
        fixture.fail('hold', mode)
        await expect(fixture.backend.settleHold(hold.preimage, never)).rejects.toThrow(LightningUnavailable)
        expect(await fixture.backend.settleHold(hold.preimage, never)).toBe('settled')
        expect(await stateOf(paymentHash)).toMatchObject({ status: 'settled' })
      },
    )

    it('still has what waits after reopening', async () => {
      const { paymentHash } = await createPaid()
      const reopened = await fixture.reopen()
      for await (const payment of reopened.incoming(start, never)) {
        expect(payment).toMatchObject({ paymentHash, status: 'accepted' })
        break
      }
      expect(await reopened.settleHold(hold.preimage, never)).toBe('settled')
    })
  })
}

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { feeReserveMsat, sendableMsat } from '../../../src/domain/billing/fee-reserve.ts'
import { testSettings } from '../service.ts'

const withFees = (feePpm: number, minFeeMsat: number) => ({
  ...testSettings,
  payments: { ...testSettings.payments, feePpm, minFeeMsat },
})

it.each([
  [1_000_000, 990_000],
  [2_000_000, 1_980_000],
  [10_000, 0],
  [10_999, 0],
  [11_000, 1_000],
  [1, 0],
  [0, 0],
])('of %d msat, at 1 %% and no less than 10 satoshis, %d can be sent on', (amountMsat, expected) => {
  expect(sendableMsat(testSettings, amountMsat)).toBe(expected)
})

it('sends on as many whole satoshis as amount and fee can be, and not one more', () => {
  const feePpm = fc.nat({ max: 1_000_000 })
  const minFeeMsat = fc.nat({ max: 1_000_000 })
  fc.assert(
    fc.property(fc.nat({ max: 100_000_000_000_000 }), feePpm, minFeeMsat, (amountMsat, ppm, least) => {
      const settings = withFees(ppm, least)
      const sentMsat = sendableMsat(settings, amountMsat)
      const costMsat = (sent: number) => sent + feeReserveMsat(settings, sent)
      expect(sentMsat % 1_000).toBe(0)
      if (sentMsat > 0) expect(costMsat(sentMsat)).toBeLessThanOrEqual(amountMsat)
      expect(costMsat(sentMsat + 1_000)).toBeGreaterThan(amountMsat)
    }),
  )
})

import type { Settings } from '../../store/settings-row.ts'

const msatPerSat = 1_000

/** The most that the fee of a payment may be when its customer does not say, in millisatoshi. */
export function feeReserveMsat({ payments }: Settings, amountMsat: number): number {
  // Exactly: the product leaves the safe integers, and fractions would be rounded up twice.
  const partMsat = (BigInt(amountMsat) * BigInt(payments.feePpm) + 999_999n) / 1_000_000n
  return Math.max(payments.minFeeMsat, Number(partMsat))
}

/** How much of an amount can be sent on when its fee is to come out of it too: whole satoshis, perhaps none. */
export function sendableMsat(settings: Settings, amountMsat: number): number {
  const { minFeeMsat, feePpm } = settings.payments
  const most = Math.min(amountMsat - minFeeMsat, amountMsat / (1 + feePpm / 1_000_000))
  let sats = Math.max(0, Math.ceil(most / msatPerSat))
  while (sats > 0 && sats * msatPerSat + feeReserveMsat(settings, sats * msatPerSat) > amountMsat) sats--
  return sats * msatPerSat
}

import { z } from 'zod'
import { type Currency, minorPerUnit } from './currency.ts'

/** Exchange rates are decimal texts, what one bitcoin costs, and are calculated with as whole numbers: never as floats. */

const fractionDigits = 8
const msatPerBitcoin = 100_000_000_000n

/** What one bitcoin costs in units of a currency, such as `54321.5`: more than nothing, at most 8 digits after the point. */
export const perBitcoin = z
  .string()
  .max(21)
  .refine(text => /^\d{1,12}(\.\d{1,8})?$/.test(text) && scaledRate(text) > 0n, 'a decimal number such as "54321.5"')

/** A rate as a whole number of 10^-8 units. The text is a `perBitcoin`. */
export function scaledRate(text: string): bigint {
  const [units = '', fraction = ''] = text.split('.')
  return BigInt(units + fraction.padEnd(fractionDigits, '0'))
}

/**
 * What an amount of a currency is in millisatoshi, rounded up, so that nothing is sold for less than its price; `null`
 * when that is more than a number can say exactly.
 */
export function fiatToMsat(amountMinor: number, currency: Currency, rate: string): number | null {
  const dividend = BigInt(amountMinor) * msatPerBitcoin * 10n ** BigInt(fractionDigits)
  const divisor = minorPerUnit(currency) * scaledRate(rate)
  const amountMsat = (dividend + divisor - 1n) / divisor
  return amountMsat > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(amountMsat)
}

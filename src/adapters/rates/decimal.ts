import { RateUnavailable } from './port.ts'

const fractionDigits = 8
/** A bitcoin has cost more than one unit of any of the currencies for long, and will cost less than a million million. */
const least = 1n * 10n ** BigInt(fractionDigits)
const most = 10n ** 12n * least

/** A price as a whole number of 10^-8 units. Throws `RateUnavailable` for what is no price of a bitcoin. */
export function scaledPrice(text: string): bigint {
  const [, units = '', fraction = ''] = /^(\d{1,13})(?:\.(\d{1,16}))?$/.exec(text) ?? []
  // What is finer than we calculate with is cut off, which makes a bitcoin cheaper and what is sold by it dearer.
  const scaled = units === '' ? 0n : BigInt(units + fraction.slice(0, fractionDigits).padEnd(fractionDigits, '0'))
  if (scaled < least || scaled >= most) throw new RateUnavailable('the source names a price that no bitcoin has')
  return scaled
}

/** The same price as text: with neither leading nor trailing zeros. */
export function normalPrice(text: string): string {
  const digits = String(scaledPrice(text))
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, '')
  const units = digits.slice(0, -fractionDigits)
  return fraction === '' ? units : `${units}.${fraction}`
}

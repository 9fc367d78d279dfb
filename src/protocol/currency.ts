/** The currencies that things can be priced in, and how many digits after the point their amounts have (ISO 4217). */
const minorDigits = { EUR: 2, USD: 2, GBP: 2, CHF: 2, CAD: 2, AUD: 2, JPY: 0 } as const

export type Currency = keyof typeof minorDigits

export const currencies = Object.keys(minorDigits) as [Currency, ...Currency[]]

/** An amount such as `4.99` in minor units (cents, yen), or `null` when it is none of this currency. */
export function toMinor(text: string, currency: Currency): number | null {
  const [, units = '', fraction = ''] = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text) ?? []
  const digits = minorDigits[currency]
  if (units === '' || fraction.length > digits) return null
  return Number(units + fraction.padEnd(digits, '0'))
}

/** Minor units as text, such as `4.99 EUR`. Throws for a currency that Panda does not know. */
export function formatFiat({ currency, amountMinor }: { currency: string; amountMinor: number }): string {
  return `${fromMinor(amountMinor, currency)} ${currency}`
}

/** Minor units as an amount such as `4.99`. Throws for a currency that Panda does not know. */
export function fromMinor(amountMinor: number, currency: string): string {
  if (!isCurrency(currency)) throw new Error(`nobody knows the minor unit of ${currency}`)
  const digits = minorDigits[currency]
  if (digits === 0) return String(amountMinor)
  const text = String(amountMinor).padStart(digits + 1, '0')
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** How many minor units one of a currency has. */
export function minorPerUnit(currency: Currency): bigint {
  return 10n ** BigInt(minorDigits[currency])
}

/** Whether Panda knows the currency. */
export function isCurrency(text: string): text is Currency {
  return Object.hasOwn(minorDigits, text)
}

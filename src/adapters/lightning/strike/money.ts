import { LightningUnavailable } from '../port.ts'

/** Digits after the point of a bitcoin in millisatoshi. */
const msatDigits = 11
const satDigits = 8

/** Millisatoshi of an amount in bitcoin, which Strike writes as a decimal. Throws `LightningUnavailable` for any other text. */
export function msatOf(btc: string): number {
  const [, whole, part = ''] = /^(\d{1,8})(?:\.(\d{1,20}))?$/.exec(btc) ?? []
  const digits = part.padEnd(msatDigits, '0')
  const rest = digits.slice(msatDigits)
  // Without floating point: 0.1 + 0.2 is no amount of money.
  const msat = Number(`${whole}${digits.slice(0, msatDigits)}`)
  if (whole === undefined || /[1-9]/.test(rest) || !Number.isSafeInteger(msat)) {
    throw new LightningUnavailable('Strike answers with an amount that is none')
  }
  return msat
}

/** An amount of whole satoshis as Strike reads it. */
export function btcOf(msat: number): string {
  const digits = String(msat / 1_000).padStart(satDigits + 1, '0')
  return `${digits.slice(0, -satDigits)}.${digits.slice(-satDigits)}`
}

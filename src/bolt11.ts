import { decode } from 'bolt11'

/** What an invoice says (BOLT 11): amount in millisatoshi, time in Unix seconds. */
export type Bolt11 = {
  /** The prefix between `ln` and the amount: `bc`, `tb`, `tbs` or `bcrt`. */
  readonly currency: string
  /** `null` when it is for the payer to say. */
  readonly amountMsat: number | null
  /** 32 bytes, hex. */
  readonly paymentHash: string
  readonly expiresAt: number
}

/** Longer than invoices with many routing hints; the format itself has no limit. */
export const maxBolt11Characters = 4_096
/** When an invoice does not say (BOLT 11, field x). */
const defaultExpirySeconds = 3_600
/**
 * Fields that an invoice has once (BOLT 11, writer requirements), of those that are read here. Of two payment hashes nodes
 * pay the first; the package tells the last, by which nobody would ever find that payment.
 */
const singleFields = ['payment_hash', 'expire_time']
/** The package does not know this network by itself; of the fields only the prefix is in an invoice. */
const signet = { bech32: 'tbs', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }

/** Reads an invoice in any case; `null` when the text is none, is not signed, or is for more than can be counted. */
export function parseBolt11(text: string): Bolt11 | null {
  if (text.length > maxBolt11Characters) return null
  try {
    const read = decode(text, /^lntbs/i.test(text) ? signet : undefined)
    const { tags, tagsObject, millisatoshis, timestamp, prefix } = read
    if (singleFields.some(name => tags.filter(({ tagName }) => tagName === name).length > 1)) return null
    const { payment_hash: paymentHash, expire_time: expirySeconds = defaultExpirySeconds } = tagsObject
    const currency = /^ln([a-z]+)/.exec(prefix ?? '')?.[1]
    const amountMsat = millisatoshis ? Number(millisatoshis) : null
    if (currency === undefined || timestamp === undefined || !/^[0-9a-f]{64}$/.test(paymentHash ?? '')) return null
    if (amountMsat !== null && !(Number.isSafeInteger(amountMsat) && amountMsat > 0)) return null
    return { currency, amountMsat, paymentHash: paymentHash ?? '', expiresAt: timestamp + expirySeconds }
  } catch {
    // The package throws on whatever is not an invoice.
    return null
  }
}

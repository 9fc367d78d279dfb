import { decode } from 'bolt11'
import type { InvoiceRequest } from './port.ts'

/** A tagged field holds 1,023 words of 5 bits (BOLT 11, tagged fields). */
export const maxDescriptionBytes = 639
/** A year: what common nodes allow. */
const maxExpirySeconds = 31_536_000

/** Longer than any invoice that this project makes or pays; the format itself has no limit. */
const maxInvoiceCharacters = 4_096
/** When an invoice does not say (BOLT 11, field x). */
const defaultExpirySeconds = 3_600
/** The package does not know this network by itself; of the fields only the prefix is in an invoice. */
const signet = { bech32: 'tbs', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }

/** What a payer needs to know of an invoice; without an amount it is for the payer to say. */
export type ReadInvoice = {
  readonly paymentHash: string
  readonly amountMsat: number | null
  readonly expiresAt: number
  readonly isRegtest: boolean
}

/** Throws a RangeError when a request cannot be written as an invoice: the caller should not have asked. */
export function checkInvoiceRequest(request: InvoiceRequest): void {
  const { idempotencyKey, preimage, amountMsat, description, descriptionHash, expirySeconds } = request
  if (idempotencyKey === '') throw new RangeError('an invoice needs an idempotency key')
  if (!isHash(preimage)) throw new RangeError('a preimage is 64 hex digits')
  if (descriptionHash !== undefined && !isHash(descriptionHash)) {
    throw new RangeError('the hash of a description is 64 hex digits')
  }
  checkPayable(amountMsat)
  if (Buffer.byteLength(description) > maxDescriptionBytes) {
    throw new RangeError(`the description of an invoice is longer than ${maxDescriptionBytes} bytes`)
  }
  if (!Number.isSafeInteger(expirySeconds) || expirySeconds < 1 || expirySeconds > maxExpirySeconds) {
    throw new RangeError(`an invoice cannot expire after ${expirySeconds} seconds`)
  }
}

/** Throws a RangeError unless the amount can be paid: a safe integer above zero, in millisatoshi. */
export function checkPayable(amountMsat: number): void {
  if (!Number.isSafeInteger(amountMsat) || amountMsat < 1) {
    throw new RangeError(`${amountMsat} is not an amount in millisatoshi that can be paid`)
  }
}

/** Reads an invoice in any case and of any network; `null` when the text is no signed invoice. */
export function readInvoice(invoice: string): ReadInvoice | null {
  if (invoice.length > maxInvoiceCharacters) return null
  try {
    const network = /^lntbs/i.test(invoice) ? signet : undefined
    const { tagsObject, millisatoshis, timestamp = 0, prefix = '' } = decode(invoice, network)
    if (tagsObject.payment_hash === undefined) return null
    return {
      paymentHash: tagsObject.payment_hash,
      amountMsat: millisatoshis ? Number(millisatoshis) : null,
      expiresAt: timestamp + (tagsObject.expire_time ?? defaultExpirySeconds),
      isRegtest: prefix.startsWith('lnbcrt'),
    }
  } catch {
    // The package throws on whatever is not an invoice.
    return null
  }
}

/** Whether a text is 32 bytes in hex. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

import type { InvoiceRequest } from './port.ts'

/** A tagged field holds 1,023 words of 5 bits (BOLT 11, tagged fields). */
export const maxDescriptionBytes = 639
/** A year: what common nodes allow. */
const maxExpirySeconds = 31_536_000

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

/** Whether a text is 32 bytes in hex. */
export function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

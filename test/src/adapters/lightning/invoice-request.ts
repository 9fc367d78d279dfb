import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { InvoiceRequest } from '../../../../src/adapters/lightning/port.ts'

/** Aborts never. */
export const never = new AbortController().signal
// Many calls at once wait for it.
setMaxListeners(0, never)

/** A request for an invoice; its preimage follows from its key, as the service's do. */
export function requestOf(changes: Partial<InvoiceRequest> = {}): InvoiceRequest {
  const { idempotencyKey = 'invoice-1' } = changes
  return {
    idempotencyKey,
    preimage: sha256(`preimage of ${idempotencyKey}`),
    amountMsat: 21_000_000,
    description: 'alice@example.com for 1 year',
    expirySeconds: 900,
    ...changes,
  }
}

/** SHA-256 in hex, of text or of bytes. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

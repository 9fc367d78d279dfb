import { createHmac } from 'node:crypto'

/**
 * The preimage of an invoice, 32 bytes in hex: the same for the same id for ever, so that a crash while the wallet makes
 * the invoice leaves nothing unknown, and secret to all who do not have the key.
 */
export type PreimageOf = (invoiceId: string) => string

/** Makes preimages from a key of ours. */
export function preimagesOf(secretKey: Uint8Array): PreimageOf {
  return invoiceId => createHmac('sha256', secretKey).update(`preimage:${invoiceId}`).digest('hex')
}

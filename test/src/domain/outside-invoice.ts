import { createHash } from 'node:crypto'
import { type InvoiceFields, signInvoice } from '../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'

const outsider = createHash('sha256').update('a node outside').digest()

/** An invoice of a node outside, for ten minutes unless something else is asked for. */
export function outsideInvoice(
  fields: Partial<InvoiceFields> & Pick<InvoiceFields, 'amountMsat' | 'timestamp'>,
): string {
  const secrets = { paymentHash: 'aa'.repeat(32), paymentSecret: 'bb'.repeat(32) }
  return signInvoice({ ...secrets, description: '', expirySeconds: 600, ...fields }, outsider)
}

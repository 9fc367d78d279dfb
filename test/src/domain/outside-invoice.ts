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

/** BOLT 11, examples: 2,500 µBTC for coffee on mainnet. */
export const mainnetInvoice =
  'lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh'
/** The same: a donation of any amount. */
export const amountlessInvoice =
  'lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql'

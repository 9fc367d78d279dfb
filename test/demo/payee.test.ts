import { createECDH, createHash } from 'node:crypto'
import fc from 'fast-check'
import { decode } from 'light-bolt11-decoder'
import { expect, it } from 'vitest'
import { signInvoice } from '../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { payeeOf } from './payee.ts'

const secretKey = createHash('sha256').update('the node of a test').digest()
const node = createECDH('secp256k1')
node.setPrivateKey(secretKey)
const [paymentHash, paymentSecret] = ['1'.repeat(64), '2'.repeat(64)]

it('recovers the node that has signed an invoice, and another one from an invoice that was altered', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e12 }),
      fc.string({ maxLength: 40, unit: 'grapheme-ascii' }),
      (amountMsat, description) => {
        const fields = {
          paymentHash,
          paymentSecret,
          amountMsat,
          description,
          timestamp: 1_790_000_000,
          expirySeconds: 900,
        }
        const bolt11 = signInvoice(fields, secretKey)
        const signature = decode(bolt11).sections.find(section => section.name === 'signature')?.value ?? ''
        expect(payeeOf(bolt11, signature)).toBe(node.getPublicKey('hex', 'compressed'))
        const other = signInvoice({ ...fields, amountMsat: amountMsat + 1 }, secretKey)
        expect(payeeOf(other, signature)).not.toBe(node.getPublicKey('hex', 'compressed'))
      },
    ),
    { numRuns: 20 },
  )
})

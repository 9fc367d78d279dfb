import { createECDH, createHash } from 'node:crypto'
import { decode, encode, sign } from 'bolt11'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type InvoiceFields, signInvoice } from '../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { parseBolt11 } from '../../src/bolt11.ts'
import examples from '../vectors/bolt11.json' with { type: 'json' }
import { nobodysInvoice } from './adapters/lightning/real/invoices.ts'

const secretKey = createHash('sha256').update('the node of a test').digest()
const node = createECDH('secp256k1')
node.setPrivateKey(secretKey)

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex'))
const fields: fc.Arbitrary<InvoiceFields> = fc.record({
  paymentHash: hash,
  paymentSecret: hash,
  amountMsat: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  description: fc.string({ unit: 'grapheme', maxLength: 100 }).filter(text => Buffer.byteLength(text) <= 639),
  timestamp: fc.integer({ min: 1, max: 2 ** 35 - 1 }),
  expirySeconds: fc.integer({ min: 1, max: 31_536_000 }),
})

describe('a signed invoice', () => {
  it('says what went into it, and by recovery who signed it', () => {
    fc.assert(
      fc.property(fields, asked => {
        const invoice = signInvoice(asked, secretKey)
        const { tagsObject, ...read } = decode(invoice)
        expect(read).toMatchObject({
          prefix: expect.stringMatching(/^lnbcrt[1-9]/),
          millisatoshis: String(asked.amountMsat),
          timestamp: asked.timestamp,
          payeeNodeKey: node.getPublicKey('hex', 'compressed'),
        })
        expect(tagsObject).toMatchObject({
          payment_hash: asked.paymentHash,
          payment_secret: asked.paymentSecret,
          description: asked.description,
          expire_time: asked.expirySeconds,
          min_final_cltv_expiry: 18,
        })
        expect(parseBolt11(invoice)).toEqual({
          paymentHash: asked.paymentHash,
          amountMsat: asked.amountMsat,
          expiresAt: asked.timestamp + asked.expirySeconds,
          currency: 'bcrt',
        })
        expect(parseBolt11(invoice.toUpperCase())?.paymentHash).toBe(asked.paymentHash)
      }),
      { numRuns: 50 },
    )
  })

  it('is not read once a character of it has changed', () => {
    const [one] = fc.sample(fields, { numRuns: 1, seed: 7 })
    if (one === undefined) throw new Error('no sample')
    const invoice = signInvoice(one, secretKey)
    fc.assert(
      fc.property(fc.nat(invoice.length - 1), fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'), (at, letter) => {
        const changed = invoice.slice(0, at) + letter + invoice.slice(at + 1)
        expect(parseBolt11(changed)?.paymentHash ?? null).toBe(changed === invoice ? one.paymentHash : null)
      }),
    )
  })
})

/** An invoice with more fields than it needs. */
function signed(more: { tagName: string; data: string | number }[]): string {
  const network = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }
  const tags = [
    { tagName: 'payment_hash', data: 'aa'.repeat(32) },
    { tagName: 'description', data: '' },
    { tagName: 'expire_time', data: 600 },
    ...more,
  ]
  const unsigned = encode({ network, timestamp: 1_790_000_000, millisatoshis: '1000', tags }, false)
  return sign(unsigned, secretKey).paymentRequest ?? ''
}

describe('an invoice', () => {
  it.each(examples.valid)('is read: $case', ({ invoice, paymentHash }) => {
    expect(parseBolt11(invoice)?.paymentHash).toBe(paymentHash)
  })

  it.each(examples.invalid)('is not: $case', ({ invoice }) => {
    expect(parseBolt11(invoice)).toBe(null)
  })

  it.each(['bc', 'tb', 'tbs', 'bcrt'])('is read on every network, which it says: %s', currency => {
    const wanted = { prefix: `ln${currency}`, amountMsat: 21_001, timestamp: 1_790_000_000, expirySeconds: 60 }
    const { bolt11, paymentHash } = nobodysInvoice(wanted)
    const read = { currency, amountMsat: 21_001, paymentHash, expiresAt: 1_790_000_060 }
    for (const text of [bolt11, bolt11.toUpperCase()]) expect(parseBolt11(text)).toEqual(read)
  })

  it.each([
    // The payer takes the first, whoever looks the payment up by the last finds nothing (BOLT 11, payer requirements).
    ['payment hashes', { tagName: 'payment_hash', data: 'bb'.repeat(32) }],
    ['times to expire', { tagName: 'expire_time', data: 60 }],
    ['times to expire, one beyond all numbers', { tagName: 'expire_time', data: Number.MAX_VALUE }],
  ])('is not read when it has two %s', (_case, second) => {
    expect(parseBolt11(signed([]))).toMatchObject({ paymentHash: 'aa'.repeat(32), expiresAt: 1_790_000_600 })
    expect(parseBolt11(signed([second]))).toBe(null)
  })

  it.each([
    '',
    'ln',
    'lnbc1',
    'lnbcrt1',
    'lntbs',
    'lntbs210n1qqqq',
    'lnxy210n1qqqq',
    'not an invoice',
    '1'.repeat(5_000),
  ])('is not read from %j', text => {
    expect(parseBolt11(text)).toBe(null)
  })
})

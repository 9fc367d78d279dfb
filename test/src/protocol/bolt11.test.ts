import { describe, expect, it } from 'vitest'
import { parseBolt11 } from '../../../src/protocol/bolt11.ts'
import { nobodysInvoice } from '../adapters/lightning/real/invoices.ts'

describe('an invoice', () => {
  it.each(['bc', 'tb', 'tbs', 'bcrt'])('says of which network it is: %s', currency => {
    const wanted = { prefix: `ln${currency}`, amountMsat: 21_001, timestamp: 1_790_000_000, expirySeconds: 60 }
    const { bolt11, paymentHash } = nobodysInvoice(wanted)
    const read = { currency, amountMsat: 21_001, paymentHash, expiresAt: 1_790_000_060 }
    for (const text of [bolt11, bolt11.toUpperCase()]) expect(parseBolt11(text)).toEqual(read)
  })

  it.each(['', 'lntbs', 'lntbs1', 'lntbs210n1qqqq', 'lnxy210n1qqqq'])('is not %j', text => {
    expect(parseBolt11(text)).toBe(null)
  })
})

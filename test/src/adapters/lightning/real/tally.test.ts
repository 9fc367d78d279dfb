import { describe, expect, it } from 'vitest'
import type { PaymentOutcome } from '../../../../../src/adapters/lightning/port.ts'
import { nobodysInvoice } from './invoices.ts'
import { openTally } from './tally.ts'

const invoiceOf = (amountMsat: number) =>
  nobodysInvoice({ prefix: 'lnbcrt', amountMsat, timestamp: 1_790_000_000, expirySeconds: 60 }).bolt11
const paid: PaymentOutcome = { status: 'paid', preimage: '00'.repeat(32), feeMsat: 1_500 }
const failed: PaymentOutcome = { status: 'failed', reason: 'no route' }
const unknown: PaymentOutcome = { status: 'unknown' }

describe('what a run has spent', () => {
  it('is nothing at first', () => {
    const nothing =
      'the payer paid 0 sat in 0 payments and 0 sat in fees; the wallet paid 0 sat in 0 payments and 0 sat in fees'
    expect(openTally().summary()).toBe(nothing)
  })

  it('is what was paid each way, with fees', () => {
    const tally = openTally()
    tally.note('the payer', invoiceOf(21_000), paid)
    tally.note('the payer', invoiceOf(1_001), paid)
    tally.note('the wallet', invoiceOf(250_000), paid)
    tally.note('the wallet', invoiceOf(999_000), failed)
    expect(tally.summary()).toBe(
      'the payer paid 22.001 sat in 2 payments and 3 sat in fees; the wallet paid 250 sat in 1 payments and 1.5 sat in fees',
    )
  })

  it.each<[string, (PaymentOutcome | null)[], string]>([
    ['paid, although the second answer was that it is paid already', [paid, failed], 'paid 7 sat in 1'],
    ['paid, although nobody knows any more', [unknown, paid, null], 'paid 7 sat in 1'],
    ['paid at the second try', [failed, paid], 'paid 7 sat in 1'],
    ['failed, although the node kept no record', [failed, null], 'paid 0 sat in 0 payments and 0 sat in fees'],
    ['under way', [null, unknown], 'of 1 more (7 sat) the end is not known'],
    ['never heard of', [null], 'of 1 more (7 sat) the end is not known'],
  ])('counts an invoice once: %s', (_case, outcomes, text) => {
    const tally = openTally()
    const bolt11 = invoiceOf(7_000)
    for (const outcome of outcomes) tally.note('the wallet', bolt11, outcome)
    expect(tally.summary()).toContain(text)
    expect(tally.summary().includes('not known')).toBe(text.includes('not known'))
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { currencies, formatFiat, fromMinor, toMinor } from '../../../src/protocol/currency.ts'
import { fiatToMsat, perBitcoin, scaledRate } from '../../../src/protocol/exchange-rate.ts'

const currency = fc.constantFrom(...currencies)
const amountMinor = fc.nat({ max: 1_000_000_000 })
const rate = fc
  .tuple(fc.integer({ min: 1, max: 999_999_999 }), fc.option(fc.stringMatching(/^\d{1,8}$/)))
  .map(([units, fraction]) => (fraction === null ? String(units) : `${units}.${fraction}`))
const digits = (of: string) => (of === 'JPY' ? 0 : 2)

describe('an amount of a currency', () => {
  it.each([
    ['4.99', 'EUR', 499],
    ['4.9', 'EUR', 490],
    ['4', 'EUR', 400],
    ['0.01', 'USD', 1],
    ['0', 'CHF', 0],
    ['500', 'JPY', 500],
    ['500.0', 'JPY', null],
    ['4.999', 'EUR', null],
    ['-4', 'EUR', null],
    ['4,99', 'EUR', null],
    ['.99', 'EUR', null],
    ['4.', 'EUR', null],
    ['1e3', 'EUR', null],
    [' 4', 'EUR', null],
    ['', 'EUR', null],
    ['1234567890', 'EUR', null],
  ] as const)('%j %s', (text, of, minor) => {
    expect(toMinor(text, of)).toBe(minor)
  })

  it('is the same again as text', () => {
    fc.assert(
      fc.property(amountMinor, currency, (amount, of) => {
        expect(toMinor(fromMinor(amount, of), of)).toBe(amount)
        expect(formatFiat({ currency: of, amountMinor: amount })).toBe(`${fromMinor(amount, of)} ${of}`)
      }),
    )
  })
})

describe('a rate', () => {
  it.each([
    ['54321.5', true],
    ['0.00000001', true],
    ['999999999999.99999999', true],
    ['0', false],
    ['0.00000000', false],
    ['1.123456789', false],
    ['1e5', false],
    ['-1', false],
    ['NaN', false],
    ['', false],
    ['1.', false],
    ['1234567890123', false],
    ['9'.repeat(10_000), false],
  ])('%j', (text, isRate) => {
    expect(perBitcoin.safeParse(text).success).toBe(isRate)
  })
})

describe('the conversion', () => {
  it.each([
    [499, 'EUR', '50000', 9_980_000],
    [1, 'EUR', '70000', 14_286],
    [1, 'JPY', '10000000', 10_000],
    [0, 'EUR', '50000', 0],
    [100, 'USD', '1', 100_000_000_000],
    [10_000_000, 'USD', '0.00000001', null],
  ] as const)('%d %s at %s', (amount, of, text, msat) => {
    expect(fiatToMsat(amount, of, text)).toBe(msat)
  })

  it('is the least amount that is worth the price, to the millisatoshi', () => {
    fc.assert(
      fc.property(amountMinor, currency, rate, (amount, of, text) => {
        fc.pre(perBitcoin.safeParse(text).success)
        const msat = fiatToMsat(amount, of, text)
        if (msat === null) return
        // Both sides of price × bitcoin = amount × rate, in units in which they are whole.
        const wanted = BigInt(amount) * 10n ** 19n
        const unit = scaledRate(text) * 10n ** BigInt(digits(of))
        expect(BigInt(msat) * unit >= wanted).toBe(true)
        if (msat > 0) expect(BigInt(msat - 1) * unit < wanted).toBe(true)
      }),
    )
  })

  it('never makes more cost less, nor many more than one by one', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), currency, rate, (a, b, of, text) => {
        fc.pre(perBitcoin.safeParse(text).success)
        const [one, other, both] = [fiatToMsat(a, of, text), fiatToMsat(b, of, text), fiatToMsat(a + b, of, text)]
        if (one === null || other === null || both === null) return
        expect(both).toBeGreaterThanOrEqual(Math.max(one, other))
        expect(both).toBeLessThanOrEqual(one + other)
      }),
    )
  })
})

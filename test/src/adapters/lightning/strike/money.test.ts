import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { btcOf, msatOf } from '../../../../../src/adapters/lightning/strike/money.ts'

describe('amounts in bitcoin', () => {
  it.each([
    ['0', 0],
    ['0.00000001', 1_000],
    ['0.00000000001', 1],
    ['0.1', 10_000_000_000],
    ['1', 100_000_000_000],
    ['1.00000000', 100_000_000_000],
    ['0.300000000000', 30_000_000_000],
    ['90071.99254740991', Number.MAX_SAFE_INTEGER],
  ])('are read to the millisatoshi: %s', (text, msat) => {
    expect(msatOf(text)).toBe(msat)
  })

  it.each(['', '.', '1.', '.5', '-1', '+1', '1e3', '0x10', ' 1', '1 ', '1,5', 'NaN', 'Infinity', '0.000000000001'])(
    'are none: %j',
    text => {
      expect(() => msatOf(text)).toThrow(LightningUnavailable)
    },
  )

  it.each(['90071.99254740992', '21000000', '999999999'])('are beyond what is exact: %s', text => {
    expect(() => msatOf(text)).toThrow(LightningUnavailable)
  })

  it('are written as they are read', () => {
    const satoshis = fc.integer({ min: 1, max: 9_000_000_000_000 }).map(sat => sat * 1_000)
    fc.assert(
      fc.property(satoshis, msat => {
        expect(msatOf(btcOf(msat))).toBe(msat)
        expect(btcOf(msat)).toMatch(/^\d+\.\d{8}$/)
      }),
    )
  })
})

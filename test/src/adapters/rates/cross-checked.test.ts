import { expect, it } from 'vitest'
import { createCrossCheckedRates } from '../../../../src/adapters/rates/cross-checked.ts'
import { type RateSource, RateUnavailable } from '../../../../src/adapters/rates/port.ts'
import { never } from '../lightning/invoice-request.ts'

/** Sources that say what a test has them say; `null`: nothing. */
function scene(prices: readonly (string | null)[], options: { oneIsEnough?: boolean } = {}) {
  const clock = { time: 1_790_000_000 }
  const said = [...prices]
  const sources = said.map((_, index): RateSource => {
    const name = `source-${index}`
    return {
      name,
      rate: async () => {
        const perBitcoin = said[index]
        if (perBitcoin === null || perBitcoin === undefined) throw new RateUnavailable('away')
        return { perBitcoin, sources: [name], observedAt: clock.time }
      },
    }
  })
  const combined = createCrossCheckedRates({
    sources,
    maxDifferencePermille: 20,
    maxAgeSeconds: 600,
    oneIsEnough: false,
    now: () => clock.time,
    ...options,
  })
  return { clock, said, rate: () => combined.rate('EUR', never) }
}

it.each([
  // Of two the lower one, by which more has to be paid; of three the middle one.
  [['50000', '50900'], '50000'],
  [['50900', '50000'], '50000'],
  [['50000', '51000'], '50000'],
  [['50500', '50900', '50000'], '50500'],
  [['50500.00000001', '50500'], '50500'],
])('sources that agree are believed: %j', async (prices, perBitcoin) => {
  const { rate } = scene(prices)
  expect(await rate()).toMatchObject({ perBitcoin, sources: prices.map((_, index) => `source-${index}`) })
})

it.each([
  [['50000', '51000.00000001'], 'differ'],
  [['50000', '500000'], 'differ'],
  [['50000', '50001', '5000'], 'differ'],
  [['50000', null], 'only source-0'],
  [[null, null], 'nobody'],
])('others are not: %j', async (prices, reason) => {
  const { rate } = scene(prices)
  await expect(rate()).rejects.toThrow(reason)
  await expect(rate()).rejects.toThrow(RateUnavailable)
})

it('one alone is believed where that is enough, but not against another', async () => {
  const { rate, said } = scene(['50000', null], { oneIsEnough: true })
  expect(await rate()).toMatchObject({ perBitcoin: '50000', sources: ['source-0'] })
  said[1] = '60000'
  await expect(rate()).rejects.toThrow('differ')
})

it('what a source said lately stands for it while it is away, until that is too old', async () => {
  const { rate, said, clock } = scene(['50000', '50100'])
  await rate()
  const { time } = clock
  said[1] = null
  clock.time += 600
  expect(await rate()).toMatchObject({ perBitcoin: '50000', observedAt: time + 600 })
  // The lower one is what the absent source said: it is as old as it is.
  said[0] = '50200'
  expect(await rate()).toMatchObject({ perBitcoin: '50100', observedAt: time })
  clock.time += 1
  await expect(rate()).rejects.toThrow('only source-0')
})

it('a source that fails otherwise is a bug, which is not hidden', async () => {
  const broken: RateSource = { name: 'broken', rate: () => Promise.reject(new TypeError('a bug')) }
  const options = { maxDifferencePermille: 20, maxAgeSeconds: 600, oneIsEnough: true, now: () => 0 }
  await expect(createCrossCheckedRates({ sources: [broken], ...options }).rate('EUR', never)).rejects.toThrow(TypeError)
})

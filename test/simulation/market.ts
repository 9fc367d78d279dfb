import { createCrossCheckedRates } from '../../src/adapters/rates/cross-checked.ts'
import { type RateSource, RateUnavailable } from '../../src/adapters/rates/port.ts'
import type { Random } from '../system/random.ts'
import type { Faults } from './faults.ts'
import type { Life, Timeline } from './timeline.ts'

/** How old a rate may be that something is priced by. */
export const maxRateAgeSeconds = 3_600

/** How often and by which rules the service looks at the market. */
export const rateRules = {
  everySeconds: 600,
  maxAgeSeconds: maxRateAgeSeconds,
  minChangePermille: 5,
  maxDifferencePermille: 20,
  oneIsEnough: false,
  fixed: [],
  sources: [],
}

/** What a bitcoin truly costs, in euro cents. */
export type Market = ReturnType<typeof createMarket>

/** Makes a market, on which nothing moves by itself. */
export function createMarket() {
  let priceCents = 6_000_000
  const perBitcoin = () => String(priceCents / 100)
  const truths = new Set<string>([perBitcoin()])
  return {
    perBitcoin,
    /** Whether it has ever been the price. */
    wasTrue: (price: string): boolean => truths.has(price),
    move: (permille: number): void => {
      priceCents = Math.max(100_000, Math.round((priceCents * (1_000 + permille)) / 1_000))
      truths.add(perBitcoin())
    },
  }
}

/** The market as two sources tell it. Both are away now and then, and one of them says ten times the price. */
export function connectMarket(options: {
  market: Market
  timeline: Timeline
  random: Random
  faults: Faults
  life: Life
  /** Unix seconds, by the machine's clock. */
  now(): number
}): RateSource {
  const { market, timeline, random, faults, life, now } = options
  const source = (name: string, mayLie: boolean): RateSource => ({
    name,
    rate: () =>
      new Promise((resolve, reject) => {
        const fails = faults.strangerFails()
        timeline.after(1 + random.whole(fails ? 8_000 : 500), life, () => {
          const lies = fails && mayLie && random.chance(0.5)
          if (fails && !lies) return reject(new RateUnavailable('the simulated source is away'))
          const perBitcoin = lies ? String(Number(market.perBitcoin()) * 10) : market.perBitcoin()
          resolve({ perBitcoin, sources: [name], observedAt: now() })
        })
      }),
  })
  return createCrossCheckedRates({ ...rateRules, sources: [source('honest', false), source('other', true)], now })
}

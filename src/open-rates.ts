import { createCoinbaseRates } from './adapters/rates/coinbase.ts'
import { createCrossCheckedRates } from './adapters/rates/cross-checked.ts'
import { createFixedRates } from './adapters/rates/fixed.ts'
import { createKrakenRates } from './adapters/rates/kraken.ts'
import type { RateSource } from './adapters/rates/port.ts'
import type { Config } from './config.ts'

const sourcesByName = {
  coinbase: (now: () => number) => createCoinbaseRates({ url: 'https://api.coinbase.com', now }),
  kraken: (now: () => number) => createKrakenRates({ url: 'https://api.kraken.com', now }),
} as const

/** The exchange rates that the configuration names: those that it fixes, or of sources that check each other. */
export function openRates({ rates }: Config, now: () => number): RateSource {
  if (rates.fixed.length > 0) return createFixedRates({ rates: rates.fixed, now })
  const { maxDifferencePermille, maxAgeSeconds, oneIsEnough } = rates
  const sources = rates.sources.map(name => sourcesByName[name](now))
  return createCrossCheckedRates({ sources, maxDifferencePermille, maxAgeSeconds, oneIsEnough, now })
}

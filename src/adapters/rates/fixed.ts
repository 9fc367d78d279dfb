import { normalPrice } from './decimal.ts'
import { type RateSource, RateUnavailable } from './port.ts'

/** Rates that an operator has set. `now` is Unix seconds. */
export function createFixedRates(options: {
  rates: readonly { readonly currency: string; readonly perBitcoin: string }[]
  now(): number
}): RateSource {
  const { rates, now } = options
  const name = 'fixed'
  return {
    name,
    rate: async (currency, signal) => {
      const found = rates.find(one => one.currency === currency)
      if (found === undefined || signal.aborted) throw new RateUnavailable(`no rate is set for ${currency}`)
      return { perBitcoin: normalPrice(found.perBitcoin), sources: [name], observedAt: now() }
    },
  }
}

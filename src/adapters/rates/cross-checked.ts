import { scaledPrice } from './decimal.ts'
import { type ExchangeRate, type RateSource, RateUnavailable } from './port.ts'

/**
 * Believes sources that agree. Each is asked; what one said lately stands for it while it does not answer. They may differ
 * by so many thousandths, or there is no rate; and one alone is believed only if it may be. Of those that agree the lower
 * one in the middle counts, by which nothing is sold too cheaply. `now` is Unix seconds.
 */
export function createCrossCheckedRates(options: {
  sources: readonly RateSource[]
  maxDifferencePermille: number
  maxAgeSeconds: number
  oneIsEnough: boolean
  now(): number
}): RateSource {
  const { sources, maxDifferencePermille, maxAgeSeconds, oneIsEnough, now } = options
  const lately = new Map<string, ExchangeRate>()

  const ask = async (source: RateSource, currency: string, signal: AbortSignal): Promise<void> => {
    try {
      lately.set(`${source.name} ${currency}`, await source.rate(currency, signal))
    } catch (error) {
      if (!(error instanceof RateUnavailable)) throw error
    }
  }

  return {
    name: sources.map(source => source.name).join('+'),
    rate: async (currency, signal) => {
      await Promise.all(sources.map(source => ask(source, currency, signal)))
      const found = sources
        .map(source => lately.get(`${source.name} ${currency}`))
        .filter(rate => rate !== undefined)
        .filter(rate => now() - rate.observedAt <= maxAgeSeconds)
        .map(rate => ({ rate, scaled: scaledPrice(rate.perBitcoin) }))
        .sort((a, b) => (a.scaled < b.scaled ? -1 : a.scaled > b.scaled ? 1 : 0))
      const [lowest, highest] = [found[0], found.at(-1)]
      const middle = found[Math.floor((found.length - 1) / 2)]
      if (lowest === undefined || highest === undefined || middle === undefined) {
        throw new RateUnavailable(`nobody says what a bitcoin costs in ${currency}`)
      }
      if (found.length === 1 && !oneIsEnough) {
        throw new RateUnavailable(`only ${lowest.rate.sources} says what a bitcoin costs in ${currency}`)
      }
      if ((highest.scaled - lowest.scaled) * 1_000n > lowest.scaled * BigInt(maxDifferencePermille)) {
        throw new RateUnavailable(`the sources differ about what a bitcoin costs in ${currency}`)
      }
      return { ...middle.rate, sources: found.flatMap(({ rate }) => rate.sources).sort() }
    },
  }
}

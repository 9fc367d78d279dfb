import { z } from 'zod'
import { normalPrice } from './decimal.ts'
import { fetchJson } from './fetch-json.ts'
import { type HttpSource, type RateSource, RateUnavailable } from './port.ts'

const answer = z.object({ data: z.object({ amount: z.string(), base: z.string(), currency: z.string() }) })

/**
 * Coinbase's spot price: `GET /v2/prices/BTC-EUR/spot`, without a key. It does not say
 * of when its price is: that counts as of now.
 */
export function createCoinbaseRates({ url, now, timeoutMs }: HttpSource): RateSource {
  const name = 'coinbase'
  return {
    name,
    rate: async (currency, signal) => {
      const { data } = await fetchJson(new URL(`/v2/prices/BTC-${currency}/spot`, url), answer, signal, timeoutMs)
      if (data.base !== 'BTC' || data.currency !== currency) {
        throw new RateUnavailable('the source tells the price of something else')
      }
      return { perBitcoin: normalPrice(data.amount), sources: [name], observedAt: now() }
    },
  }
}

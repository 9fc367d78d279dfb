import { z } from 'zod'
import { normalPrice } from './decimal.ts'
import { fetchJson } from './fetch-json.ts'
import { type HttpSource, type RateSource, RateUnavailable } from './port.ts'

/** `c` is the last trade: its price, and how much was traded. */
const ticker = z.object({ c: z.tuple([z.string(), z.string()]) })
const answer = z.object({ error: z.array(z.string()).max(0), result: z.record(z.string(), ticker) })

/**
 * The price of the last trade at Kraken: `GET /0/public/Ticker?pair=XBTEUR`, without a key. The ticker
 * does not say of when that trade is: it counts as of now.
 */
export function createKrakenRates({ url, now, timeoutMs }: HttpSource): RateSource {
  const name = 'kraken'
  return {
    name,
    rate: async (currency, signal) => {
      const { result } = await fetchJson(
        new URL(`/0/public/Ticker?pair=XBT${currency}`, url),
        answer,
        signal,
        timeoutMs,
      )
      // Its older pairs have names of their own, in which X stands for assets that are no state's, and Z for those that are.
      const names = [`XBT${currency}`, `XXBTZ${currency}`]
      const [[pair, found] = ['', undefined], ...others] = Object.entries(result)
      if (found === undefined || !names.includes(pair) || others.length > 0) {
        throw new RateUnavailable('the source tells the price of something else')
      }
      return { perBitcoin: normalPrice(found.c[0]), sources: [name], observedAt: now() }
    },
  }
}

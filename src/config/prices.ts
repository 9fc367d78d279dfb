import { z } from 'zod'
import { type Currency, currencies, toMinor } from '../protocol/currency.ts'
import { perBitcoin } from '../protocol/exchange-rate.ts'
import { choice, section, whole } from './fields.ts'

/** The largest price in minor units, as for commands. */
const maxMinor = 100_000_000

export function currency() {
  return choice(currencies)
}

/** An amount of a currency. In quotes, since without them YAML makes a float of it. */
export function fiatAmount() {
  const expected = 'an amount in quotes, such as "4.99"'
  return z.string(expected).regex(/^\d{1,9}(\.\d{1,2})?$/, expected)
}

/** Says of each amount in a section whether its currency has such amounts. */
export function requireAmounts<Field extends string>(...fields: readonly Field[]) {
  return (price: { currency: Currency } & Readonly<Record<Field, string>>, context: z.RefinementCtx): void => {
    for (const field of fields) {
      const amountMinor = toMinor(price[field], price.currency)
      if (amountMinor === null || amountMinor > maxMinor) {
        const message = `an amount of ${price.currency} of at most ${maxMinor} of its smallest units`
        context.addIssue({ code: 'custom', path: [field], message })
      }
    }
  }
}

const rateSources = ['coinbase', 'kraken'] as const
const rateExpected = 'what one bitcoin costs, in quotes, such as "54321.5"'

/** Where exchange rates come from, for what is priced in a currency. */
export const ratesSection = section({
  sources: z
    .array(choice(rateSources), 'a list of coinbase, kraken')
    .refine(names => new Set(names).size === names.length, 'each source once')
    .default([...rateSources]),
  oneIsEnough: z.boolean('true or false').default(false),
  maxDifferencePermille: whole(1, 500).default(20),
  maxAgeSeconds: whole(60, 86_400).default(600),
  everySeconds: whole(10, 3_600).default(60),
  minChangePermille: whole(0, 100).default(5),
  /** Instead of asking anybody. */
  fixed: z
    .array(
      section({
        currency: currency(),
        perBitcoin: z.string(rateExpected).refine(text => perBitcoin.safeParse(text).success, rateExpected),
      }),
      'a list of currencies and rates',
    )
    .refine(list => new Set(list.map(one => one.currency)).size === list.length, 'each currency once')
    .default([]),
})
  .refine(({ sources, oneIsEnough }) => sources.length > 1 || oneIsEnough, {
    path: ['sources'],
    message: 'at least two sources, or rates.oneIsEnough: true',
  })
  .refine(({ maxAgeSeconds, everySeconds }) => everySeconds * 2 <= maxAgeSeconds, {
    path: ['everySeconds'],
    message: 'at most half of rates.maxAgeSeconds',
  })
  .prefault({})

import { z } from 'zod'
import { currencies, isCurrency } from '../../protocol/currency.ts'
import { fiatToMsat, perBitcoin } from '../../protocol/exchange-rate.ts'
import { time } from '../../protocol/fields.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import type { Line } from '../../store/money-tables.ts'
import type { Settings } from '../../store/settings-row.ts'
import { tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { ok } from '../context.ts'
import { defineCommand } from '../method.ts'

/** An exchange rate as it is shown and kept on orders: one bitcoin costs so many units of the currency. */
export const rateView = z.object({
  currency: z.string(),
  perBitcoin: z.string(),
  sources: z.array(z.string()),
  observedAt: z.int(),
})
export type Rate = z.infer<typeof rateView>

/** When something is priced, which what is priced in a currency depends on. */
export type Moment = { readonly reader: Reader; readonly settings: Settings; readonly time: number }

/** More than anybody pays (1,000 bitcoin), and far from where numbers stop being exact. */
const maxMsat = 100_000_000_000_000

/** What a bitcoin costs has moved, or was looked at again. */
export const rateObserved = defineCommand({
  name: 'rate.observed',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'What a bitcoin costs in a currency has moved, or what was known of it was getting old.',
  params: z.strictObject({
    currency: z.enum(currencies),
    perBitcoin,
    sources: z.array(z.string().max(32)).min(1).max(8),
    observedAt: time,
  }),
  result: z.object({}),
  handle: ({ currency, observedAt, ...rate }, tx, context) => {
    // One that came from the future would never be too old.
    tx.put(tables.rates, [currency], { ...rate, observedAt: Math.min(observedAt, context.time) })
    return ok({})
  },
})

/** The last rate of a currency, or why nothing can be sold by it now: there is none, or it is too old. */
export function rateOf({ reader, settings, time: now }: Moment, currency: string): Rate | Rejection {
  const rate = reader.get(tables.rates, [currency])
  if (rate !== undefined && now - rate.observedAt <= settings.rates.maxAgeSeconds) return { currency, ...rate }
  return reject(
    'PAYMENT_UNAVAILABLE',
    `this is priced in ${currency}, whose exchange rate is not known now; nothing was charged, try again later`,
    rate === undefined ? { currency } : { currency, observedAt: rate.observedAt },
  )
}

/** A line of a price in a currency, converted now and rounded up to a millisatoshi. */
export function fiatLine(
  at: Moment,
  description: string,
  fiat: { readonly currency: string; readonly amountMinor: number },
): Line | Rejection {
  const { currency, amountMinor } = fiat
  // What costs nothing costs nothing at any rate.
  if (amountMinor === 0) return { description, amountMsat: 0, fiat: { currency, amountMinor } }
  const rate = rateOf(at, currency)
  if (isRejection(rate)) return rate
  const amountMsat = convert(amountMinor, rate)
  return isRejection(amountMsat) ? amountMsat : { description, amountMsat, fiat: { currency, amountMinor } }
}

/** An amount in minor units of a rate's currency in millisatoshi, rounded up. */
export function convert(amountMinor: number, { currency, perBitcoin: price }: Rate): number | Rejection {
  if (!isCurrency(currency)) throw new Error(`something is priced in ${currency}, which has no minor unit`)
  const amountMsat = fiatToMsat(amountMinor, currency, price)
  if (amountMsat !== null && amountMsat <= maxMsat) return amountMsat
  return reject('LIMIT_REACHED', 'an order cannot cost so much')
}

/** Lines of which any may be a refusal, or the first that is. */
export function allLines(lines: readonly (Line | Rejection)[]): Line[] | Rejection {
  const found: Line[] = []
  for (const line of lines) {
    if (isRejection(line)) return line
    found.push(line)
  }
  return found
}

/** The rates that lines were converted by in this transaction, each once. */
export function ratesOf(reader: Reader, lines: readonly Line[]): Rate[] {
  const found = new Map<string, Rate>()
  for (const { fiat, amountMsat } of lines) {
    if (fiat === null || amountMsat === 0) continue
    const rate = reader.get(tables.rates, [fiat.currency])
    if (rate !== undefined) found.set(fiat.currency, { currency: fiat.currency, ...rate })
  }
  return [...found.values()]
}

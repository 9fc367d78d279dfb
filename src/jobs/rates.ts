import type { ExchangeRate, RateSource } from '../adapters/rates/port.ts'
import { rateObserved } from '../domain/billing/rates.ts'
import type { AppendFact } from '../pipeline/facts.ts'
import { scaledRate } from '../protocol/exchange-rate.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import { machineWaits, type Waits } from './pause.ts'

type Options = {
  environment: Environment
  source: RateSource
  appendFact: AppendFact
  /** By how much a rate has moved that is recorded at once, in thousandths. */
  minChangePermille: number
  /** How old a rate may be that something is priced by. At half that age it is recorded again. */
  maxAgeSeconds: number
  signal: AbortSignal
  /** Hears of each currency whose rate cannot be had. */
  onError(error: unknown): void
  waits?: Waits | undefined
}

/** Looks regularly what a bitcoin costs in the currencies that something is priced in, until the signal aborts. */
export async function observeRatesRegularly(options: Options & { everyMs: number }): Promise<void> {
  const { everyMs, signal, waits = machineWaits } = options
  while (!signal.aborted) {
    await observeRates(options)
    await waits.pause(everyMs, signal)
  }
}

/**
 * Looks once, and records what is news: a log that had every look at every rate would grow for nothing. Says how many were
 * recorded.
 */
export async function observeRates(options: Options): Promise<number> {
  const { environment, source, appendFact, signal, onError } = options
  let recorded = 0
  for (const currency of currenciesInUse(environment)) {
    try {
      const rate = await source.rate(currency, signal)
      if (!isNews(options, currency, rate)) continue
      const params = { currency, ...rate }
      const dedupeKey = `rate:${currency}:${rate.observedAt}:${rate.perBitcoin}`
      if (await appendFact({ method: rateObserved, params, dedupeKey })) recorded++
    } catch (error) {
      if (!signal.aborted) onError(error)
    }
  }
  return recorded
}

/** The currencies that a domain or something on the price list is priced in. */
export function currenciesInUse({ reader }: Environment): string[] {
  const items = reader.get(tables.settings, ['current'])?.items ?? []
  const domains = reader.range(tables.domains, []).map(({ row }) => row)
  const priced = [...items, ...domains].flatMap(({ fiat }) => (fiat === null ? [] : [fiat.currency]))
  return [...new Set(priced)].sort()
}

function isNews(
  { environment, minChangePermille, maxAgeSeconds }: Options,
  currency: string,
  { perBitcoin, observedAt }: ExchangeRate,
): boolean {
  const last = environment.reader.get(tables.rates, [currency])
  if (last === undefined) return true
  // What is older than what is known, as a source remembered it, is none.
  if (observedAt <= last.observedAt) return false
  if (observedAt - last.observedAt >= maxAgeSeconds / 2) return true
  const [before, after] = [scaledRate(last.perBitcoin), scaledRate(perBitcoin)]
  const change = after > before ? after - before : before - after
  return change > 0n && change * 1_000n >= before * BigInt(minChangePermille)
}

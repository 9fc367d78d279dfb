/** What one bitcoin costs, as one or several sources say. */
export type ExchangeRate = {
  /** In units of the currency: a decimal with at most 8 digits after the point, such as `54321.5`; never nothing. */
  readonly perBitcoin: string
  /** Who says so. */
  readonly sources: readonly string[]
  /** Unix seconds, by our clock. */
  readonly observedAt: number
}

/** The rate cannot be had: nobody answers, answers make no sense, or they contradict each other. */
export class RateUnavailable extends Error {
  override readonly name = 'RateUnavailable'
}

/** Where a source answers over HTTP. */
export type HttpSource = {
  readonly url: string
  /** Unix seconds. */
  now(): number
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs?: number
}

/** Somebody who knows what a bitcoin costs. */
export interface RateSource {
  /** Short, for logs and receipts. */
  readonly name: string
  /** The rate of a currency (ISO 4217) now. Throws `RateUnavailable`. */
  rate(currency: string, signal: AbortSignal): Promise<ExchangeRate>
}

import type { Config } from './config.ts'
import { configApplied } from './domain/settings.ts'
import type { AppendFact } from './pipeline/facts.ts'
import { type Currency, toMinor } from './protocol/currency.ts'
import type { Environment } from './store/environment.ts'
import { readHead } from './store/log.ts'
import type { Settings } from './store/settings-row.ts'
import { tables } from './store/tables.ts'

const msatPerSat = 1_000
const daySeconds = 86_400
/** Unix seconds that nobody lives to see. */
const endOfTime = 2 ** 40
/** What invoices of a network begin with, after `ln` (BOLT 11, human-readable part). */
const currencies = { mainnet: 'bc', testnet: 'tb', signet: 'tbs', regtest: 'bcrt' } as const

/** What handlers need of the configuration, in their units. It enters the log when it differs from the last. */
export function settingsFromConfig(
  config: Config,
  known: {
    websocketUrl: string
    operators: readonly string[]
    /** As they were applied last; one that is new may be valid from now on, in Unix seconds. */
    coupons: Settings['coupons']
    time: number
  },
): Settings {
  const { orders, identifiers } = config
  return {
    operators: [...known.operators],
    staff: [...config.staff],
    suspended: [...config.suspended],
    websocketUrl: known.websocketUrl,
    domains: config.domains.map(({ name, basePriceSat, pricePerCharSat, price, ttlSeconds, open }) => ({
      name,
      basePriceMsat: price === null ? basePriceSat * msatPerSat : 0,
      pricePerCharMsat: price === null ? pricePerCharSat * msatPerSat : 0,
      ttlSeconds,
      open,
      fiat: price && {
        currency: price.currency,
        baseMinor: minorOf(price.base, price.currency),
        perCharMinor: minorOf(price.perChar, price.currency),
      },
    })),
    orders: {
      invoiceExpirySeconds: orders.invoiceExpirySeconds,
      holdSlackSeconds: orders.holdSlackSeconds,
      commandDeadlineSeconds: orders.commandDeadlineSeconds,
      unpaidHoldsPerAccount: orders.unpaidHoldsPerAccount,
      unpaidHoldsTotal: orders.unpaidHoldsTotal,
      lapsedHoldSeconds: orders.lapsedHoldSeconds,
      maxInvoiceMsat: orders.maxInvoiceSat * msatPerSat,
    },
    identifiers: {
      minLength: identifiers.minLength,
      maxLength: identifiers.maxLength,
      graceDays: identifiers.graceDays,
      noticeDays: identifiers.noticeDays,
      reserved: [...identifiers.reserved],
    },
    payments: {
      // The development wallet's invoices are regtest's on every network.
      currency: currencies[config.wallet.startsWith('dev:') ? 'regtest' : config.network],
      feePpm: config.payments.feePpm,
      minFeeMsat: config.payments.minFeeSat * msatPerSat,
    },
    items: config.items.map(({ id, description, priceSat, price }) => ({
      id,
      description,
      priceMsat: (priceSat ?? 0) * msatPerSat,
      fiat: price && { currency: price.currency, amountMinor: minorOf(price.amount, price.currency) },
    })),
    referrals: {
      rewardPercent: config.referrals.rewardPercent,
      maxRewardMsat: config.referrals.maxRewardSat * msatPerSat,
    },
    coupons: config.coupons.map(
      ({ code, percent, amountSat, validFrom, validUntil, validDays, maxUses, usesPerAccount, items }) => ({
        code,
        percent,
        amountMsat: amountSat === null ? null : amountSat * msatPerSat,
        ...(validDays === null
          ? { validFrom: validFrom ?? 0, validUntil: validUntil ?? endOfTime }
          : daysFromFirst(known, code, validDays)),
        maxUses,
        usesPerAccount,
        items: [...items],
      }),
    ),
    rates: { maxAgeSeconds: config.rates.maxAgeSeconds },
  }
}

/** Days from when a coupon was first applied with a beginning, which is now if it was not. */
function daysFromFirst(
  { coupons, time }: { coupons: Settings['coupons']; time: number },
  code: string,
  days: number,
): { validFrom: number; validUntil: number } {
  const validFrom = coupons.find(one => one.code === code)?.validFrom || time
  return { validFrom, validUntil: validFrom + days * daySeconds }
}

function minorOf(amount: string, currency: Currency): number {
  const amountMinor = toMinor(amount, currency)
  if (amountMinor === null) throw new Error(`the configuration lets in ${amount} as an amount of ${currency}`)
  return amountMinor
}

/** Records the settings in the log if they differ from the last ones applied. */
export async function applySettings(
  environment: Environment,
  appendFact: AppendFact,
  settings: Settings,
): Promise<void> {
  const { encode } = tables.settings.codec
  const last = environment.reader.get(tables.settings, ['current'])
  if (last !== undefined && encode(last).equals(encode(settings))) return
  const { seq } = readHead(environment)
  await appendFact({ method: configApplied, params: { settings }, dedupeKey: `config:${seq}` })
}

import { z } from 'zod'

const int = z.int()
const text = z.string()

/** How a domain prices a name. */
export const priceFields = { basePriceMsat: int, pricePerCharMsat: int }

/** An amount of a currency, in its minor units. */
export const fiatRow = z.object({ currency: text, amountMinor: int })

/** How a domain prices a name in a currency, instead of in millisatoshi, which are nothing then. */
export const fiatPriceRow = z.object({ currency: text, baseMinor: int, perCharMinor: int })

/** What handlers depend on besides the tables; enters the log as `config.applied`. */
export const settingsRow = z.object({
  operators: z.array(text),
  staff: z.array(text),
  suspended: z.array(text),
  websocketUrl: text,
  domains: z.array(
    z.object({ name: text, ...priceFields, ttlSeconds: int, open: z.boolean(), fiat: fiatPriceRow.nullable() }),
  ),
  orders: z.object({
    invoiceExpirySeconds: int,
    holdSlackSeconds: int,
    commandDeadlineSeconds: int,
    unpaidHoldsPerAccount: int,
    unpaidHoldsTotal: int,
    lapsedHoldSeconds: int,
    /** What an invoice may ask for at most. */
    maxInvoiceMsat: int,
  }),
  identifiers: z.object({ minLength: int, maxLength: int, graceDays: int, noticeDays: int, reserved: z.array(text) }),
  /** `currency`: as invoices of the network begin, after `ln`. The rest: what a payment's fee may be, if its customer does not say. */
  payments: z.object({ currency: text, feePpm: int, minFeeMsat: int }),
  /** What else is sold, which the operator hands over; what is priced in a currency has `fiat`, and no `priceMsat` (0). */
  items: z.array(z.object({ id: text, description: text, priceMsat: int, fiat: fiatRow.nullable() })),
  /** What who brings a customer gets of the first purchase. */
  referrals: z.object({ rewardPercent: int, maxRewardMsat: int }),
  /** Either `percent` or `amountMsat` off what is one of `items`: kinds of sellables, or `item:` and the id of something on the price list. */
  coupons: z.array(
    z.object({
      code: text,
      percent: int.nullable(),
      amountMsat: int.nullable(),
      validFrom: int,
      validUntil: int,
      maxUses: int.nullable(),
      usesPerAccount: int,
      items: z.array(text),
    }),
  ),
  /** How old an exchange rate may be that something is priced by. */
  rates: z.object({ maxAgeSeconds: int }),
})

export type Settings = z.infer<typeof settingsRow>

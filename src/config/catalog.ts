import { z } from 'zod'
import { choice, line, section, whole } from './fields.ts'
import { currency, fiatAmount, requireAmounts } from './prices.ts'

const dateExpected = 'a date such as 2026-12-31, or null'

/** The first second of a day in UTC, in Unix seconds. */
const day = z
  .union([z.string().regex(/^\d{4}-\d\d-\d\d$/, dateExpected), z.date()], dateExpected)
  .transform((date, context) => {
    const ms = date instanceof Date ? date.getTime() : Date.parse(`${date}T00:00:00Z`)
    if (Number.isNaN(ms)) context.addIssue({ code: 'custom', message: dateExpected })
    return Math.floor(ms / 1_000)
  })
  .nullable()
  .default(null)

const kinds = ['identifier', 'identifier-renewal', 'item'] as const
const itemsExpected = `one of ${kinds.join(', ')}, or item: with the id of something on the price list`

const coupon = section({
  code: z.string('a code').regex(/^[A-Z0-9-]{3,32}$/, 'a code of 3 to 32 capital letters, digits and hyphens'),
  percent: whole(1, 100).nullable().default(null),
  amountSat: whole(1, 100_000_000).nullable().default(null),
  validFrom: day,
  validUntil: day,
  /** Instead of these two: from when it is first applied. */
  validDays: whole(1, 36_500).nullable().default(null),
  maxUses: whole(1, 1_000_000_000).nullable().default(null),
  usesPerAccount: whole(1, 1_000_000).default(1),
  items: z
    .array(
      z.union([choice(kinds), z.string().regex(/^item:[a-z0-9-]{1,64}$/, itemsExpected)], itemsExpected),
      'a list of things',
    )
    .min(1, 'at least one kind of things')
    .max(1_000, 'at most 1000 things')
    .default([...kinds]),
})
  .refine(({ validFrom, validUntil, validDays }) => validDays === null || (validFrom ?? validUntil) === null, {
    path: ['validDays'],
    message: 'either validDays, or validFrom and validUntil',
  })
  .refine(({ percent, amountSat }) => (percent === null) !== (amountSat === null), {
    path: ['percent'],
    message: 'either percent or amountSat',
  })

const item = section({
  id: z.string('an id').regex(/^[a-z0-9-]{1,64}$/, 'an id of small letters, digits and hyphens'),
  description: line(128, 'a description'),
  priceSat: whole(1, 100_000_000).nullable().default(null),
  /** Instead of `priceSat`. */
  price: section({ currency: currency(), amount: fiatAmount() })
    .superRefine(requireAmounts('amount'))
    .nullable()
    .default(null),
}).refine(({ priceSat, price }) => (priceSat === null) !== (price === null), {
  path: ['priceSat'],
  message: 'either priceSat or price',
})

/** What is on the price list besides names, each id once. */
export const itemList = z
  .array(item, 'a list of things to sell')
  .max(1_000, 'at most 1000 things to sell')
  .superRefine((items, context) => eachOnce(items, 'id', context))

/** Coupons, each code once. */
export const couponList = z
  .array(coupon, 'a list of coupons')
  .max(1_000, 'at most 1000 coupons')
  .superRefine((coupons, context) => eachOnce(coupons, 'code', context))

function eachOnce<Field extends string>(
  list: readonly Record<Field, unknown>[],
  field: Field,
  context: z.RefinementCtx,
): void {
  const seen = new Set<unknown>()
  for (const [index, entry] of list.entries()) {
    if (seen.has(entry[field]))
      context.addIssue({ code: 'custom', path: [index, field], message: `each ${field} once` })
    seen.add(entry[field])
  }
}

/** The coupons that name something of the price list that is not on it, as places in the configuration. */
export function couponsForNothing({
  items,
  coupons,
}: {
  items: z.infer<typeof itemList>
  coupons: z.infer<typeof couponList>
}): (string | number)[][] {
  const known = new Set(items.map(({ id }) => `item:${id}`))
  return coupons.flatMap((one, index) =>
    one.items.flatMap((name, place) =>
      name.startsWith('item:') && !known.has(name) ? [['coupons', index, 'items', place]] : [],
    ),
  )
}

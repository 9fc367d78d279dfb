import fc from 'fast-check'
import { testSettings } from '../service.ts'

/** How many customers there are. */
export const customerCount = 3
const names = [
  'aa@example.com',
  'bbb@example.com',
  'cc@free.example',
  'admin@example.com',
  'dd@closed.example',
  'ee@euro.example',
]
const always = { validFrom: 0, validUntil: 2 ** 40, maxUses: 3, usesPerAccount: 2, items: ['identifier', 'item'] }
const coupons = [
  { ...always, code: 'TENTH', percent: 10, amountMsat: null },
  { ...always, code: 'GIFT', percent: null, amountMsat: 900_000 },
]
const euro = { currency: 'EUR', baseMinor: 499, perCharMinor: 10 }
/** What steps are made for: coupons, and prices in a currency. */
export const settings = {
  ...testSettings,
  coupons,
  domains: [
    ...testSettings.domains,
    { name: 'euro.example', basePriceMsat: 0, pricePerCharMsat: 0, ttlSeconds: 60, open: true, fiat: euro },
  ],
  items: [
    ...testSettings.items,
    { id: 'mug', description: 'a mug', priceMsat: 0, fiat: { currency: 'EUR', amountMinor: 1_234 } },
  ],
}
const who = fc.nat({ max: customerCount - 1 })
const name = fc.constantFrom(...names)
const pick = fc.nat({ max: 20 })
const registering = fc.record({
  do: fc.constant('register' as const),
  who,
  name,
  pay: fc.constantFrom('invoice', 'balance'),
  alias: fc.option(name),
  creditMsat: fc.option(fc.constantFrom(1, 500_000, 9_000_000), { nil: undefined }),
  coupon: fc.option(fc.constantFrom('TENTH', 'GIFT'), { nil: undefined }),
  refundTo: fc.option(fc.constant('x@wallet.example'), { nil: undefined }),
})
const working = fc.record({
  do: fc.constant('work' as const),
  pick,
  outcome: fc.constantFrom('done', 'done', 'done', 'failed'),
})
const settling = fc.record({
  do: fc.constant('settle' as const),
  pick,
  change: fc.constantFrom(0, 0, 0, 0, -1, 1_000_000),
})
const waiting = fc.record({
  do: fc.constant('wait' as const),
  seconds: fc.constantFrom(1, 61, 901, 1_300, 90_000, 200 * 86_400, 400 * 86_400),
})
/** Anything that a customer, an operator, the wallet or time may do next. */
export const anyStep = fc.oneof(
  { weight: 4, arbitrary: registering },
  { weight: 5, arbitrary: working },
  { weight: 4, arbitrary: settling },
  { weight: 2, arbitrary: waiting },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('top up' as const), who, amountMsat: fc.constantFrom(1, 3_000_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      who,
      pick,
      from: fc.constantFrom('balance' as const, 'preimage' as const, 'wallet' as const, 'credit' as const),
      creditMsat: fc.constantFrom(1_000, 500_000, 9_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('records' as const), who, name, alias: fc.option(name) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('ticket' as const),
      who,
      pick,
      verb: fc.constantFrom('open', 'reply', 'close', 'answer'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      name,
      priceMsat: fc.option(fc.constantFrom(0, 2_000_000)),
      for: fc.option(who),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reprice' as const),
      basePriceMsat: fc.constantFrom(0, 1_000, 5_000_000),
      open: fc.boolean(),
      fiat: fc.constantFrom(null, euro),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('observe' as const),
      perBitcoin: fc.constantFrom('50000', '123456.789', '7000000'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('order' as const),
      who,
      itemId: fc.constantFrom('sticker', 'mug'),
      pay: fc.constantFrom('invoice', 'balance'),
      creditMsat: fc.option(fc.constantFrom(1, 500_000), { nil: undefined }),
      coupon: fc.option(fc.constantFrom('TENTH', 'GIFT'), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), who, pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('withdraw' as const),
      who,
      pick,
      amountMsat: fc.constantFrom(1_000, 1_000_000),
      lightningAddress: fc.option(fc.constant('y@wallet.example')),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refund' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('renew' as const),
      who,
      name,
      years: fc.constantFrom(1, 9),
      pay: fc.constantFrom('invoice', 'balance'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('keep' as const),
      who,
      name,
      from: fc.constantFrom('balance', 'wallet', 'unset'),
      maxMsat: fc.constantFrom(1, 9_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refer' as const), who, pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resend' as const), pick }) },
)
export type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never

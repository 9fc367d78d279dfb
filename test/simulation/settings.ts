import type { Settings } from '../../src/store/settings-row.ts'
import { testSettings } from '../src/service.ts'
import type { Random } from '../system/random.ts'
import { maxRateAgeSeconds } from './market.ts'

/** The number of the operator's key. */
export const operatorNumber = 900

const always = { validFrom: 0, validUntil: 2 ** 40, maxUses: 4, usesPerAccount: 1, items: ['identifier', 'item'] }

const inEuro = { name: 'euro.example', basePriceMsat: 0, pricePerCharMsat: 0, ttlSeconds: 3_600, open: true }

/** How much may be held unpaid, and how many orders the squatter places at once at most: of each there is little in some seeds. */
export function chooseRations(random: Random) {
  return {
    perAccount: random.pick([1, 2, 3]),
    perAddress: random.pick([2, 4, 8]),
    total: random.pick([4, 12, 50]),
    lapsedSeconds: random.pick([900, 86_400, 86_400]),
    squatterOrders: random.chance(0.02) ? 400 : random.pick([0, 0, 3, 10, 40]),
  }
}

/** The settings that a world begins with. */
export function firstSettings(operator: string, rations: ReturnType<typeof chooseRations>): Settings {
  return {
    ...testSettings,
    orders: {
      ...testSettings.orders,
      unpaidHoldsPerAccount: rations.perAccount,
      unpaidHoldsTotal: rations.total,
      lapsedHoldSeconds: rations.lapsedSeconds,
    },
    operators: [operator],
    staff: [],
    suspended: [],
    domains: [...testSettings.domains, { ...inEuro, fiat: { currency: 'EUR', baseMinor: 100, perCharMinor: 10 } }],
    items: [
      ...testSettings.items,
      { id: 'mug', description: 'a mug', priceMsat: 0, fiat: { currency: 'EUR', amountMinor: 3 } },
    ],
    rates: { maxAgeSeconds: maxRateAgeSeconds },
    identifiers: { ...testSettings.identifiers, graceDays: 3, noticeDays: 2 },
    coupons: [
      { ...always, code: 'TENTH', percent: 10, amountMsat: null },
      { ...always, code: 'GIFT', percent: null, amountMsat: 900_000, maxUses: 2 },
      { ...always, code: 'FREE', percent: 100, amountMsat: null, maxUses: 1 },
    ],
  }
}

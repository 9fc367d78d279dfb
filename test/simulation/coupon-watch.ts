import type { Settings } from '../../src/store/settings-row.ts'
import { tables } from '../../src/store/tables.ts'
import type { RowChange } from './journal.ts'
import { changesOf } from './ledger-watch.ts'

/** Counts from the orders alone how often each coupon is used, and says where that is more than it is for. */
export function createCouponWatch(coupons: Settings['coupons']) {
  /** By coupon, and by coupon and account. */
  const uses = new Map<string, number>()
  const add = (by: string, change: number): number => {
    const count = (uses.get(by) ?? 0) + change
    uses.set(by, count)
    return count
  }
  return {
    changed: (changes: readonly RowChange[]): string[] => {
      const found: string[] = []
      for (const { before, after } of changesOf(changes, tables.orders)) {
        const { coupon: code, account } = after ?? before ?? { coupon: null, account: '' }
        const change = Number(isUse(after)) - Number(isUse(before))
        if (code === null || change === 0) continue
        const coupon = coupons.find(one => one.code === code)
        const [inAll, byAccount] = [add(code, change), add(`${code} ${account}`, change)]
        if (inAll > (coupon?.maxUses ?? 0)) found.push(`what a coupon is for: ${code} is used ${inAll} times`)
        if (byAccount > (coupon?.usesPerAccount ?? 0)) {
          found.push(`what a coupon is for: ${code} is used ${byAccount} times by one account`)
        }
      }
      return found
    },
  }
}

/** Whether an order uses its coupon: it was fulfilled, even if it was given back later, or its payment is being taken. */
function isUse(order: { readonly status: string } | undefined): boolean {
  return order !== undefined && ['accepted', 'fulfilled', 'refunded'].includes(order.status)
}

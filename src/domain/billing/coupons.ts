import { type Rejection, reject } from '../../rejections.ts'
import type { Item } from '../../store/money-tables.ts'
import type { Settings } from '../../store/settings-row.ts'
import { tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { toItem } from './sellable.ts'

type Coupon = Settings['coupons'][number]

const everybody = ''
const msatPerSat = 1_000

/**
 * Coupons are used up by what is paid, never by what is only ordered: otherwise keys that cost nothing could keep one of few
 * uses from everybody. So orders race for the last use, and a payment that comes too late is given back or credited.
 */

/** The items at the price that a coupon gives, or why it gives none. Nothing is used up yet. */
export function applyCoupon(
  tx: Transactor,
  context: Context,
  code: string,
  items: readonly Item[],
): Item[] | Rejection {
  const { settings, time, author } = context
  const coupon = settings.coupons.find(one => one.code === code)
  if (coupon === undefined) return invalid(`there is no coupon ${code}`)
  if (time < coupon.validFrom) return invalid(`${code} is not valid yet`)
  if (time >= coupon.validUntil) return invalid(`${code} has expired`)
  const usedUp = couponObstacle(tx, context, code, author)
  if (usedUp !== null) return usedUp
  if (!items.some(item => isFor(coupon, item))) return invalid(`${code} is not for what you order`)
  let leftMsat = coupon.amountMsat ?? 0
  return items.map(item => {
    if (!isFor(coupon, item)) return item
    const offMsat =
      coupon.percent === null ? Math.min(leftMsat, item.totalMsat) : partOf(item.totalMsat, coupon.percent)
    leftMsat -= offMsat
    return toItem(item.sellable, item.params, [
      ...item.lines,
      { description: `coupon ${code}`, amountMsat: -offMsat, fiat: null },
    ])
  })
}

/** Why an account cannot use a coupon once more, or `null` when it can, or when nobody knows the coupon any more. */
export function couponObstacle(
  reader: Reader,
  { settings }: Context,
  code: string | null,
  account: string,
): Rejection | null {
  const coupon = code === null ? undefined : settings.coupons.find(one => one.code === code)
  if (code === null || coupon === undefined) return null
  if (coupon.maxUses !== null && usesOf(reader, code, everybody) >= coupon.maxUses) return invalid(`${code} is used up`)
  return usesOf(reader, code, account) >= coupon.usesPerAccount ? invalid(`you have used ${code} already`) : null
}

/** Counts one use of a coupon by an account, or takes one back. */
export function countCouponUse(tx: Transactor, code: string | null, account: string, change: 1 | -1): void {
  if (code === null) return
  for (const by of [account, everybody]) {
    const count = usesOf(tx, code, by) + change
    if (count < 0) throw new Error(`coupon ${code} was used less than never`)
    if (count === 0) tx.delete(tables.couponUses, [code, by])
    else tx.put(tables.couponUses, [code, by], { count })
  }
}

function isFor({ items }: Coupon, { sellable, params }: Item): boolean {
  if (items.includes(sellable)) return true
  return sellable === 'item' && items.includes(`item:${(params as { itemId: string }).itemId}`)
}

function usesOf(reader: Reader, code: string, by: string): number {
  return reader.get(tables.couponUses, [code, by])?.count ?? 0
}

/** Whole satoshis, rounded down: many wallets can pay nothing smaller. */
function partOf(amountMsat: number, percent: number): number {
  if (percent === 100) return amountMsat
  return Math.floor((Math.floor(amountMsat / msatPerSat) * percent) / 100) * msatPerSat
}

function invalid(message: string): Rejection {
  return reject('COUPON_INVALID', message)
}

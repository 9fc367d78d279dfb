import type { Bug } from './bug.ts'

/** In how often a coupon is used. */
export const couponBugs: readonly Bug[] = [
  {
    name: 'nobody looks again whether a coupon is used up when the order is paid',
    caughtBy: /what a coupon is for/,
    changes: [
      {
        file: 'src/domain/billing/orders.ts',
        find: 'return usesCoupon(order) ? null : couponObstacle(tx, context, order.coupon, order.account)',
        replace: 'return null',
      },
    ],
  },
  {
    name: 'the uses of a coupon by one account are not counted',
    caughtBy: /what a coupon is for.* by one account/,
    changes: [
      {
        file: 'src/domain/billing/coupons.ts',
        find: 'usesOf(reader, code, account) >= coupon.usesPerAccount',
        replace: 'usesOf(reader, code, account) < 0',
      },
    ],
  },
]

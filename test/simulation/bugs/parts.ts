import type { Bug } from './bug.ts'

const settle = 'src/domain/billing/settle.ts'

/** In orders that the balance and an invoice pay in parts. */
export const partBugs: readonly Bug[] = [
  {
    name: 'what was set aside for a part stays set aside when the former invoice is paid',
    caughtBy: /the wallet and the books|the books agree/,
    changes: [
      {
        file: 'src/domain/billing/order-invoice.ts',
        find: 'return hasEnded(order) || changeCredit(tx, context, orderId, order, creditMsat) ? turned : null',
        replace:
          'return hasEnded(order) || creditMsat < order.creditMsat || changeCredit(tx, context, orderId, order, creditMsat) ? turned : null',
      },
    ],
  },
  {
    name: 'both invoices of an order that is paid in parts fulfil it',
    caughtBy: /paid at most once|the books|the wallet/,
    changes: [
      {
        file: settle,
        find: "  if (order.status === 'fulfilled' || order.status === 'credited' || order.status === 'refunded') {",
        replace:
          "  if (order.status === 'credited' || order.status === 'refunded' || (order.status === 'fulfilled' && order.creditMsat === 0)) {",
      },
    ],
  },
]

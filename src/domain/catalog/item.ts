import { z } from 'zod'
import { revenueAccount } from '../billing/ledger.ts'
import type { Sellable } from '../billing/sellable.ts'

/** What an order for something on the price list needs to know. */
const itemParams = z.object({ itemId: z.string(), quantity: z.int() })

/** Something on the operator's price list, which the operator hands over: the order is all that there is of it here. */
export const item: Sellable = {
  kind: 'item',
  revenue: revenueAccount,
  hold: () => false,
  claim: () => undefined,
  release: () => undefined,
  obstacle: () => null,
  fulfil: ({ orderId, account, params }, _tx, context) => {
    const body = { orderId, account, ...(params as z.infer<typeof itemParams>) }
    for (const to of context.settings.operators) {
      context.emit({ kind: 'notice', type: 'item.sold', to, about: null, body })
    }
  },
}

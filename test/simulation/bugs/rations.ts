import type { Bug } from './bug.ts'

const rationing = 'src/domain/identifiers/holds.ts'

/** In what may be held unpaid, and how often. */
export const rationBugs: readonly Bug[] = [
  {
    name: 'unpaid holds are not rationed by account',
    caughtBy: /is held for order .* its account has/,
    changes: [{ file: rationing, find: 'countOf(tx, holder.account) >= unpaidHoldsPerAccount || ', replace: '' }],
  },
  {
    name: 'unpaid holds are not rationed by address',
    caughtBy: /is held for order .* its address/,
    changes: [
      {
        file: 'src/pipeline/unpaid-holds.ts',
        find: 'return orders.size < perNetwork\n',
        replace: 'return orders.size < perNetwork || perNetwork > 0\n',
      },
    ],
  },
  {
    name: 'each address of an IPv6 network has a ration of its own',
    caughtBy: /is held for order .* its address 2001/,
    changes: [
      {
        file: 'relay/connection/connection-counter.ts',
        find: "  if (!ip.includes(':')) return ip\n",
        replace: "  if (!ip.includes('.')) return ip\n",
      },
    ],
  },
  {
    name: 'unpaid holds are not rationed in total',
    caughtBy: /is held for order .* in total/,
    changes: [{ file: rationing, find: ' || countOf(tx, total) >= unpaidHoldsTotal', replace: '' }],
  },
  {
    name: 'a name can be held unpaid again as soon as its hold has lapsed',
    caughtBy: /is held for order .* lapsed/,
    changes: [{ file: rationing, find: 'lapsed.until > context.time', replace: 'lapsed.until < 0' }],
  },
  {
    name: 'a hold that is given up does not lapse',
    caughtBy: /is held for order .* lapsed/,
    changes: [
      {
        file: 'src/domain/billing/order-outcomes.ts',
        find: "const lapsed = order.status === 'invoiced' || status === 'cancelled'",
        replace: "const lapsed = order.status === 'invoiced' && status === 'expired'",
      },
    ],
  },
  {
    name: 'a hold that is given up before its invoice is made does not lapse',
    caughtBy: /is held for order .* lapsed/,
    changes: [
      {
        file: 'src/domain/billing/order-outcomes.ts',
        find: "order.status === 'invoiced' || status === 'cancelled'",
        replace: "order.status === 'invoiced'",
      },
    ],
  },
  {
    name: 'an order beyond the rations is refused',
    caughtBy: /beyond rations orders race: an order of .* was refused/,
    changes: [
      {
        file: 'src/domain/billing/place-order.ts',
        find: '  let held = context.mayHold\n',
        replace:
          '  let held = context.mayHold\n' +
          "  if (!held) return reject('RATE_LIMITED', 'too much is held for this address')\n",
      },
    ],
  },
]

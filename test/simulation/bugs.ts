/** One place in the source, and what would stand there. */
type Change = { readonly file: string; readonly find: string; readonly replace: string }

/** A mistake that others have made, or that is easily made, as changes to the source. */
export type Bug = {
  readonly name: string
  /** What the sentence of the invariant that should catch it says. */
  readonly caughtBy: RegExp
  readonly changes: readonly Change[]
}

const settle = 'src/domain/billing/settle.ts'
const sweeping = 'src/jobs/settlements.ts'
const rationing = 'src/domain/identifiers/holds.ts'
const withdrawing = 'src/domain/billing/withdraw.ts'
const holding = 'src/jobs/holds.ts'
const refunding = 'src/domain/billing/refunds.ts'
const comparing = 'src/domain/billing/reconcile.ts'
const budgeting = 'src/domain/billing/wallet-budgets.ts'

/** The traps that other sellers of names and their wallets have fallen into, and some of our own. */
export const bugs: readonly Bug[] = [
  {
    name: 'millisatoshi are booked as satoshi',
    caughtBy: /the books|the wallet|is not on the balance/,
    changes: [
      {
        file: settle,
        find: 'amountMsat: receivedMsat,',
        replace: 'amountMsat: Math.max(1, Math.floor(receivedMsat / 1_000)),',
      },
    ],
  },
  {
    name: 'who loses the race for a name is not credited',
    caughtBy: /the books|the wallet|paid invoice ends|is not on the balance/,
    changes: [
      {
        file: settle,
        find: '  if (receivedMsat > 0) {',
        replace:
          '  const wanted = tx.get(tables.orders, [invoice.orderId])\n' +
          '  const lost = wanted !== undefined && findObstacle(tx, context, invoice.orderId, wanted) !== null\n' +
          '  if (receivedMsat > 0 && !lost) {',
      },
    ],
  },
  {
    name: 'what was settled while nobody listened is seen and not told',
    caughtBy: /paid invoice ends/,
    changes: [
      {
        file: sweeping,
        find: "  if (state?.status !== 'settled' && state?.status !== 'accepted') return false",
        replace:
          "  if (state?.status !== 'settled' && state?.status !== 'accepted') return false\n" +
          "  if (state.status === 'settled') return true",
      },
    ],
  },
  {
    name: 'the hash of an expired invoice is forgotten',
    caughtBy: /invoices by hash|paid invoice ends|forgotten|looked-up invoice/,
    changes: [
      {
        file: 'src/domain/billing/invoices.ts',
        find: "  tx.put(tables.invoices, [invoiceId], { ...invoice, status: 'expired' })",
        replace:
          "  tx.put(tables.invoices, [invoiceId], { ...invoice, status: 'expired' })\n" +
          '  if (invoice.paymentHash !== null) tx.delete(tables.invoicesByHash, [invoice.paymentHash])',
      },
    ],
  },
  {
    name: 'nothing keeps a name from being sold twice',
    caughtBy: /one owner/,
    changes: [
      {
        file: 'src/domain/identifiers/registration.ts',
        find: '    if (tx.has(tables.identifiers, [domain, name])) return',
        replace: '    if (tx.has(tables.identifiers, [domain, name]) && name === domain) return',
      },
    ],
  },
  {
    name: 'the two sides of a movement of money are not written together',
    caughtBy: /debit equals credit/,
    changes: [
      {
        file: 'src/domain/billing/ledger.ts',
        find: '  adjust(tx, credit, amountMsat)',
        replace: "  if (!reason.startsWith('not spent')) adjust(tx, credit, amountMsat)",
      },
    ],
  },
  {
    name: 'a webhook and a poll that come together are two payments',
    caughtBy: /paid at most once/,
    changes: [
      { file: settle, find: "  if (invoice.status === 'settled') return\n", replace: '' },
      {
        file: sweeping,
        find: ':settled`',
        replace: ':settled`.concat(String(settlement.cursor))',
      },
    ],
  },
  {
    name: 'expired invoices are never polled again',
    caughtBy: /paid invoice ends/,
    changes: [
      { file: sweeping, find: 'Math.max(0, now - recentSeconds)', replace: 'now' },
      { file: sweeping, find: "status !== 'open' && status !== 'expired'", replace: "status !== 'open'" },
    ],
  },
  {
    name: 'a payment of unknown outcome is taken for a failed one',
    caughtBy: /unknown is not failed/,
    changes: [
      {
        file: 'src/jobs/payments.ts',
        find: "    if (outcome === null || outcome.status === 'unknown') return null\n",
        replace:
          '    if (outcome === null) return null\n' +
          "    if (outcome.status === 'unknown') return ended(job, { status: 'failed', reason: '' })\n",
      },
    ],
  },
  {
    name: 'that a payment was asked for is not remembered over a crash',
    caughtBy: /paid at most once: the wallet was asked/,
    changes: [{ file: 'src/jobs/payments.ts', find: '    await asked.add(idempotencyKey)\n', replace: '' }],
  },
  {
    name: 'an invoice that was paid before is paid again if an address gives it',
    caughtBy: /was paid|being paid/,
    changes: [
      {
        file: withdrawing,
        find:
          '  const conflict = conflictOf(reader, invoice.paymentHash)\n' +
          '  if (conflict !== null) return conflict\n' +
          '  const isKnown = reader.has(tables.withdrawalsByHash, [invoice.paymentHash])\n',
        replace: '  const isKnown = reader.has(tables.invoicesByHash, [invoice.paymentHash])\n',
      },
    ],
  },
  {
    name: 'an address is paid whatever its invoice asks for',
    caughtBy: /the wallet|the books/,
    changes: [
      {
        file: withdrawing,
        find: 'if (invoice.amountMsat !== amountMsat) return',
        replace: 'if (amountMsat < 0) return',
      },
    ],
  },
  {
    name: 'an order is given back twice',
    caughtBy: /paid at most once|brought/,
    changes: [
      {
        file: refunding,
        find: "  if (order.status === 'refunded') return reject('CONFLICT', 'this order has been refunded')\n  if (order.status !== 'fulfilled')",
        replace: "  if (order.status !== 'fulfilled' && order.status !== 'refunded')",
      },
    ],
  },
  {
    name: "that a customer's wallet was asked is not remembered over a crash",
    caughtBy: /asked at most once/,
    changes: [
      { file: 'src/jobs/wallet-payments.ts', find: '      await asked.add(job.id)\n', replace: '' },
      {
        file: 'src/jobs/wallet-payments.ts',
        find: 'return asked.has(job.id) ? askAgain',
        replace: 'return underWay !== undefined ? askAgain',
      },
    ],
  },
  {
    name: 'a rate counts however old it is',
    caughtBy: /the price of its moment/,
    changes: [
      {
        file: 'src/domain/billing/rates.ts',
        find: 'now - rate.observedAt <= settings.rates.maxAgeSeconds',
        replace: 'now >= settings.rates.maxAgeSeconds',
      },
    ],
  },
  {
    name: 'nobody takes notice of a payment that waits',
    caughtBy: /waits to be taken|until it went back by itself/,
    changes: [
      {
        file: 'src/domain/billing/hold-facts.ts',
        find: '    acceptPayment(tx, context, invoiceId, invoice, received)\n',
        replace: '',
      },
    ],
  },
  {
    name: 'a payment that waits is kept for, and never taken',
    caughtBy: /waits to be taken|until it went back by itself/,
    changes: [
      {
        file: holding,
        find: 'unlessUnavailable(backend.settleHold(preimageOf(job.payload.invoiceId), signal))',
        replace: 'unlessUnavailable(Promise.resolve(null))',
      },
    ],
  },
  {
    name: 'a name is given for a payment that went back',
    caughtBy: /the wallet and the books|fulfilled by a payment/,
    changes: [
      {
        file: holding,
        find: "outcome === 'lost' ? ended(job, null)",
        replace: "outcome === 'lost' ? ended(job, { receivedMsat: 100_000_000, settledAt: 0 })",
      },
    ],
  },
  {
    name: 'all that is on the balance is sent back',
    caughtBy: /refunds have an end/,
    changes: [
      {
        file: refunding,
        find: 'sendableMsat(context.settings, creditedMsat)',
        replace: 'sendableMsat(context.settings, creditedMsat && balanceOf(tx, customerAccount(account)))',
      },
      {
        file: refunding,
        find: 'import { customerAccount, post }',
        replace: 'import { balanceOf, customerAccount, post }',
      },
    ],
  },
  {
    name: 'a wallet that does not know its payments is believed that it never made one',
    caughtBy: /unknown is not failed/,
    changes: [
      {
        file: 'src/jobs/payments.ts',
        find: 'return capabilities?.knowsItsPayments === true',
        replace: 'return capabilities !== null',
      },
    ],
  },
  {
    name: 'what arrives while the wallet is compared with the ledger is a difference',
    caughtBy: /is reported that is none/,
    changes: [{ file: comparing, find: 'balanceMsat - ledgerMsat - arrivedMsat', replace: 'balanceMsat - ledgerMsat' }],
  },
  {
    name: 'what a wallet leaves out that counts in satoshis is a difference',
    caughtBy: /is reported that is none/,
    changes: [{ file: 'src/jobs/reconcile.ts', find: 'leftOutMsat: resolutionMsat - 1', replace: 'leftOutMsat: 0' }],
  },
  {
    name: 'a difference that was found is not kept',
    caughtBy: /nobody booked|is reported that is none/,
    changes: [
      {
        file: comparing,
        find: 'const isSame = before !== undefined && changeMsat === 0',
        replace: 'const isSame = before !== undefined',
      },
    ],
  },
  {
    name: 'something is written that is not in the log',
    caughtBy: /replay gives the same tables/,
    changes: [
      {
        file: 'src/jobs/asked-payments.ts',
        find: 'add: id => write(() => transactor.put(tables.askedPayments, [id], { wallet })),',
        replace:
          'add: id => write(() => {\n' +
          '      transactor.put(tables.askedPayments, [id], { wallet })\n' +
          "      transactor.put(tables.counters, ['asked'], { value: 1 })\n" +
          '    }),',
      },
    ],
  },
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
        find: "release(ordered, order.status === 'invoiced',",
        replace: "release(ordered, order.status === 'invoiced' && status === 'expired',",
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
  {
    name: 'a wallet renews beyond its budget',
    caughtBy: /within the budget/,
    changes: [
      { file: 'src/domain/renewals/renew.ts', find: 'if (priceMsat <= leftMsat) return null', replace: 'return null' },
      {
        file: budgeting,
        find: 'budget === undefined || budget.usedMsat + amountMsat > budget.budgetMsat',
        replace: 'budget === undefined',
      },
    ],
  },
  {
    name: 'what a wallet has not paid yet is not counted in its budget',
    caughtBy: /the budget of .* are used, and/,
    changes: [
      {
        file: budgeting,
        find: 'put(tx, connection, { ...budget, usedMsat: budget.usedMsat + amountMsat })',
        replace: 'put(tx, connection, budget)',
      },
    ],
  },
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

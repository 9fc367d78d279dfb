import type { Bug } from './bug.ts'

const settle = 'src/domain/billing/settle.ts'
const sweeping = 'src/jobs/settlements.ts'

/** The traps that other sellers of names and their wallets have fallen into. */
export const bugsOfOthers: readonly Bug[] = [
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
]

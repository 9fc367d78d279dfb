import type { Bug } from './bug.ts'

const withdrawing = 'src/domain/billing/withdraw.ts'
const holding = 'src/jobs/holds.ts'
const refunding = 'src/domain/billing/refunds.ts'

/** In payments that go out, wait to be taken, or go back, and in what they are to come to. */
export const paymentBugs: readonly Bug[] = [
  {
    name: 'the wallet may spend more on a fee than its customer allows',
    caughtBy: /the limit of a fee/,
    changes: [
      {
        file: withdrawing,
        find: 'bolt11, paymentHash, maxFeeMsat, reserveMsat, expiresAt }',
        replace: 'bolt11, paymentHash, maxFeeMsat: Math.max(maxFeeMsat, reserveMsat), reserveMsat, expiresAt }',
      },
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
        find: 'backend.settleHold(preimageOf(job.payload.invoiceId), signal)',
        replace: 'Promise.resolve(null)',
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
    name: 'an order whose payment went back waits for ever',
    caughtBy: /every order ends/,
    changes: [
      {
        file: 'src/domain/billing/accept.ts',
        find: "const ended = endOrder(tx, context, invoice.orderId, order, 'expired')",
        replace: 'const ended = order',
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
]

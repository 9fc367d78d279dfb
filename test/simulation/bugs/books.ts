import type { Bug } from './bug.ts'

const comparing = 'src/domain/billing/reconcile.ts'

/** In what the books say, beside the wallet and the log. */
export const bookBugs: readonly Bug[] = [
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
]

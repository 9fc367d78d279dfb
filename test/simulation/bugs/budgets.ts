import type { Bug } from './bug.ts'

const budgeting = 'src/domain/billing/wallet-budgets.ts'

/** In what a wallet may spend on renewals. */
export const budgetBugs: readonly Bug[] = [
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
]

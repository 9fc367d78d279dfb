import { bookBugs } from './bugs/books.ts'
import { budgetBugs } from './bugs/budgets.ts'
import type { Bug } from './bugs/bug.ts'
import { couponBugs } from './bugs/coupons.ts'
import { bugsOfOthers } from './bugs/of-others.ts'
import { partBugs } from './bugs/parts.ts'
import { paymentBugs } from './bugs/payments.ts'
import { rationBugs } from './bugs/rations.ts'

/** The mistakes that the simulator has to find, in the order of `docs/testing.md`. */
export const bugs: readonly Bug[] = [
  ...bugsOfOthers,
  ...paymentBugs,
  ...bookBugs,
  ...rationBugs,
  ...budgetBugs,
  ...partBugs,
  ...couponBugs,
]

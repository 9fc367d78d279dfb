import { z } from 'zod'
import { amountMsat, ref } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { budgetOf, periodEnd, type WalletBudget } from '../billing/wallet-budgets.ts'
import { ok } from '../context.ts'
import { defineCommand, defineQuery } from '../method.ts'

/** Twice as many as an account may keep secrets: those of erased ones are left until they are ended. */
const maxPerAccount = 40

const view = z.object({
  handle: ref,
  budgetMsat: z.int(),
  days: z.int(),
  /** What is spent of it in this period, or may have been. */
  usedMsat: z.int(),
  /** When the period ends; the next begins with the first payment after that. */
  endsAt: z.int(),
})

export const renewalSetBudget = defineCommand({
  name: 'renewal.set_budget',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary: 'Says how much a connected wallet may spend on renewals, over all names, in so many days.',
  params: z.strictObject({
    /** Of the wallet connection, as `secret.put` gave it. */
    handle: ref,
    /** `null`: nothing any more. */
    budgetMsat: amountMsat.nullable(),
    days: z.int().min(1).max(366).default(30),
  }),
  result: z.object({ budget: view.nullable() }),
  handle: ({ handle, budgetMsat, days }, tx, { author: account, time }) => {
    if (budgetMsat === null) {
      if (!tx.has(tables.walletBudgets, [account, handle])) return reject('NOT_FOUND', 'this wallet has no budget')
      tx.delete(tables.walletBudgets, [account, handle])
      return ok({ budget: null })
    }
    const before = budgetOf(tx, { account, handle }, time)
    const isFull = tx.range(tables.walletBudgets, [account], { limit: maxPerAccount }).length === maxPerAccount
    if (before === undefined && isFull) return reject('LIMIT_REACHED', 'this account has as many budgets as it may')
    const budget = { since: time, usedMsat: 0, ...before, budgetMsat, days }
    tx.put(tables.walletBudgets, [account, handle], budget)
    return ok({ budget: present(handle, budget) })
  },
})

export const renewalBudgets = defineQuery({
  name: 'renewal.budgets',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'What the connected wallets of the caller may spend on renewals, and have spent.',
  params: z.strictObject({}),
  result: z.object({ budgets: z.array(view) }),
  answer: (_params, reader, { author: account, time }) => ({
    budgets: reader.range(tables.walletBudgets, [account]).map(({ key: [, handle], row }) => {
      return present(handle, budgetOf(reader, { account, handle }, time) ?? row)
    }),
  }),
})

function present(handle: string, budget: WalletBudget): z.infer<typeof view> {
  const { budgetMsat, days, usedMsat } = budget
  return { handle, budgetMsat, days, usedMsat, endsAt: periodEnd(budget) }
}

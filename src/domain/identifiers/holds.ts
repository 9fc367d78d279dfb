import type { Identifier } from '../../protocol/names.ts'
import { formatIdentifier } from '../../protocol/names.ts'
import { tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { schedule } from '../schedule.ts'

/**
 * Unpaid holds are rationed: so many per key and in total, and none on a name whose last unpaid hold lapsed lately.
 * Beyond that an order goes ahead without a hold and races; otherwise anyone could block every name for nothing.
 */

const total = 'total'
/** What others are told of how long a claim lasts; it ends when the wallet has taken the payment, or lost it. */
const claimSeconds = 3_600

/** Holds a name for an order if rations allow; says whether it did. */
export function holdName(
  tx: Transactor,
  context: Context,
  { name, domain }: Identifier,
  holder: { orderId: string; account: string; until: number },
): boolean {
  const { unpaidHoldsPerAccount, unpaidHoldsTotal } = context.settings.orders
  const lapsed = tx.get(tables.lapsedHolds, [domain, name])
  if (lapsed !== undefined && lapsed.until > context.time) return false
  if (countOf(tx, holder.account) >= unpaidHoldsPerAccount || countOf(tx, total) >= unpaidHoldsTotal) return false
  tx.put(tables.holds, [domain, name], { ...holder, unpaid: true })
  addToCount(tx, holder.account, 1)
  addToCount(tx, total, 1)
  return true
}

/**
 * Holds a name for an order whose payment waits to be taken; nobody else has it then, and no ration counts it. One that is
 * somebody's stays so.
 */
export function claimName(
  tx: Transactor,
  context: Context,
  { name, domain }: Identifier,
  { orderId, account }: { orderId: string; account: string },
): void {
  releaseHold(tx, context, { name, domain }, orderId, false)
  if (tx.has(tables.holds, [domain, name])) throw new Error(`${name}@${domain} is held for another order`)
  tx.put(tables.holds, [domain, name], { orderId, account, until: context.time + claimSeconds, unpaid: false })
}

/** Ends an order's hold on a name, if it has one; one that lapsed unpaid keeps the name from being held so again for a while. */
export function releaseHold(
  tx: Transactor,
  context: Context,
  { name, domain }: Identifier,
  orderId: string,
  lapsed: boolean,
): void {
  const hold = tx.get(tables.holds, [domain, name])
  if (hold === undefined || hold.orderId !== orderId) return
  tx.delete(tables.holds, [domain, name])
  if (hold.unpaid) {
    addToCount(tx, hold.account, -1)
    addToCount(tx, total, -1)
  }
  if (!lapsed) return
  const until = context.time + context.settings.orders.lapsedHoldSeconds
  tx.put(tables.lapsedHolds, [domain, name], { until })
  schedule(tx, until, 'lapsed-hold-end', formatIdentifier({ name, domain }))
}

function countOf(tx: Transactor, key: string): number {
  return tx.get(tables.holdCounts, [key])?.count ?? 0
}

function addToCount(tx: Transactor, key: string, change: number): void {
  const count = countOf(tx, key) + change
  if (count < 0) throw new Error(`fewer than no holds of ${key}`)
  if (count === 0) tx.delete(tables.holdCounts, [key])
  else tx.put(tables.holdCounts, [key], { count })
}

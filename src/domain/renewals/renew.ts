import { formatIdentifier, type Identifier } from '../../protocol/names.ts'
import { isRejection } from '../../rejections.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { wholeSatoshis } from '../billing/credit.ts'
import { invoiceExcess } from '../billing/invoices.ts'
import { balanceOf, customerAccount } from '../billing/ledger.ts'
import { endOrder } from '../billing/order-outcomes.ts'
import { hasEnded, isUnpaid } from '../billing/orders.ts'
import { placeOrder } from '../billing/place-order.ts'
import { toItem } from '../billing/sellable.ts'
import { budgetOf, type WalletBudget } from '../billing/wallet-budgets.ts'
import { isUnderWay, planWalletPayment, tellRenewalFailed } from '../billing/wallet-payments.ts'
import type { Context } from '../context.ts'
import { renewalOf } from '../identifiers/availability.ts'
import { noticeTime } from '../identifiers/lifecycle.ts'
import { putRenewal, type Renewal } from './choice.ts'

const daySeconds = 86_400
/** A year at a time, so that the most for one renewal is the most for a year. */
const years = 1

/**
 * Renews a name whose owner wants that and which comes near its end. Otherwise, or when it fails, it is tried again a day
 * later, until the name has expired; renewed by hand since, it waits for the next end.
 */
export function tryRenewal(tx: Transactor, context: Context, identifier: Identifier): void {
  const { domain, name } = identifier
  const renewal = tx.get(tables.renewals, [domain, name])
  // Chosen anew since, which has its own time.
  if (renewal === undefined || renewal.nextTryAt > context.time) return
  const row = tx.get(tables.identifiers, [domain, name])
  if (row === undefined || row.owner !== renewal.owner) throw new Error('a renewal outlived what its owner had')
  const nearEndAt = noticeTime(context, row.expiresAt)
  const isNear = nearEndAt <= context.time
  const later: Renewal = { ...renewal, nextTryAt: isNear ? context.time + daySeconds : nearEndAt }
  const mayBuy = row.status === 'active' && !context.settings.suspended.includes(row.owner)
  putRenewal(tx, identifier, later)
  if (!isNear || !mayBuy || !endLastOrder(tx, context, identifier)) return
  const orderId = placeRenewal(tx, context, identifier, row, renewal)
  if (orderId !== null) tx.put(tables.renewalOrders, [domain, name], { orderId })
}

/** Sees to it that the order of the last try cannot be fulfilled any more; `false`: its payment is under way. */
function endLastOrder(tx: Transactor, context: Context, { domain, name }: Identifier): boolean {
  const last = tx.get(tables.renewalOrders, [domain, name])
  if (last === undefined) return true
  const { orderId } = last
  const order = tx.get(tables.orders, [orderId])
  if (order === undefined) throw new Error(`order ${orderId} of a renewal is missing`)
  const { invoiceId } = order
  if (invoiceId === null) return true
  if (order.status === 'accepted' || isUnderWay(tx.get(tables.walletPayments, [invoiceId]))) return false
  if (isUnpaid(order)) endOrder(tx, context, orderId, order, 'cancelled')
  else if (hasEnded(order)) {
    // What is paid late for it goes back or to the balance, and not for a second year.
    tx.put(tables.orders, [orderId], { ...order, status: 'cancelled' })
  }
  tx.delete(tables.renewalOrders, [domain, name])
  return true
}

/** Places the order, paid from the balance at once or by the owner's wallet; `null`: it cannot be, and the owner is told. */
function placeRenewal(
  tx: Transactor,
  context: Context,
  identifier: Identifier,
  { owner, since }: RowOf<'identifiers'>,
  { commandId, handle, maxMsat }: Renewal,
): string | null {
  const full = formatIdentifier(identifier)
  const failed = (code: string, reason: string) => {
    tellRenewalFailed(tx, context, owner, full, code, reason)
    return null
  }
  const { settings, time } = context
  const lines = renewalOf({ reader: tx, settings, time }, { ...identifier, years })
  if (isRejection(lines)) return failed(lines.code, lines.message)
  const item = toItem('identifier-renewal', { identifier: full, years, since }, lines)
  const priceMsat = handle === null ? item.totalMsat : wholeSatoshis(item.totalMsat)
  if (priceMsat > maxMsat)
    return failed('LIMIT_REACHED', `a year costs ${priceMsat} millisatoshi, more than is allowed`)
  if (handle === null && balanceOf(tx, customerAccount(owner)) < item.totalMsat) {
    return failed('INSUFFICIENT_BALANCE', 'the balance does not cover the price')
  }
  const overdrawn = handle === null ? null : budgetFault(budgetOf(tx, { account: owner, handle }, time), priceMsat)
  if (overdrawn !== null) return failed(...overdrawn)
  const excess = handle === null ? null : invoiceExcess(context, priceMsat)
  if (excess !== null) return failed(excess.code, excess.message)
  // In the name of the owner, who chose this by that command.
  const theirs: Context = { ...context, author: owner, commandId, mayHold: false }
  const pay = handle === null ? 'balance' : 'invoice'
  const placed = placeOrder(tx, theirs, { items: [item], pay, description: `${full}, renewal` })
  if (isRejection(placed)) throw new Error(`a renewal was refused: ${placed.code}`)
  if (placed.status !== 'pending') {
    context.emit({ kind: 'notice', type: 'order.fulfilled', to: owner, about: commandId, body: placed.body })
    return null
  }
  const invoiceId = placed.orderId === null ? null : (tx.get(tables.orders, [placed.orderId])?.invoiceId ?? null)
  if (handle === null || invoiceId === null) throw new Error('a renewal waits for nobody')
  planWalletPayment(tx, context, invoiceId, { account: owner, handle, renewal: full })
  return placed.orderId
}

/** Why a wallet is not asked for so much, as a code and a sentence; `null`: its budget has room for it. */
function budgetFault(budget: WalletBudget | undefined, priceMsat: number): [code: string, reason: string] | null {
  if (budget === undefined) return ['NO_BUDGET', 'the wallet has no budget for renewals']
  const leftMsat = budget.budgetMsat - budget.usedMsat
  if (priceMsat <= leftMsat) return null
  return [
    'BUDGET_EXCEEDED',
    `a year costs ${priceMsat} millisatoshi, and ${leftMsat} are left of the budget of the wallet`,
  ]
}

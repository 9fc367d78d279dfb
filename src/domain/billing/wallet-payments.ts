import { z } from 'zod'
import { splitIdentifier } from '../../protocol/names.ts'
import { reject } from '../../rejections.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { enqueueJob } from '../jobs.ts'
import { resolvePending } from '../pending.ts'
import { wholeSatoshis } from './credit.ts'
import type { Invoice } from './invoices.ts'
import { presentInvoice } from './invoices.ts'
import { type Order, presentOrder } from './orders.ts'
import { countPayment } from './payment-limits.ts'
import { outcomeUnknown } from './unavailable.ts'
import { adjustBudget, isStillCovered, takeFromBudget } from './wallet-budgets.ts'

/**
 * Invoices that a customer's own wallet is asked to pay. What that wallet says is a hint: an invoice is settled when our
 * backend has the money. So a failure here ends the try and moves nothing.
 */

type WalletPayment = RowOf<'walletPayments'>

/** What became of asking a customer's wallet. `unreachable`: nothing was asked of it; `unknown`: it was, and did not say. */
export const walletOutcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('paid') }),
  /** A code of NIP-47, or NO_SECRET, PRIVATE_ADDRESS. */
  z.strictObject({ status: z.literal('failed'), code: z.string().regex(/^[A-Z_]{1,32}$/) }),
  z.strictObject({ status: z.literal('unreachable') }),
  z.strictObject({ status: z.literal('unknown') }),
])

/** What failed, for people; a wallet's own words are never repeated. */
const reasons: Readonly<Record<string, string>> = {
  RATE_LIMITED: 'it takes no more requests for now',
  NOT_IMPLEMENTED: 'it does not pay',
  INSUFFICIENT_BALANCE: 'it has not enough',
  QUOTA_EXCEEDED: 'the budget of this connection is used up',
  RESTRICTED: 'this connection may not pay',
  UNAUTHORIZED: 'it does not know this connection',
  UNSUPPORTED_ENCRYPTION: 'it does not take NIP-44',
  NO_SECRET: 'there is no secret of this handle',
  PRIVATE_ADDRESS: 'its relay has no public address',
}

/** Whether a wallet is being asked to pay this invoice, or is about to be. */
export function isUnderWay(payment: WalletPayment | undefined): boolean {
  return payment?.status === 'planned' || payment?.status === 'paying'
}

/** Has a customer's wallet asked to pay an open invoice; `about` is what the job is named after. */
export function payByWallet(
  tx: Transactor,
  context: Context,
  invoiceId: string,
  invoice: Invoice,
  wanted: Pick<WalletPayment, 'handle' | 'commandId' | 'renewal' | 'budgetSince'> & { forget: boolean },
): void {
  const { bolt11, paymentHash, expiresAt, account } = invoice
  if (bolt11 === null || paymentHash === null || expiresAt === null) throw new Error(`invoice ${invoiceId} is not made`)
  const { forget, ...payment } = wanted
  const { handle, commandId } = payment
  put(tx, invoiceId, { status: 'paying', account, ...payment, code: null })
  const payload = { invoiceId, account, handle, forget, bolt11, paymentHash, expiresAt }
  enqueueJob(tx, context, { type: 'pay-by-wallet', payload }, commandId ?? invoiceId)
}

/** The same for an invoice that is still to be made, for a renewal, out of the budget, which the caller has seen has room for it. */
export function planWalletPayment(
  tx: Transactor,
  { time }: Context,
  invoiceId: string,
  planned: { account: string; handle: string; renewal: string },
): void {
  const budgetSince = takeFromBudget(tx, planned, time, countedMsat(tx, invoiceId))
  put(tx, invoiceId, { ...planned, status: 'planned', commandId: null, code: null, budgetSince })
}

/** The invoice is made: what was planned begins, if its owner still wants it. */
export function payPlanned(tx: Transactor, context: Context, invoiceId: string, invoice: Invoice): void {
  const planned = tx.get(tables.walletPayments, [invoiceId])
  if (planned?.status !== 'planned' || planned.renewal === null) return
  const { handle, renewal, budgetSince } = planned
  const { domain, name } = splitIdentifier(renewal)
  const chosen = tx.get(tables.renewals, [domain, name])
  const isWanted = chosen?.handle === handle && chosen.owner === planned.account
  if (!isWanted || !isStillCovered(tx, planned, budgetSince)) {
    put(tx, invoiceId, { ...planned, status: 'failed', code: 'CANCELLED' })
    return
  }
  payByWallet(tx, context, invoiceId, invoice, { handle, forget: false, commandId: null, renewal, budgetSince })
}

/** The invoice cannot be paid: nothing is asked of the wallet. */
export function abandonPlanned(tx: Transactor, context: Context, invoiceId: string, code: string): void {
  const planned = tx.get(tables.walletPayments, [invoiceId])
  if (planned?.status === 'planned') fail(tx, context, invoiceId, planned, 'failed', code)
}

/** Our backend has the money, whoever paid: the command that had a wallet asked has its result. */
export function noteSettled(tx: Transactor, context: Context, invoiceId: string, invoice: Invoice, order: Order): void {
  const payment = tx.get(tables.walletPayments, [invoiceId])
  if (payment === undefined) return
  put(tx, invoiceId, { ...payment, status: 'paid', code: null })
  if (payment.commandId === null) return
  const body = { order: presentOrder(invoice.orderId, order), invoice: presentInvoice(invoiceId, invoice) }
  resolvePending(tx, context, payment.commandId, { status: 'ok', body })
}

/** The invoice will never be paid, whatever the wallet that was asked has not said. */
export function noteLost(tx: Transactor, invoiceId: string): void {
  const payment = tx.get(tables.walletPayments, [invoiceId])
  if (payment?.status === 'unknown') put(tx, invoiceId, { ...payment, status: 'failed', code: 'CANCELLED' })
}

/** Ends a try. What is settled meanwhile, or by another, stays so. */
export function endWalletPayment(
  tx: Transactor,
  context: Context,
  invoiceId: string,
  outcome: z.output<typeof walletOutcome>,
): void {
  const payment = tx.get(tables.walletPayments, [invoiceId])
  if (payment === undefined) throw new Error(`no wallet was to pay ${invoiceId}`)
  if (payment.status !== 'paying') return
  switch (outcome.status) {
    case 'failed':
      fail(tx, context, invoiceId, payment, 'failed', outcome.code)
      break
    case 'unreachable':
      fail(tx, context, invoiceId, payment, 'failed', 'UNREACHABLE')
      break
    case 'paid':
    case 'unknown':
      // Had it paid us, the invoice would be settled, and this try over.
      fail(tx, context, invoiceId, payment, 'unknown', 'UNKNOWN')
      break
    default: {
      const unknown: never = outcome
      throw new Error(`no wallet says ${JSON.stringify(unknown)}`)
    }
  }
}

/** How many are under way, and what they are of a budget, stands beside them. */
function put(tx: Transactor, invoiceId: string, payment: WalletPayment): void {
  const before = tx.get(tables.walletPayments, [invoiceId])
  const { budgetSince } = payment
  if (budgetSince !== null && before !== undefined && (before.status === 'failed') !== (payment.status === 'failed')) {
    const msat = countedMsat(tx, invoiceId)
    adjustBudget(tx, payment, budgetSince, payment.status === 'failed' ? -msat : msat)
  }
  const wasPaying = before?.status === 'paying'
  const isPaying = payment.status === 'paying'
  if (isPaying !== wasPaying) countPayment(tx, payment.account, 'byWallet', isPaying ? 1 : -1)
  tx.put(tables.walletPayments, [invoiceId], payment)
}

/** What an invoice takes of a budget: whole satoshis, since many wallets pay nothing smaller. */
function countedMsat(tx: Transactor, invoiceId: string): number {
  const invoice = tx.get(tables.invoices, [invoiceId])
  if (invoice === undefined) throw new Error(`a wallet is to pay ${invoiceId}, which is no invoice`)
  return wholeSatoshis(invoice.amountMsat)
}

function fail(
  tx: Transactor,
  context: Context,
  invoiceId: string,
  payment: WalletPayment,
  status: 'failed' | 'unknown',
  code: string,
): void {
  put(tx, invoiceId, { ...payment, status, code })
  const { commandId, renewal, account } = payment
  if (commandId !== null) resolvePending(tx, context, commandId, rejectionOf(code))
  if (renewal !== null && !isFulfilled(tx, invoiceId))
    tellRenewalFailed(tx, context, account, renewal, code, rejectionOf(code).message)
}

/** Whether what an invoice is for was paid otherwise, before a wallet did. */
function isFulfilled(tx: Transactor, invoiceId: string): boolean {
  const orderId = tx.get(tables.invoices, [invoiceId])?.orderId
  return orderId !== undefined && tx.get(tables.orders, [orderId])?.status === 'fulfilled'
}

/** Tells the owner of a name why it was not renewed by itself. */
export function tellRenewalFailed(
  tx: Transactor,
  context: Context,
  to: string,
  identifier: string,
  code: string,
  reason: string,
): void {
  const { domain, name } = splitIdentifier(identifier)
  const about = tx.get(tables.renewals, [domain, name])?.commandId ?? null
  context.emit({ kind: 'notice', type: 'renewal.failed', to, about, body: { identifier, code, reason } })
}

function rejectionOf(code: string) {
  if (code === 'UNKNOWN') return outcomeUnknown('your wallet')
  if (code === 'UNREACHABLE') {
    return reject('PAYMENT_UNAVAILABLE', 'your wallet cannot be reached; nothing was asked of it')
  }
  const reason = reasons[code]
  return reject(
    'PAYMENT_FAILED',
    reason === undefined ? 'your wallet did not pay' : `your wallet did not pay: ${reason}`,
    {
      code,
    },
  )
}

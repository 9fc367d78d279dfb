import { z } from 'zod'
import { parseBolt11 } from '../../protocol/bolt11.ts'
import { type Rejection, reject } from '../../rejections.ts'
import type { Settings } from '../../store/settings-row.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef } from '../context.ts'
import { enqueueJob } from '../jobs.ts'
import { list } from '../listing.ts'
import { balanceOf, customerAccount, feesAccount, post, walletAccount, withdrawalsAccount } from './ledger.ts'

export type Withdrawal = RowOf<'withdrawals'>

/** What became of paying an invoice for a customer. */
export const paymentOutcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('paid'), preimage: z.string().max(64), feeMsat: z.int().min(0) }),
  z.strictObject({ status: z.literal('failed'), reason: z.string().max(256) }),
])

/** A payment needs some time on its way: of an invoice that expires sooner nobody would know what became. */
const leastSecondsLeft = 30

/** What a withdrawal looks like to its customer. */
export function presentWithdrawal(withdrawalId: string, withdrawal: Withdrawal): object {
  const { account: _, ...shown } = withdrawal
  return { id: withdrawalId, ...shown }
}

/**
 * Takes the amount and the most that the fee may be from the author's balance, and asks the wallet to pay. What is refused
 * changed nothing.
 */
export function withdraw(
  tx: Transactor,
  context: Context,
  wanted: { bolt11: string; maxFeeMsat: number | undefined },
): { withdrawalId: string; withdrawal: Withdrawal } | Rejection {
  const { settings, author, time } = context
  const invoice = parseBolt11(wanted.bolt11)
  if (invoice === null) return reject('PAYMENT_FAILED', 'this is no Lightning invoice')
  const { amountMsat, paymentHash, expiresAt } = invoice
  if (invoice.currency !== settings.payments.currency) {
    return reject('PAYMENT_FAILED', `this invoice is for another network (ln${invoice.currency})`)
  }
  if (amountMsat === null) return reject('PAYMENT_FAILED', 'this invoice names no amount')
  if (expiresAt < time + leastSecondsLeft) return reject('INVOICE_EXPIRED', 'the invoice has expired, or is about to')
  const conflict = conflictOf(tx, paymentHash)
  if (conflict !== null) return conflict

  const reserveMsat = wanted.maxFeeMsat ?? feeReserveMsat(settings, amountMsat)
  const account = customerAccount(author)
  const balanceMsat = balanceOf(tx, account)
  if (balanceMsat < amountMsat + reserveMsat) {
    return reject('INSUFFICIENT_BALANCE', 'the balance does not cover the amount and what the fee may be', {
      balanceMsat,
      amountMsat,
      maxFeeMsat: reserveMsat,
    })
  }
  const withdrawalId = deriveRef(context, 'withdrawal')
  const { bolt11 } = wanted
  const withdrawal: Withdrawal = {
    status: 'paying',
    account: author,
    bolt11,
    paymentHash,
    amountMsat,
    maxFeeMsat: reserveMsat,
    feeMsat: null,
    preimage: null,
    reason: null,
    createdAt: time,
    expiresAt,
  }
  tx.put(tables.withdrawals, [withdrawalId], withdrawal)
  tx.put(tables.withdrawalsByHash, [paymentHash], { withdrawalId })
  list(tx, author, 'withdrawal', { time, id: withdrawalId })
  move(tx, context, withdrawalId, account, withdrawalsAccount, amountMsat + reserveMsat, 'withdrawal')
  const payload = { withdrawalId, bolt11, paymentHash, maxFeeMsat: reserveMsat, expiresAt }
  enqueueJob(tx, context, { type: 'pay-invoice', payload })
  return { withdrawalId, withdrawal }
}

/** Books what became of a withdrawal, once: what was not spent is the customer's again. */
export function endWithdrawal(
  tx: Transactor,
  context: Context,
  withdrawalId: string,
  outcome: z.output<typeof paymentOutcome>,
): void {
  const withdrawal = tx.get(tables.withdrawals, [withdrawalId])
  if (withdrawal === undefined) throw new Error(`no withdrawal ${withdrawalId} was asked for`)
  if (withdrawal.status !== 'paying') return
  const { account, amountMsat, maxFeeMsat } = withdrawal
  const isPaid = outcome.status === 'paid'
  const spentMsat = isPaid ? amountMsat + outcome.feeMsat : 0
  const backMsat = amountMsat + maxFeeMsat - spentMsat
  // A wallet that paid more than it was allowed has spent the operator's money, not the customer's.
  const coveredMsat = Math.max(0, -backMsat)
  if (spentMsat > 0) move(tx, context, withdrawalId, withdrawalsAccount, walletAccount, spentMsat - coveredMsat, 'paid')
  if (coveredMsat > 0) move(tx, context, withdrawalId, feesAccount, walletAccount, coveredMsat, 'fee over the limit')
  if (backMsat > 0) move(tx, context, withdrawalId, withdrawalsAccount, customerAccount(account), backMsat, 'not spent')
  const ended: Withdrawal = isPaid
    ? { ...withdrawal, status: 'paid', feeMsat: outcome.feeMsat, preimage: outcome.preimage }
    : { ...withdrawal, status: 'failed', reason: outcome.reason }
  tx.put(tables.withdrawals, [withdrawalId], ended)
  const body = { withdrawal: presentWithdrawal(withdrawalId, ended) }
  context.emit({ kind: 'notice', type: `withdrawal.${ended.status}`, to: account, about: null, body })
}

/** The most that a fee may be when the customer does not say. */
function feeReserveMsat({ payments }: Settings, amountMsat: number): number {
  return Math.max(payments.minFeeMsat, Math.ceil((amountMsat / 1_000_000) * payments.feePpm))
}

/** An invoice is paid once; one of ours is paid on the books. */
function conflictOf(reader: Reader, paymentHash: string): Rejection | null {
  if (reader.has(tables.invoicesByHash, [paymentHash])) {
    return reject('CONFLICT', 'this invoice is one of this service: it can be paid with invoice.pay')
  }
  const before = reader.get(tables.withdrawalsByHash, [paymentHash])?.withdrawalId
  if (before === undefined || reader.get(tables.withdrawals, [before])?.status === 'failed') return null
  return reject('ALREADY_PAID', 'this invoice has been paid, or is being paid')
}

function move(
  tx: Transactor,
  context: Context,
  withdrawalId: string,
  debit: string,
  credit: string,
  amountMsat: number,
  reason: string,
): void {
  post(tx, context, { debit, credit, amountMsat, reason: `${reason}:${withdrawalId}`, orderId: null })
}

import { tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'
import { type Context, deriveRef } from '../context.ts'
import { list, type Place } from '../listing.ts'
import { msat } from './money.ts'

/**
 * Double-entry money. A posting moves an amount from the account it debits to the account it credits; balances are
 * credits minus debits, so their sum over all accounts is always zero and what customers own is positive.
 */

/** What the Lightning wallet has taken in: negative, as everybody else's claim on it. */
export const walletAccount = 'wallet'

/** What customers have set aside for orders whose rest they pay by invoice. */
export const reservedAccount = 'reserved'

/** What rewards for bringing customers have cost. */
export const referralsAccount = 'referrals'

/** What is on its way out to customers' own wallets. */
export const withdrawalsAccount = 'withdrawals'

/** What the operator has spent on payments that cost more than they were allowed to. */
export const feesAccount = 'fees'

/** What has been earned. */
export const revenueAccount = 'revenue'

const customerPrefix = 'customer:'

/** The ledger account of what a customer has prepaid or been credited. */
export function customerAccount(publicKey: string): string {
  return customerPrefix + publicKey
}

/** The balance of a ledger account in millisatoshi. */
export function balanceOf(reader: Reader, account: string): number {
  return reader.get(tables.balances, [account])?.msat ?? 0
}

/** Moves money. Throws when a customer would owe us: callers check the balance first. */
export function post(
  tx: Transactor,
  context: Pick<Context, 'time' | 'commandId'>,
  posting: { debit: string; credit: string; amountMsat: number; reason: string; orderId: string | null },
): void {
  const { debit, credit, reason, orderId } = posting
  const amountMsat = msat(posting.amountMsat)
  const id = deriveRef(context, `posting:${reason}:${orderId ?? ''}`)
  if (tx.has(tables.postings, [id])) throw new Error(`posting ${reason} stands twice in one command`)
  tx.put(tables.postings, [id], { debit, credit, amountMsat, time: context.time, reason, orderId })
  for (const account of [debit, credit]) listPosting(tx, account, { time: context.time, id })
  adjust(tx, debit, -amountMsat)
  adjust(tx, credit, amountMsat)
}

/** A customer's postings are listed; wallet and revenue take part in nearly all, which stand in order of time by themselves. */
function listPosting(tx: Transactor, account: string, place: Place): void {
  if (account.startsWith(customerPrefix)) list(tx, account.slice(customerPrefix.length), 'posting', place)
}

function adjust(tx: Transactor, account: string, changeMsat: number): void {
  const msatAfter = balanceOf(tx, account) + changeMsat
  if (!Number.isSafeInteger(msatAfter)) throw new Error(`balance of ${account} left the safe integers`)
  if (msatAfter < 0 && account.startsWith(customerPrefix)) throw new Error(`${account} would be overdrawn`)
  tx.put(tables.balances, [account], { msat: msatAfter })
}

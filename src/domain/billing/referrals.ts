import { createHash } from 'node:crypto'
import { tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { customerAccount, post, referralsAccount } from './ledger.ts'
import type { Order } from './orders.ts'

/** Crockford's base 32: no letter that is taken for another. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const codeLength = 8

/** The code that an account gives to others, made on first use; it follows from the key, so a replay makes the same. */
export function referralCodeOf(tx: Transactor, account: string): string {
  const known = tx.get(tables.referrers, [account])
  if (known !== undefined) return known.code
  for (let attempt = 0; ; attempt++) {
    const code = codeFrom(`${account}:${attempt}`)
    if (tx.has(tables.referralCodes, [code])) continue
    tx.put(tables.referralCodes, [code], { account })
    tx.put(tables.referrers, [account], { code, pending: 0, converted: 0, earnedMsat: 0 })
    return code
  }
}

/** Remembers who brought an account. The caller has found nothing against it. */
export function addReferral(tx: Transactor, context: Context, referrer: string): void {
  tx.put(tables.referrals, [context.author], {
    referrer,
    status: 'pending',
    createdAt: context.time,
    convertedAt: null,
    rewardMsat: 0,
  })
  count(tx, referrer, { pending: 1, converted: 0, earnedMsat: 0 })
}

/** Whether an account has bought something: who is known already cannot be brought by anybody. */
export function hasBought(reader: Reader, account: string): boolean {
  return reader.has(tables.buyers, [account])
}

/** An account has bought something. The first time, whoever brought it gets a part of the price, once. */
export function countPurchase(tx: Transactor, context: Context, orderId: string, { account, totalMsat }: Order): void {
  if (totalMsat === 0 || hasBought(tx, account)) return
  tx.put(tables.buyers, [account], { since: context.time })
  const referral = tx.get(tables.referrals, [account])
  if (referral === undefined) return
  const { referrer } = referral
  const { rewardPercent, maxRewardMsat } = context.settings.referrals
  const rewardMsat = Math.min(maxRewardMsat, Math.floor((totalMsat / 100) * rewardPercent))
  tx.put(tables.referrals, [account], { ...referral, status: 'converted', convertedAt: context.time, rewardMsat })
  count(tx, referrer, { pending: -1, converted: 1, earnedMsat: rewardMsat })
  if (rewardMsat > 0) {
    const credit = customerAccount(referrer)
    post(tx, context, { debit: referralsAccount, credit, amountMsat: rewardMsat, reason: 'referral', orderId })
  }
  context.emit({ kind: 'notice', type: 'referral.converted', to: referrer, about: null, body: { rewardMsat } })
}

function count(
  tx: Transactor,
  account: string,
  change: { pending: number; converted: number; earnedMsat: number },
): void {
  const row = tx.get(tables.referrers, [account])
  if (row === undefined) throw new Error(`${account} refers without a code`)
  tx.put(tables.referrers, [account], {
    code: row.code,
    pending: row.pending + change.pending,
    converted: row.converted + change.converted,
    earnedMsat: row.earnedMsat + change.earnedMsat,
  })
}

function codeFrom(text: string): string {
  const bytes = createHash('sha256').update(`referral:${text}`).digest()
  return Array.from(bytes.subarray(0, codeLength), byte => alphabet[byte % alphabet.length]).join('')
}

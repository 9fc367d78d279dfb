import { z } from 'zod'
import { fiatRow } from './settings-row.ts'
import { defineTable } from './table.ts'

const int = z.int()
const text = z.string()
const nothing = z.object({})

/** One line of a price, as shown in a quote and kept on the order; `fiat` is what it was converted from. */
const lineRow = z.object({ description: text, amountMsat: int, fiat: fiatRow.nullable() })

/** What one bitcoin costs in units of a currency, as a decimal, who says so, and when. */
const rateFields = { perBitcoin: text, sources: z.array(text), observedAt: int }

/** Something being bought: `sellable` names who quotes and fulfils it, `params` is what that one needs. */
const itemRow = z.object({ sellable: text, params: z.unknown(), lines: z.array(lineRow), totalMsat: int })

/** What orders, invoices, payments and the ledger are kept in. */
export const moneyTables = {
  /** order id → order. */
  orders: defineTable({
    name: 'orders',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['held', 'invoiced', 'accepted', 'fulfilled', 'credited', 'expired', 'cancelled', 'refunded']),
      account: text,
      commandId: text,
      items: z.array(itemRow),
      totalMsat: int,
      createdAt: int,
      invoiceId: text.nullable(),
      /** Whether its things were set aside for it; otherwise it races with other orders. */
      held: z.boolean(),
      coupon: text.nullable(),
      /** The part of the price that the balance pays; the invoice is for the rest. */
      creditMsat: int,
      /** By which its price was converted, once for all; none when nothing in it is priced in a currency. */
      rates: z.array(z.object({ currency: text, ...rateFields })),
      fulfilledAt: int.nullable(),
      /** The part of the price that has come by its invoice; the rest has come from the balance. */
      invoicedMsat: int,
      /** The Lightning address that gets what is paid in vain or given back; without one that stays on the balance. */
      refundTo: text.nullable(),
    }),
  }),
  /** currency → the last exchange rate that was observed. */
  rates: defineTable({ name: 'rates', mark: 'fold', key: ['text'], row: z.object(rateFields) }),
  /** coupon, account or '' for all → in how many orders it is used that are paid, or whose payment is being taken. */
  couponUses: defineTable({ name: 'coupon-uses', mark: 'fold', key: ['text', 'text'], row: z.object({ count: int }) }),
  /** code → whose it is. */
  referralCodes: defineTable({ name: 'referral-codes', mark: 'fold', key: ['text'], row: z.object({ account: text }) }),
  /** account → its code, and what came of it. */
  referrers: defineTable({
    name: 'referrers',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ code: text, pending: int, converted: int, earnedMsat: int }),
  }),
  /** account → who brought it, and whether it has bought something since. */
  referrals: defineTable({
    name: 'referrals',
    mark: 'fold',
    key: ['hash'],
    row: z.object({
      referrer: text,
      status: z.enum(['pending', 'converted']),
      createdAt: int,
      convertedAt: int.nullable(),
      rewardMsat: int,
    }),
  }),
  /** account → when it first bought something. */
  buyers: defineTable({ name: 'buyers', mark: 'fold', key: ['hash'], row: z.object({ since: int }) }),
  /** invoice id → invoice; kept for ever, whatever becomes of it. */
  invoices: defineTable({
    name: 'invoices',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['requested', 'open', 'accepted', 'settled', 'expired', 'cancelled', 'failed']),
      orderId: text,
      account: text,
      amountMsat: int,
      createdAt: int,
      bolt11: text.nullable(),
      paymentHash: text.nullable(),
      expiresAt: int.nullable(),
      receivedMsat: int.nullable(),
      settledAt: int.nullable(),
      /** Whether its payment waits until we take it. */
      hold: z.boolean(),
      /** The part of the price that the balance pays beside it. */
      creditMsat: int,
      /** The invoice of the same order whose place it takes once it is made, and the command that wants that. */
      replaces: z.object({ invoiceId: text, commandId: text }).nullable(),
    }),
  }),
  /** payment hash → invoice. */
  invoicesByHash: defineTable({
    name: 'invoices-by-hash',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ invoiceId: text }),
  }),
  /** expiry, invoice id: not settled as far as we know. */
  unsettledInvoices: defineTable({ name: 'unsettled-invoices', mark: 'fold', key: ['uint', 'ref'], row: nothing }),
  /** backend name → cursor of its settlements, moved by the facts that carry them. */
  walletCursors: defineTable({
    name: 'wallet-cursors',
    mark: 'fold',
    key: ['text'],
    row: z.object({ cursor: text }),
  }),
  /** withdrawal id → an invoice paid for a customer; kept for ever. Of an address, the invoice is not known while `resolving`. */
  withdrawals: defineTable({
    name: 'withdrawals',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['resolving', 'paying', 'paid', 'failed']),
      account: text,
      bolt11: text.nullable(),
      paymentHash: text.nullable(),
      amountMsat: int,
      maxFeeMsat: int,
      feeMsat: int.nullable(),
      preimage: text.nullable(),
      reason: text.nullable(),
      createdAt: int,
      expiresAt: int.nullable(),
      /** Where the invoice comes from, unless the customer gave it. */
      lightningAddress: text.nullable(),
      /** The order whose refund this is. */
      orderId: text.nullable(),
    }),
  }),
  /** payment hash → the withdrawal that pays it, the latest if others have failed. */
  withdrawalsByHash: defineTable({
    name: 'withdrawals-by-hash',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ withdrawalId: text }),
  }),
  /**
   * invoice id → how its customer's own wallet pays it: the last try. `planned`: once the invoice is made; `unknown`: that wallet
   * has been asked and never said what became of it. Whether the invoice is paid only the invoice says.
   */
  walletPayments: defineTable({
    name: 'wallet-payments',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['planned', 'paying', 'paid', 'failed', 'unknown']),
      account: text,
      handle: text,
      /** The command that waits for its result; `null` for a renewal. */
      commandId: text.nullable(),
      /** The name that is being renewed. */
      renewal: text.nullable(),
      code: text.nullable(),
      /** When the period began in whose budget a renewal is counted. */
      budgetSince: int.nullable(),
    }),
  }),
  /** account, handle of a wallet connection → what it may spend on renewals in so many days, and has in the period since. */
  walletBudgets: defineTable({
    name: 'wallet-budgets',
    mark: 'fold',
    key: ['hash', 'ref'],
    row: z.object({ budgetMsat: int, days: int, since: int, usedMsat: int }),
  }),
  /** account → how many of its withdrawals are `resolving` or `paying`, and how many invoices its own wallet is `paying`. */
  paymentCounts: defineTable({
    name: 'payment-counts',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ withdrawals: int, byWallet: int }),
  }),
  /** domain, name → how its owner has it renewed by itself, for at most how much a year. */
  renewals: defineTable({
    name: 'renewals',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({
      owner: text,
      commandId: text,
      /** Of the wallet; `null`: from the balance. */
      handle: text.nullable(),
      maxMsat: int,
      nextTryAt: int,
    }),
  }),
  /** domain, name → the order that was last placed to renew it, whoever had it: a wallet may be paying it still. */
  renewalOrders: defineTable({
    name: 'renewal-orders',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({ orderId: text }),
  }),
  /** backend name, time → what the wallet had then, and what it should have had. */
  reconciliations: defineTable({
    name: 'reconciliations',
    mark: 'fold',
    key: ['text', 'uint'],
    row: z.object({
      balanceMsat: int,
      ledgerMsat: int,
      underWayMsat: int,
      changeMsat: int,
      unbookedMinMsat: int,
      unbookedMaxMsat: int,
      arrivedMsat: int,
    }),
  }),
  /** posting id → one movement of money; never changed. */
  postings: defineTable({
    name: 'postings',
    mark: 'fold',
    key: ['ref'],
    row: z.object({ debit: text, credit: text, amountMsat: int, time: int, reason: text, orderId: text.nullable() }),
  }),
  /** ledger account → balance; the sum over all accounts is zero. */
  balances: defineTable({ name: 'balances', mark: 'fold', key: ['text'], row: z.object({ msat: int }) }),
} as const

export type Line = z.infer<typeof lineRow>
export type Item = z.infer<typeof itemRow>

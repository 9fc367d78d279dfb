import { z } from 'zod'
import { relayDatabaseNames } from '../../relay/store/databases.ts'
import { defineTable, type TableMark } from './table.ts'

/**
 * Every database of the environment and its key, in one place. The relay's own come from `relay/databases.ts`, where
 * their keys are told, and are `local`, since what they hold is a view. Rows are stored by `row-codec.ts` with the fields in this order,
 * so a field is appended, never moved, and a change of shape is a migration.
 */

const int = z.int()
const text = z.string()
const nothing = z.object({})

const price = { basePriceMsat: int, pricePerCharMsat: int }

/** A typed value of an identifier, as `protocol/records.ts` lets it in. */
export const recordRow = z.object({
  type: z.enum(['NOSTR', 'CNAME', 'URL', 'TXT']),
  value: text,
  priority: int,
  ttlSeconds: int,
})

/** What handlers depend on besides the tables; enters the log as `config.applied`. */
export const settingsRow = z.object({
  operators: z.array(text),
  staff: z.array(text),
  suspended: z.array(text),
  websocketUrl: text,
  domains: z.array(z.object({ name: text, ...price, ttlSeconds: int, open: z.boolean() })),
  orders: z.object({
    invoiceExpirySeconds: int,
    holdSlackSeconds: int,
    commandDeadlineSeconds: int,
    unpaidHoldsPerAccount: int,
    unpaidHoldsTotal: int,
    lapsedHoldSeconds: int,
  }),
  identifiers: z.object({ minLength: int, maxLength: int, graceDays: int, noticeDays: int, reserved: z.array(text) }),
  /** `currency`: as invoices of the network begin, after `ln`. The rest: what a payment's fee may be, if its customer does not say. */
  payments: z.object({ currency: text, feePpm: int, minFeeMsat: int }),
  /** What else is sold, which the operator hands over. */
  items: z.array(z.object({ id: text, description: text, priceMsat: int })),
  /** What who brings a customer gets of the first purchase. */
  referrals: z.object({ rewardPercent: int, maxRewardMsat: int }),
  /** Either `percent` or `amountMsat` off what is one of `items`, which are kinds of sellables. */
  coupons: z.array(
    z.object({
      code: text,
      percent: int.nullable(),
      amountMsat: int.nullable(),
      validFrom: int,
      validUntil: int,
      maxUses: int.nullable(),
      usesPerAccount: int,
      items: z.array(text),
    }),
  ),
})

/** One line of a price, as shown in a quote and kept on the order. */
const lineRow = z.object({ description: text, amountMsat: int })

/** Something being bought: `sellable` names who quotes and fulfils it, `params` is what that one needs. */
const itemRow = z.object({ sellable: text, params: z.unknown(), lines: z.array(lineRow), totalMsat: int })

export const tables = {
  /** seq → entry; the truth (see `log.ts` for the bytes). */
  log: defineTable({ name: 'log', mark: 'log', key: ['uint'], row: z.unknown() }),

  /** 'current' → the settings last applied. */
  settings: defineTable({ name: 'settings', mark: 'fold', key: ['text'], row: settingsRow }),
  /** dedupe key → log entry of the fact that used it. */
  factKeys: defineTable({ name: 'fact-keys', mark: 'fold', key: ['text'], row: z.object({ seq: int }) }),
  /** command id → its outcome; `pending` until a fact brings the result. */
  outcomes: defineTable({
    name: 'outcomes',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ seq: int, status: z.enum(['pending', 'ok', 'payment-required', 'error']) }),
  }),
  /** command id → who waits for its result, and for which order. */
  pendingCommands: defineTable({
    name: 'pending-commands',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ author: text, method: text, orderId: text.nullable() }),
  }),
  /** time, kind, id → something is due then. */
  due: defineTable({ name: 'due', mark: 'fold', key: ['uint', 'text', 'text'], row: nothing }),
  /** job id → work asked for and not yet reported done. */
  jobs: defineTable({
    name: 'jobs',
    mark: 'fold',
    key: ['ref'],
    row: z.object({ type: text, payload: z.unknown(), createdAt: int }),
  }),
  /** name → the next number of a sequence. */
  counters: defineTable({ name: 'counters', mark: 'fold', key: ['text'], row: z.object({ value: int }) }),

  /** key → account, made by its first accepted command. */
  accounts: defineTable({ name: 'accounts', mark: 'fold', key: ['hash'], row: z.object({ createdAt: int }) }),
  /**
   * account, what, time, id: what an account has. Names (at time 0, as `alice@example.com`), orders, postings, tickets, withdrawals
   * in one table, so that what a command adds for its author stands on one page.
   */
  byAccount: defineTable({ name: 'by-account', mark: 'fold', key: ['hash', 'text', 'uint', 'text'], row: nothing }),
  /** domain → its price policy. */
  domains: defineTable({
    name: 'domains',
    mark: 'fold',
    key: ['text'],
    row: z.object({ ...price, ttlSeconds: int, open: z.boolean(), createdAt: int }),
  }),
  /** domain, name → identifier. */
  identifiers: defineTable({
    name: 'identifiers',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({
      status: z.enum(['active', 'grace']),
      owner: text,
      since: int,
      expiresAt: int,
      version: int,
      relays: z.array(text),
      records: z.array(recordRow),
      /** `created_at` of its newest event, so that the next is newer. */
      publishedAt: int,
    }),
  }),
  /** domain, name → `created_at` of the event that released it, until it is somebody's again. */
  released: defineTable({
    name: 'released',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({ publishedAt: int }),
  }),
  /** domain, name → which order holds it, until when at most, and whether unpaid: otherwise its payment is being taken. */
  holds: defineTable({
    name: 'holds',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({ orderId: text, account: text, until: int, unpaid: z.boolean() }),
  }),
  /** domain, name → until when it cannot be held unpaid again. */
  lapsedHolds: defineTable({
    name: 'lapsed-holds',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({ until: int }),
  }),
  /** account key or 'total' → unpaid holds at the moment. */
  holdCounts: defineTable({ name: 'hold-counts', mark: 'fold', key: ['text'], row: z.object({ count: int }) }),
  /** domain, name → reservation. */
  reservations: defineTable({
    name: 'reservations',
    mark: 'fold',
    key: ['text', 'text'],
    row: z.object({ reason: text, priceMsat: int.nullable(), reservedFor: text.nullable(), createdAt: int }),
  }),

  /** order id → order. */
  orders: defineTable({
    name: 'orders',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['held', 'invoiced', 'accepted', 'fulfilled', 'credited', 'expired', 'cancelled']),
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
    }),
  }),
  /** coupon, account or '' for all → in how many orders it is used that are paid or may yet be. */
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
  /** withdrawal id → an invoice paid for a customer; kept for ever. */
  withdrawals: defineTable({
    name: 'withdrawals',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['paying', 'paid', 'failed']),
      account: text,
      bolt11: text,
      paymentHash: text,
      amountMsat: int,
      maxFeeMsat: int,
      feeMsat: int.nullable(),
      preimage: text.nullable(),
      reason: text.nullable(),
      createdAt: int,
      expiresAt: int,
    }),
  }),
  /** payment hash → the withdrawal that pays it, the latest if others have failed. */
  withdrawalsByHash: defineTable({
    name: 'withdrawals-by-hash',
    mark: 'fold',
    key: ['hash'],
    row: z.object({ withdrawalId: text }),
  }),
  /** backend name, time → what the wallet had then, and what it should have had. */
  reconciliations: defineTable({
    name: 'reconciliations',
    mark: 'fold',
    key: ['text', 'uint'],
    row: z.object({ balanceMsat: int, ledgerMsat: int, underWayMsat: int, changeMsat: int }),
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

  /** ticket id → ticket. */
  tickets: defineTable({
    name: 'tickets',
    mark: 'fold',
    key: ['ref'],
    row: z.object({
      status: z.enum(['open', 'answered', 'closed']),
      number: int,
      account: text,
      subject: text,
      category: text,
      priority: text,
      createdAt: int,
      updatedAt: int,
      messages: int,
    }),
  }),
  /** status, number, ticket id: the queue that staff works on. */
  ticketsByStatus: defineTable({
    name: 'tickets-by-status',
    mark: 'fold',
    key: ['text', 'uint', 'ref'],
    row: nothing,
  }),
  /** ticket id, number → message. */
  ticketMessages: defineTable({
    name: 'ticket-messages',
    mark: 'fold',
    key: ['ref', 'uint'],
    row: z.object({ author: text, fromStaff: z.boolean(), content: text, time: int }),
  }),

  /** 'schema' → version of the shapes in this file; 'heartbeat' → when the service last ran; 'refusals' → how many are kept; 'outbound' → the last number there. */
  local: defineTable({ name: 'local', mark: 'local', key: ['text'], row: z.object({ value: int }) }),
  /** withdrawal id: the wallet has been asked to pay it, and is not asked again. */
  askedPayments: defineTable({ name: 'asked-payments', mark: 'local', key: ['ref'], row: nothing }),
  /** command id → its signed refusal, kept longer than a command can be resent. */
  refusals: defineTable({
    name: 'refusals',
    mark: 'local',
    key: ['hash'],
    row: z.object({ expiresAt: int, author: text, code: text }),
  }),
  /** expiry, command id */
  refusalsByExpiry: defineTable({
    name: 'refusals-by-expiry',
    mark: 'local',
    key: ['uint', 'hash'],
    row: nothing,
  }),
  /** relay (none as long as its relays are to be found), number → an event of ours on its way there, and since when. */
  outbound: defineTable({
    name: 'outbound',
    mark: 'local',
    key: ['text', 'uint'],
    row: z.object({ eventId: text, at: int }),
  }),
  /** relay → until when what it has for us was seen (0: never), and how much of ours waits for it. */
  bridgeRelays: defineTable({
    name: 'bridge-relays',
    mark: 'local',
    key: ['text'],
    row: z.object({ seenUntil: int, queued: int }),
  }),
  /** account → where it reads (NIP-65), as other relays have it, and the `created_at` of that list. */
  relayLists: defineTable({
    name: 'relay-lists',
    mark: 'local',
    key: ['hash'],
    row: z.object({ createdAt: int, relays: z.array(text) }),
  }),
} as const

/** Every database there is, by name and mark; the relay's stand behind ours. */
export const databases: readonly { name: string; mark: TableMark }[] = [
  ...Object.values(tables),
  ...Object.values(relayDatabaseNames).map(name => ({ name, mark: 'local' as const })),
]

export type Settings = z.infer<typeof settingsRow>
export type Record = z.infer<typeof recordRow>
export type Line = z.infer<typeof lineRow>
export type Item = z.infer<typeof itemRow>
/** The row type of a table. */
export type RowOf<Name extends keyof typeof tables> = ReturnType<(typeof tables)[Name]['codec']['decode']>

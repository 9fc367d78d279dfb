import { z } from 'zod'
import { relayDatabaseNames } from '../../relay/store/databases.ts'
import { moneyTables } from './money-tables.ts'
import { fiatPriceRow, priceFields, settingsRow } from './settings-row.ts'
import { defineTable, type TableMark } from './table.ts'

/**
 * Every database of the environment and its key, in one place. The relay's own come from `relay/databases.ts`, where
 * their keys are told, and are `local`, since what they hold is a view. Rows are stored by `row-codec.ts` with the fields in this order,
 * so a field is appended, never moved, and a change of shape is a migration.
 */

const int = z.int()
const text = z.string()
const nothing = z.object({})

/** A typed value of an identifier, as `protocol/records.ts` lets it in. */
export const recordRow = z.object({
  type: z.enum(['NOSTR', 'CNAME', 'URL', 'TXT']),
  value: text,
  priority: int,
  ttlSeconds: int,
})

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
   * account, what, time, id: what an account has. Names and their renewals (at time 0, as `alice@example.com`), orders, postings, tickets, withdrawals
   * in one table, so that what a command adds for its author stands on one page.
   */
  byAccount: defineTable({ name: 'by-account', mark: 'fold', key: ['hash', 'text', 'uint', 'text'], row: nothing }),
  /** domain → its price policy. */
  domains: defineTable({
    name: 'domains',
    mark: 'fold',
    key: ['text'],
    row: z.object({
      ...priceFields,
      ttlSeconds: int,
      open: z.boolean(),
      createdAt: int,
      fiat: fiatPriceRow.nullable(),
    }),
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

  ...moneyTables,

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
  /** Withdrawal id, or id of a job that has a customer's wallet pay: that wallet has been asked, and is not asked again. */
  askedPayments: defineTable({ name: 'asked-payments', mark: 'local', key: ['ref'], row: z.object({ wallet: text }) }),
  /** account → the key of its secrets, itself encrypted with the key of all such keys. */
  secretKeys: defineTable({
    name: 'secret-keys',
    mark: 'local',
    key: ['hash'],
    row: z.object({ sealed: text, createdAt: int }),
  }),
  /** account, handle → a secret, encrypted; of one that was erased nothing but its place, until `goneAt`. */
  secrets: defineTable({
    name: 'secrets',
    mark: 'local',
    key: ['hash', 'ref'],
    row: z.object({ kind: text, label: text, createdAt: int, sealed: text.nullable(), goneAt: int.nullable() }),
  }),
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

export type Record = z.infer<typeof recordRow>
/** The row type of a table. */
export type RowOf<Name extends keyof typeof tables> = ReturnType<(typeof tables)[Name]['codec']['decode']>

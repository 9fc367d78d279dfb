import { z } from 'zod'
import { publicKey, ref, time } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { isOperator } from '../context.ts'
import { listed } from '../listing.ts'
import { defineQuery } from '../method.ts'
import { fitPage } from '../page.ts'
import { customerAccount } from './ledger.ts'

const transaction = z.object({
  id: ref,
  time,
  debit: z.string(),
  credit: z.string(),
  amountMsat: z.int(),
  reason: z.string(),
  orderId: ref.nullable(),
})
type Transaction = z.output<typeof transaction>

const columns = ['id', 'time', 'debit', 'credit', 'amountMsat', 'reason', 'orderId'] as const

export const transactionList = defineQuery({
  name: 'transaction.list',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary:
    'Every movement of money of the caller, oldest first, a page at a time, as JSON or CSV; operators see those of any account, or all.',
  params: z.strictObject({
    /** Another's, for operators; `all` accounts together. */
    account: z.union([z.literal('all'), publicKey]).optional(),
    limit: z.int().min(1).max(500).default(100),
    /** The `next` of the page before. */
    after: ref.optional(),
    format: z.enum(['json', 'csv']).default('json'),
  }),
  result: z.object({
    transactions: z.array(transaction).optional(),
    csv: z.string().optional(),
    next: z.string().nullable(),
  }),
  answer: ({ account, limit, after, format }, reader, { author, settings }) => {
    const whose = account ?? author
    if (whose !== author && !isOperator(settings, author)) {
      return reject('UNAUTHORIZED', 'these transactions belong to another account')
    }
    const found = (whose === 'all' ? idsOfAll : idsOf(whose))(reader, limit + 1, after).map(id => read(reader, id))
    const { page, hasMore } = fitPage(found, limit)
    const next = hasMore ? (page.at(-1)?.id ?? null) : null
    return format === 'csv' ? { csv: toCsv(page), next } : { transactions: page, next }
  },
})

function idsOfAll(reader: Reader, limit: number, after: string | undefined): string[] {
  return reader
    .range(tables.postings, [], { limit, ...(after === undefined ? {} : { after: [after] }) })
    .map(({ key: [id] }) => id)
}

function idsOf(account: string) {
  return (reader: Reader, limit: number, after: string | undefined): string[] => {
    const posting = after === undefined ? undefined : reader.get(tables.postings, [after])
    const isTheirs = posting?.debit === customerAccount(account) || posting?.credit === customerAccount(account)
    // A page begins after what is theirs; of another's posting nothing is told, not even its time.
    if (after !== undefined && !(posting !== undefined && isTheirs)) return []
    const from = posting === undefined || after === undefined ? {} : { after: { time: posting.time, id: after } }
    return listed(reader, account, 'posting', { limit, ...from })
  }
}

function read(reader: Reader, id: string): Transaction {
  const posting = reader.get(tables.postings, [id])
  if (posting === undefined) throw new Error(`posting ${id} is listed but missing`)
  return { id, ...posting }
}

/** RFC 4180, with a header in every page, so that each can be read alone. */
function toCsv(rows: readonly Transaction[]): string {
  const lines = rows.map(row => columns.map(column => field(row[column])).join(','))
  return [columns.join(','), ...lines].map(line => `${line}\r\n`).join('')
}

function field(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

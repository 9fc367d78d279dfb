import { z } from 'zod'
import { page, ref } from '../../protocol/fields.ts'
import { isRejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { deriveRef, isStaff, ok } from '../context.ts'
import { list, listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { fitPage } from '../page.ts'
import { appendMessage, notifyOthers, presentTicket, putTicket, type Ticket, visibleTicket } from './tickets.ts'

const isPrintable = (value: string) => !/[^\P{Cc}\t\n\r]|\p{Cs}/u.test(value)
const subject = z.string().min(1).max(200).refine(isPrintable, 'text without control characters')
const content = z.string().min(1).max(16_384).refine(isPrintable, 'text without control characters')
const status = z.enum(['open', 'answered', 'closed'])
const view = z.looseObject({ id: ref, number: z.int(), status, subject: z.string() })
const messageView = z.object({ author: z.string(), fromStaff: z.boolean(), content: z.string(), time: z.int() })

export const ticketOpen = defineCommand({
  name: 'ticket.open',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary: 'Asks the support staff something.',
  params: z.strictObject({
    subject,
    content,
    category: z.enum(['general', 'billing', 'technical', 'abuse']).default('general'),
    priority: z.enum(['low', 'normal', 'high']).default('normal'),
  }),
  result: z.object({ ticket: view }),
  handle: ({ subject: title, content: text, category, priority }, tx, context) => {
    const ticketId = deriveRef(context, 'ticket')
    const number = (tx.get(tables.counters, ['ticket'])?.value ?? 0) + 1
    tx.put(tables.counters, ['ticket'], { value: number })
    const { author: account, time } = context
    const blank: Ticket = {
      status: 'open',
      number,
      account,
      subject: title,
      category,
      priority,
      createdAt: time,
      updatedAt: time,
      messages: 0,
    }
    const ticket = appendMessage(tx, context, ticketId, blank, text)
    putTicket(tx, ticketId, undefined, ticket)
    list(tx, account, 'ticket', { time, id: ticketId })
    return ok({ ticket: presentTicket(ticketId, ticket) })
  },
})

export const ticketReply = defineCommand({
  name: 'ticket.reply',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary: 'Adds a message to a ticket, by its customer or by staff. A reply opens a closed ticket again.',
  params: z.strictObject({ ticketId: ref, content }),
  result: z.object({ ticket: view }),
  handle: ({ ticketId, content: text }, tx, context) => {
    const ticket = visibleTicket(tx, context, ticketId)
    if (isRejection(ticket)) return ticket
    if (ticket.messages >= 1_000) return reject('LIMIT_REACHED', 'a ticket holds at most 1,000 messages')
    const changed = appendMessage(tx, context, ticketId, ticket, text)
    putTicket(tx, ticketId, ticket, changed)
    return ok({ ticket: presentTicket(ticketId, changed) })
  },
})

export const ticketClose = defineCommand({
  name: 'ticket.close',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary: 'Ends a ticket, by its customer or by staff.',
  params: z.strictObject({ ticketId: ref }),
  result: z.object({ ticket: view }),
  handle: ({ ticketId }, tx, context) => {
    const ticket = visibleTicket(tx, context, ticketId)
    if (isRejection(ticket)) return ticket
    if (ticket.status === 'closed') return reject('CONFLICT', 'the ticket is closed already')
    const closed: Ticket = { ...ticket, status: 'closed', updatedAt: context.time }
    putTicket(tx, ticketId, ticket, closed)
    notifyOthers(context, closed, 'ticket.status', { ticketId, number: ticket.number, status: 'closed' })
    return ok({ ticket: presentTicket(ticketId, closed) })
  },
})

export const ticketGet = defineQuery({
  name: 'ticket.get',
  type: 'query',
  caller: 'customer',
  privacy: 'private',
  summary: 'A ticket with its messages, oldest first, a page at a time.',
  params: z.strictObject({ ticketId: ref, limit: page.limit, after: z.int().min(0).optional() }),
  result: z.object({ ticket: view, messages: z.array(messageView), next: z.int().nullable() }),
  answer: ({ ticketId, limit, after }, reader, context) => {
    const ticket = visibleTicket(reader, context, ticketId)
    if (isRejection(ticket)) return ticket
    const rows = reader.range(tables.ticketMessages, [ticketId], {
      limit: limit + 1,
      ...(after === undefined ? {} : { after: [ticketId, after] }),
    })
    const { page, hasMore } = fitPage(rows, limit)
    const next = hasMore ? (page.at(-1)?.key[1] ?? null) : null
    return { ticket: presentTicket(ticketId, ticket), messages: page.map(({ row }) => row), next }
  },
})

export const ticketList = defineQuery({
  name: 'ticket.list',
  type: 'query',
  caller: 'customer',
  privacy: 'private',
  summary:
    "The caller's tickets, newest first; for staff with a status, everybody's in that queue, oldest first. By the page.",
  params: z.strictObject({ status: status.optional(), limit: page.limit, after: ref.optional() }),
  result: z.object({ tickets: z.array(view), next: ref.nullable() }),
  answer: ({ status: queue, limit, after }, reader, context) => {
    const before = after === undefined ? undefined : visibleTicket(reader, context, after)
    if (before !== undefined && isRejection(before)) return before
    const isQueue = queue !== undefined && isStaff(context.settings, context.author)
    // A customer has few tickets, which are filtered; the queue of a status is a table of its own.
    const from = before === undefined || after === undefined ? null : { id: after, ticket: before }
    const ids = isQueue
      ? idsInQueue(reader, queue, limit + 1, from)
      : ownIds(reader, context.author, queue, limit + 1, from)
    const tickets = ids.map(id => presentTicket(id, listedTicket(reader, id)))
    const { page: shown, hasMore } = fitPage(tickets, limit)
    return { tickets: shown, next: hasMore ? (shown.at(-1)?.id ?? null) : null }
  },
})

type Position = { id: string; ticket: Ticket } | null

function idsInQueue(reader: Reader, queue: Ticket['status'], limit: number, from: Position): string[] {
  const after = from === null ? {} : { after: [queue, from.ticket.number, from.id] }
  return reader.range(tables.ticketsByStatus, [queue], { limit, ...after }).map(({ key }) => key[2])
}

function ownIds(
  reader: Reader,
  account: string,
  wanted: Ticket['status'] | undefined,
  limit: number,
  from: Position,
): string[] {
  const after = from === null ? {} : { after: { time: from.ticket.createdAt, id: from.id } }
  const own = listed(reader, account, 'ticket', { reverse: true, ...after })
  const ids: string[] = []
  for (const id of own) {
    if (ids.length === limit) break
    if (wanted === undefined || listedTicket(reader, id).status === wanted) ids.push(id)
  }
  return ids
}

function listedTicket(reader: Reader, id: string): Ticket {
  const ticket = reader.get(tables.tickets, [id])
  if (ticket === undefined) throw new Error(`ticket ${id} is listed but missing`)
  return ticket
}

import { z } from 'zod'
import { page, ref } from '../../protocol/fields.ts'
import { isRejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { deriveRef, isStaff, ok } from '../context.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { appendMessage, notifyOthers, presentTicket, putTicket, type Ticket, visibleTicket } from './tickets.ts'

const content = z.string().min(1).max(16_384)
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
    subject: z.string().min(1).max(200),
    content,
    category: z.enum(['general', 'billing', 'technical', 'abuse']).default('general'),
    priority: z.enum(['low', 'normal', 'high']).default('normal'),
  }),
  result: z.object({ ticket: view }),
  handle: ({ subject, content: text, category, priority }, tx, context) => {
    const ticketId = deriveRef(context.commandId, 'ticket')
    const number = (tx.get(tables.counters, ['ticket'])?.value ?? 0) + 1
    tx.put(tables.counters, ['ticket'], { value: number })
    const { author: account, time } = context
    const blank: Ticket = {
      status: 'open',
      number,
      account,
      subject,
      category,
      priority,
      createdAt: time,
      updatedAt: time,
      messages: 0,
    }
    const ticket = appendMessage(tx, context, ticketId, blank, text)
    putTicket(tx, ticketId, undefined, ticket)
    tx.put(tables.ticketsByAccount, [account, time, ticketId], {})
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
    const page = rows.slice(0, limit)
    const next = rows.length > limit ? (page.at(-1)?.key[1] ?? null) : null
    return { ticket: presentTicket(ticketId, ticket), messages: page.map(({ row }) => row), next }
  },
})

export const ticketList = defineQuery({
  name: 'ticket.list',
  type: 'query',
  caller: 'customer',
  privacy: 'private',
  summary: "The caller's tickets, newest first; for staff with a status, everybody's in that queue, oldest first.",
  params: z.strictObject({ status: status.optional(), limit: page.limit }),
  result: z.object({ tickets: z.array(view) }),
  answer: ({ status: queue, limit }, reader, { author, settings }) => {
    const isQueue = queue !== undefined && isStaff(settings, author)
    const ids = isQueue
      ? reader.range(tables.ticketsByStatus, [queue], { limit }).map(({ key }) => key[2])
      : reader.range(tables.ticketsByAccount, [author], { limit, reverse: true }).map(({ key }) => key[2])
    const tickets = ids.map(id => {
      const ticket = reader.get(tables.tickets, [id])
      if (ticket === undefined) throw new Error(`ticket ${id} is listed but missing`)
      return presentTicket(id, ticket)
    })
    return { tickets: isQueue || queue === undefined ? tickets : tickets.filter(ticket => ticket.status === queue) }
  },
})

import { reject } from '../../rejections.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'
import { type Context, isStaff, type Viewer } from '../context.ts'

export type Ticket = RowOf<'tickets'>

/** What a ticket looks like to its customer and to staff. */
export function presentTicket(ticketId: string, ticket: Ticket) {
  return { id: ticketId, ...ticket }
}

/** A ticket that the caller may see, or why not. */
export function visibleTicket(reader: Reader, context: Viewer, ticketId: string) {
  const ticket = reader.get(tables.tickets, [ticketId])
  if (ticket === undefined) return reject('NOT_FOUND', 'there is no such ticket')
  if (ticket.account === context.author || isStaff(context.settings, context.author)) return ticket
  return reject('UNAUTHORIZED', 'this ticket belongs to another account')
}

/** Stores a ticket, moving it between the queues of its old and new status. */
export function putTicket(tx: Transactor, ticketId: string, before: Ticket | undefined, after: Ticket): void {
  if (before !== undefined) tx.delete(tables.ticketsByStatus, [before.status, before.number, ticketId])
  tx.put(tables.tickets, [ticketId], after)
  tx.put(tables.ticketsByStatus, [after.status, after.number, ticketId], {})
}

/** Appends a message and tells the other side: the customer when staff wrote, every member of staff otherwise. */
export function appendMessage(
  tx: Transactor,
  context: Context,
  ticketId: string,
  ticket: Ticket,
  content: string,
): Ticket {
  const fromStaff = ticket.account !== context.author
  tx.put(tables.ticketMessages, [ticketId, ticket.messages], {
    author: context.author,
    fromStaff,
    content,
    time: context.time,
  })
  const changed: Ticket = {
    ...ticket,
    status: fromStaff ? 'answered' : 'open',
    messages: ticket.messages + 1,
    updatedAt: context.time,
  }
  const type = ticket.messages === 0 ? 'ticket.opened' : 'ticket.replied'
  notifyOthers(context, changed, type, { ticketId, number: ticket.number, subject: ticket.subject })
  return changed
}

/** Tells those on the other side of a ticket. */
export function notifyOthers(context: Context, ticket: Ticket, type: string, body: object): void {
  const { staff, operators } = context.settings
  const others = ticket.account === context.author ? new Set([...staff, ...operators]) : new Set([ticket.account])
  others.delete(context.author)
  for (const to of others) context.emit({ kind: 'notice', type, to, about: context.commandId, body })
}

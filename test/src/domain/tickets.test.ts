import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, operator, staff, type TestService } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

type TicketBody = { ticket: { id: string; status: string; messages: number; number: number } }

function open(by = alice, subject = 'Help'): string {
  const { body } = service.send(by, 'ticket.open', { subject, content: 'It does not work' })
  return (body as TicketBody).ticket.id
}
const reply = (by: typeof alice, ticketId: string, content = 'More') =>
  service.send(by, 'ticket.reply', { ticketId, content })
const close = (by: typeof alice, ticketId: string) => service.send(by, 'ticket.close', { ticketId })
const queue = (status: string, by = staff) =>
  (service.query(by, 'ticket.list', { status }).body as { tickets: { id: string }[] }).tickets.map(({ id }) => id)
const types = (key: typeof alice) => service.notices(key).map(notice => notice.type)

describe('a ticket', () => {
  it('is opened with a number and told to staff and operators', () => {
    const result = service.send(alice, 'ticket.open', { subject: 'Help', content: 'Hello', category: 'billing' })
    expect(result).toMatchObject({
      status: 'ok',
      body: { ticket: { number: 1, status: 'open', category: 'billing', priority: 'normal', messages: 1 } },
    })
    expect([types(staff), types(operator), types(alice)]).toEqual([['ticket.opened'], ['ticket.opened'], []])
    open()
    expect(queue('open')).toHaveLength(2)
  })

  it('goes to and fro between customer and staff, through the queues', () => {
    const id = open()
    expect(reply(staff, id).body).toMatchObject({ ticket: { status: 'answered', messages: 2 } })
    expect([queue('open'), queue('answered')]).toEqual([[], [id]])
    expect(types(alice)).toEqual(['ticket.replied'])
    expect(reply(alice, id).body).toMatchObject({ ticket: { status: 'open', messages: 3 } })
    expect([queue('open'), queue('answered')]).toEqual([[id], []])
    expect(types(staff)).toEqual(['ticket.opened', 'ticket.replied'])
    expect(reply(operator, id).body).toMatchObject({ ticket: { status: 'answered' } })
  })

  it.each([
    { case: 'its customer', by: alice, told: staff },
    { case: 'staff', by: staff, told: alice },
    { case: 'an operator', by: operator, told: alice },
  ])('is closed by $case, and the other side is told', ({ by, told }) => {
    const id = open()
    expect(close(by, id)).toMatchObject({ status: 'ok', body: { ticket: { status: 'closed', messages: 1 } } })
    expect([queue('open'), queue('closed')]).toEqual([[], [id]])
    expect(service.notices(told).at(-1)).toMatchObject({ type: 'ticket.status', body: { status: 'closed' } })
    expect(close(by, id).body).toMatchObject({ code: 'CONFLICT' })
  })

  it.each([
    { case: 'its customer', by: alice, status: 'open' },
    { case: 'staff', by: staff, status: 'answered' },
  ])('is opened again by a reply of $case', ({ by, status }) => {
    const id = open()
    close(alice, id)
    expect(reply(by, id).body).toMatchObject({ ticket: { status } })
    expect([queue('closed'), queue(status)]).toEqual([[], [id]])
  })

  it('is neither seen nor touched by a stranger', () => {
    const id = open()
    expect(reply(bob, id).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(close(bob, id).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(service.query(bob, 'ticket.get', { ticketId: id }).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(service.query(alice, 'ticket.get', { ticketId: id }).body).toMatchObject({ ticket: { messages: 1 } })
    expect(types(bob)).toEqual([])
  })

  it('that does not exist is not found', () => {
    const ticketId = '0'.repeat(32)
    expect(reply(staff, ticketId).body).toMatchObject({ code: 'NOT_FOUND' })
    expect(close(staff, ticketId).body).toMatchObject({ code: 'NOT_FOUND' })
    expect(service.query(staff, 'ticket.get', { ticketId }).body).toMatchObject({ code: 'NOT_FOUND' })
  })

  it('takes its thousandth message and not one more', () => {
    const id = open()
    const ticket = service.environment.reader.get(tables.tickets, [id])
    if (ticket === undefined) throw new Error('the ticket was not stored')
    const tx = service.environment.transactor
    service.environment.root.transactionSync(() => tx.put(tables.tickets, [id], { ...ticket, messages: 999 }))
    expect(reply(alice, id).body).toMatchObject({ ticket: { messages: 1_000 } })
    expect(reply(alice, id).body).toMatchObject({ code: 'LIMIT_REACHED' })
    expect(reply(staff, id).body).toMatchObject({ code: 'LIMIT_REACHED' })
  })

  it.each([
    { case: 'no subject', params: { subject: '', content: 'x' } },
    { case: 'a long subject', params: { subject: 'x'.repeat(201), content: 'x' } },
    { case: 'no content', params: { subject: 'x', content: '' } },
    { case: 'long content', params: { subject: 'x', content: 'x'.repeat(16_385) } },
    { case: 'control characters', params: { subject: 'x', content: 'x\u001b[2J' } },
    { case: 'an unknown category', params: { subject: 'x', content: 'x', category: 'other' } },
  ])('is not opened with $case', ({ params }) => {
    expect(service.apply(service.sign(alice, 2410, 'ticket.open', params))).toMatchObject({ code: 'INVALID_PARAMS' })
  })
})

describe('ticket.get', () => {
  type Page = { messages: { content: string; fromStaff: boolean }[]; next: number | null }
  const page = (ticketId: string, params: object = {}) =>
    service.query(alice, 'ticket.get', { ticketId, ...params }).body as Page

  it('gives the messages oldest first, a page at a time', () => {
    const id = open()
    for (const content of ['1', '2', '3', '4']) reply(content === '3' ? staff : alice, id, content)
    const seen: string[] = []
    let next: number | null | undefined
    do {
      const one = page(id, { limit: 2, ...(next === undefined ? {} : { after: next }) })
      expect(one.messages.length).toBeLessThanOrEqual(2)
      seen.push(...one.messages.map(message => message.content))
      next = one.next
    } while (typeof next === 'number')
    expect(seen).toEqual(['It does not work', '1', '2', '3', '4'])
    expect(page(id).messages.map(message => message.fromStaff)).toEqual([false, false, false, true, false])
  })

  it('does not give messages of another ticket', () => {
    const id = open()
    open()
    open(bob)
    expect(page(id)).toMatchObject({ messages: [{ content: 'It does not work' }], next: null })
    expect(page(id, { after: 0 })).toMatchObject({ messages: [], next: null })
  })

  it('gives fewer at a time when they are long, so that the answer can be encrypted, and loses none', () => {
    const id = open()
    for (let index = 0; index < 6; index++) reply(alice, id, `${index}${'ü'.repeat(16_000)}`)
    const seen: string[] = []
    let next: number | null | undefined
    do {
      const one = page(id, next === undefined ? {} : { after: next })
      seen.push(...one.messages.map(message => message.content.slice(0, 1)))
      next = one.next
    } while (typeof next === 'number')
    expect(seen.join('')).toBe('I012345')
  })
})

describe('ticket.list', () => {
  type List = { tickets: { id: string; subject: string }[]; next: string | null }
  const list = (by: typeof alice, params: object = {}) => service.query(by, 'ticket.list', params).body as List

  it("gives a customer's own, newest first", async () => {
    const first = open()
    await service.advance(1)
    const second = open()
    open(bob)
    expect(list(alice).tickets.map(({ id }) => id)).toEqual([second, first])
    close(alice, first)
    expect(list(alice, { status: 'open' }).tickets.map(({ id }) => id)).toEqual([second])
    expect(list(alice, { status: 'closed' }).tickets.map(({ id }) => id)).toEqual([first])
  })

  it('gives staff the queue of a status, oldest first, and without a status their own', async () => {
    const ids = [open(alice), open(bob), open(alice)]
    expect(queue('open')).toEqual(ids)
    expect(queue('open', operator)).toEqual(ids)
    expect(list(staff).tickets).toEqual([])
    const own = open(staff)
    expect(list(staff).tickets.map(({ id }) => id)).toEqual([own])
  })

  it.each([
    { case: 'a customer', by: alice, params: {} },
    { case: 'a customer by status', by: alice, params: { status: 'open' } },
    { case: 'staff', by: staff, params: { status: 'open' } },
  ])('gives $case everything, a page at a time', async ({ by, params }) => {
    const expected = new Set<string>()
    for (let index = 0; index < 5; index++) {
      const id = open()
      // Every other one is closed, and must not use up the page of those who ask for open ones.
      if (index % 2 === 1) close(alice, id)
      if (index % 2 === 0 || !('status' in params)) expected.add(id)
      await service.advance(index % 2)
    }
    const seen: string[] = []
    let after: string | null | undefined
    do {
      const one: List = list(by, { ...params, limit: 1, ...(after === undefined ? {} : { after }) })
      expect(one.tickets.length).toBeLessThanOrEqual(1)
      seen.push(...one.tickets.map(({ id }) => id))
      after = one.next
    } while (typeof after === 'string')
    expect(seen).toHaveLength(expected.size)
    expect(new Set(seen)).toEqual(expected)
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf, openService, type TestService } from '../service.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const names = ['one', 'two', 'three', 'four']

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, 9_000_000)
  for (const [index, name] of names.entries()) {
    // The first two in one second, after the top-up.
    if (index !== 1) service.clock.time++
    service.send(alice, 'identifier.register', { identifier: `${name}@example.com`, pay: 'balance' })
  }
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

type Page = { orders: { id: string; items: { params: { identifier?: string } }[] }[]; next: string | null }
const list = (key: typeof alice, params: object = {}) => service.query(key, 'order.list', params).body as Page
const namesOf = ({ orders }: Page) => orders.map(({ items }) => items[0]?.params.identifier ?? 'top-up')

describe('order.list', () => {
  it('has the orders of the caller, newest first, as order.get shows them', () => {
    const page = list(alice)
    expect(namesOf(page).slice(0, 2)).toEqual(['four@example.com', 'three@example.com'])
    expect(namesOf(page).slice(2, 4).sort()).toEqual(['one@example.com', 'two@example.com'])
    expect(page.next).toBeNull()
    for (const order of page.orders) {
      expect(service.query(alice, 'order.get', { orderId: order.id }).body).toEqual(order)
    }
  })

  it.each([1, 2, 3, 4, 5, 6])('comes in pages of %i, of which each goes on where the last ended', limit => {
    const all = list(alice).orders
    const found: object[] = []
    for (let after: string | null = null, pages = 0; ; pages++) {
      expect(pages).toBeLessThan(10)
      const page: Page = list(alice, { limit, ...(after === null ? {} : { after }) })
      expect(page.orders.length).toBeLessThanOrEqual(limit)
      found.push(...page.orders)
      after = page.next
      if (after === null) break
    }
    expect(found).toEqual(all)
  })

  it("shows nobody another's, nor lets them go on after one", () => {
    expect(list(bob)).toEqual({ orders: [], next: null })
    const [first] = list(alice).orders
    expect(service.query(bob, 'order.list', { after: first?.id }).body).toMatchObject({ code: 'NOT_FOUND' })
    expect(service.query(alice, 'order.list', { after: 'ab'.repeat(16) }).body).toMatchObject({ code: 'NOT_FOUND' })
  })
})

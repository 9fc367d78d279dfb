import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf, openService, operator, type TestService } from '../service.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, 9_000_000)
  await service.fund(bob, 1_000)
  for (const name of ['one', 'two', 'three']) {
    service.clock.time++
    service.send(alice, 'identifier.register', { identifier: `${name}@example.com`, pay: 'balance' })
  }
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

type Page = { transactions: { id: string; amountMsat: number }[]; csv: string; next: string | null }
const list = (key: typeof alice, params: object = {}) => service.query(key, 'transaction.list', params).body as Page
/** All pages, one after the other. */
const pages = (key: typeof alice, params: object): Page[] => {
  const found: Page[] = []
  for (let after: string | null = null; ; ) {
    const page: Page = list(key, { ...params, ...(after === null ? {} : { after }) })
    found.push(page)
    after = page.next
    if (after === null) return found
  }
}

describe('transaction.list', () => {
  it('has every movement of the caller, oldest first', () => {
    const account = `customer:${alice.publicKey}`
    expect(list(alice)).toMatchObject({
      transactions: [
        { debit: 'wallet', credit: account, amountMsat: 9_000_000, reason: 'settlement' },
        { debit: account, credit: 'revenue', amountMsat: 1_300_000 },
        { debit: account, credit: 'revenue', amountMsat: 1_300_000 },
        { debit: account, credit: 'revenue', amountMsat: 1_500_000 },
      ],
      next: null,
    })
  })

  it.each([1, 2, 3, 4, 5])('comes in pages of %i, of which each goes on where the last ended', limit => {
    for (const [key, params] of [
      [alice, {}],
      [operator, { account: alice.publicKey }],
      [operator, { account: 'all' }],
    ] as const) {
      const all = list(key, params).transactions
      const found = pages(key, { ...params, limit })
      expect(found.flatMap(({ transactions }) => transactions)).toEqual(all)
      expect(found).toHaveLength(Math.ceil(all.length / limit))
    }
  })

  it('shows operators all accounts, and customers no other', () => {
    expect(list(operator, { account: 'all' }).transactions).toHaveLength(5)
    expect(list(operator, { account: bob.publicKey }).transactions).toHaveLength(1)
    for (const account of ['all', alice.publicKey]) {
      expect(list(bob, { account })).toMatchObject({ code: 'UNAUTHORIZED' })
    }
  })

  it('tells nothing about another’s transaction by going on after it', () => {
    const [first] = list(alice).transactions
    expect(list(bob, { after: first?.id })).toEqual({ transactions: [], next: null })
  })

  it('comes as CSV', () => {
    const [first] = list(bob).transactions
    const account = `customer:${bob.publicKey}`
    const line = [first?.id, 1_790_000_000, 'wallet', account, 1_000, 'settlement'].join(',')
    expect(list(bob, { format: 'csv' }).csv).toMatch(/^id,time,debit,credit,amountMsat,reason,orderId\r\n/)
    expect(list(bob, { format: 'csv' }).csv.split('\r\n')[1]?.startsWith(`${line},`)).toBe(true)
  })
})

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { balanceOf, customerAccount, post, revenueAccount, walletAccount } from '../../../src/domain/billing/ledger.ts'
import { msat } from '../../../src/domain/billing/money.ts'
import type { Context } from '../../../src/domain/context.ts'
import { listed } from '../../../src/domain/listing.ts'
import { initialSettings } from '../../../src/domain/settings.ts'
import { tables } from '../../../src/store/tables.ts'
import { openTemporary } from '../store/open-environment.ts'

const customer = customerAccount('ab'.repeat(32))
const context = (commandId: string): Context => ({
  time: 100,
  mayHold: true,
  commandId,
  author: '',
  settings: initialSettings,
  sellables: new Map(),
  emit: () => undefined,
})
const deposit = (amountMsat: number) => ({
  debit: walletAccount,
  credit: customer,
  amountMsat,
  reason: 'settlement',
  orderId: null,
})
const sale = (amountMsat: number) => ({
  ...deposit(amountMsat),
  debit: customer,
  credit: revenueAccount,
  reason: 'sale',
})

let store: ReturnType<typeof openTemporary>
beforeEach(() => {
  store = openTemporary()
})
afterEach(() => store.close())
const balances = () => store.environment.reader.range(tables.balances, []).map(({ key, row }) => [key[0], row.msat])

describe('a posting', () => {
  it('moves an amount from one account to the other, and is listed under both', () => {
    store.write(tx => {
      post(tx, context('1'), deposit(500))
      post(tx, context('2'), sale(200))
    })
    expect(balances()).toEqual([
      [customer, 300],
      ['revenue', 200],
      ['wallet', -500],
    ])
    expect(listed(store.environment.reader, 'ab'.repeat(32), 'posting')).toHaveLength(2)
    expect(store.environment.reader.range(tables.byAccount, [])).toHaveLength(2)
  })

  it.each([
    { case: 'overdraw a customer', amounts: [deposit(100), sale(101)], error: 'would be overdrawn' },
    { case: 'be negative', amounts: [deposit(-1)], error: 'not an amount' },
    { case: 'be a fraction', amounts: [deposit(0.5)], error: 'not an amount' },
    { case: 'leave the safe integers', amounts: [deposit(2 ** 53 - 1), deposit(1)], error: 'safe integers' },
  ])('does not $case', ({ amounts, error }) => {
    const postAll = () =>
      store.write(tx => {
        for (const [index, amount] of amounts.entries()) post(tx, context(String(index)), amount)
      })
    expect(postAll).toThrow(error)
    expect(balances()).toEqual([])
  })

  it('stands once per command, reason and order', () => {
    expect(() =>
      store.write(tx => {
        post(tx, context('1'), deposit(1))
        post(tx, context('1'), { ...deposit(1), orderId: 'x' })
        post(tx, context('1'), deposit(1))
      }),
    ).toThrow('stands twice')
  })

  it('keeps the sum at zero and every balance equal to its postings', () => {
    const anyPosting = fc.record({ amount: fc.nat({ max: 1_000 }), isDeposit: fc.boolean() })
    let run = 0
    fc.assert(
      fc.property(fc.array(anyPosting, { maxLength: 20 }), postings => {
        run++
        store.write(tx => {
          for (const [index, { amount, isDeposit }] of postings.entries()) {
            if (!isDeposit && balanceOf(tx, customer) < amount) continue
            post(tx, context(`${run}:${index}`), isDeposit ? deposit(amount) : sale(amount))
          }
        })
        const sums = new Map<string, number>()
        for (const { row } of store.environment.reader.range(tables.postings, [])) {
          sums.set(row.debit, (sums.get(row.debit) ?? 0) - row.amountMsat)
          sums.set(row.credit, (sums.get(row.credit) ?? 0) + row.amountMsat)
        }
        expect(new Map(balances() as [string, number][])).toEqual(sums)
        expect([...sums.values()].reduce((total, one) => total + one, 0)).toBe(0)
      }),
      { numRuns: 30 },
    )
  })
})

describe('msat', () => {
  it.each([0, 1, Number.MAX_SAFE_INTEGER])('takes %s', amount => {
    expect(msat(amount)).toBe(amount)
  })
  it.each([-1, 0.1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('does not take %s', amount => {
    expect(() => msat(amount)).toThrow()
  })
})

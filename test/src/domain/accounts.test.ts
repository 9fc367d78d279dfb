import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, startTime, type TestService } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const suspended = keyOf(666)

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const account = (key: typeof alice) => service.environment.reader.get(tables.accounts, [key.publicKey])

describe('an account', () => {
  it('is made by the first command that is accepted, and stays as it is', async () => {
    service.send(alice, 'identifier.register', { identifier: 'a@example.com' })
    expect(account(alice)).toBeUndefined()
    service.send(alice, 'identifier.register', { identifier: 'alice@free.example' })
    expect(account(alice)).toEqual({ createdAt: startTime })
    await service.advance(100)
    service.send(alice, 'identifier.register', { identifier: 'alice2@free.example' })
    expect(account(alice)).toEqual({ createdAt: startTime })
  })

  it('is not made by a query', () => {
    service.query(bob, 'identifier.list', {})
    expect(account(bob)).toBeUndefined()
  })

  it('that is suspended may change nothing', () => {
    const refused = service.send(suspended, 'identifier.register', { identifier: 'alice@free.example' })
    expect(refused.body).toMatchObject({ code: 'SUSPENDED' })
    expect(account(suspended)).toBeUndefined()
  })
})

describe('identifier.list', () => {
  type List = { identifiers: { identifier: string }[]; next: string | null }
  const list = (by: typeof alice, params: object = {}) => service.query(by, 'identifier.list', params).body as List
  const all = (by: typeof alice, limit: number): string[] => {
    const seen: string[] = []
    let after: string | null | undefined
    do {
      const page: List = list(by, { limit, ...(after === undefined ? {} : { after }) })
      expect(page.identifiers.length).toBeLessThanOrEqual(limit)
      seen.push(...page.identifiers.map(({ identifier }) => identifier))
      after = page.next
    } while (typeof after === 'string')
    return seen
  }

  it.each([1, 2, 3, 4, 100])("gives the caller's names in order, %s at a time", limit => {
    for (const name of ['cc', 'aa', 'bb'])
      service.send(alice, 'identifier.register', { identifier: `${name}@free.example` })
    service.send(bob, 'identifier.register', { identifier: 'ab@free.example' })
    expect(all(alice, limit)).toEqual(['aa@free.example', 'bb@free.example', 'cc@free.example'])
    expect(all(bob, limit)).toEqual(['ab@free.example'])
  })

  it('gives a name until it is released, and then no more', async () => {
    service.send(alice, 'identifier.register', { identifier: 'aa@free.example' })
    await service.advance(395 * 86_400 - 1)
    expect(all(alice, 100)).toEqual(['aa@free.example'])
    await service.advance(1)
    expect(all(alice, 100)).toEqual([])
  })

  it('begins where it is told to, whether that name is the caller’s or not', () => {
    service.send(alice, 'identifier.register', { identifier: 'bb@free.example' })
    expect(list(alice, { after: 'aa@free.example' })).toMatchObject({
      identifiers: [{ identifier: 'bb@free.example' }],
    })
    expect(list(alice, { after: 'cc@free.example' })).toEqual({ identifiers: [], next: null })
    expect(list(alice, { after: 'zz@zzz.example' })).toEqual({ identifiers: [], next: null })
  })

  it('gives fewer at a time when they carry much, so that the answer can be encrypted', () => {
    const records = Array.from({ length: 7 }, (_, index) => ({
      type: 'URL',
      value: `https://a.example/${index}`.padEnd(2_000, 'a'),
    }))
    const names = ['aa', 'bb', 'cc', 'dd', 'ee'].map(name => `${name}@free.example`)
    for (const identifier of names) {
      expect(service.send(alice, 'identifier.register', { identifier, records }).status).toBe('ok')
    }
    expect(all(alice, 100)).toEqual(names)
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forgetRefusals, isFull, refusalEnd, rememberRefusal } from '../../../src/pipeline/refusals.ts'
import { isInWindow, window } from '../../../src/protocol/command.ts'
import { readHead } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, startTime, type TestService } from '../service.ts'

const alice = keyOf(2)
/** Of the refusal of a command made now: an hour longer than it could be sent. */
const lifetime = window.behindSeconds + 3_600

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const reader = () => service.environment.reader
const count = () => reader().get(tables.local, ['refusals'])?.value ?? 0
const inTransaction = <T>(run: () => T): T => service.environment.root.transactionSync(run)
const refusedCommand = () => service.sign(alice, 2410, 'identifier.register', { identifier: 'admin@example.com' })

describe('a refused command', () => {
  it('is remembered with its code, answered, and not in the log', () => {
    const before = readHead(service.environment)
    const event = refusedCommand()
    service.apply(event)
    expect(readHead(service.environment)).toEqual(before)
    expect(reader().get(tables.refusals, [event.id])).toEqual({
      author: alice.publicKey,
      code: 'NAME_RESERVED',
      expiresAt: startTime + lifetime,
    })
    const result = service.resultOf(event.id, alice)
    expect(result?.body).toMatchObject({ code: 'NAME_RESERVED' })
    expect(result?.event.tags).toContainEqual(['expiration', String(startTime + lifetime)])
    expect(service.sent.some(sent => sent.id === event.id)).toBe(false)
  })

  it('that is sent again is a duplicate: no second result, no second row', () => {
    const event = refusedCommand()
    service.apply(event)
    const { length } = service.sent
    expect(service.apply(event)).toMatchObject({
      accepted: true,
      message: expect.stringMatching(/^duplicate: /),
      store: [],
    })
    expect([service.sent.length, count()]).toEqual([length, 1])
  })

  it('stays refused even when it would be accepted now', async () => {
    await service.fund(alice, 1)
    const event = service.sign(alice, 2410, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' })
    service.apply(event)
    await service.fund(alice, 5_000_000)
    service.apply(event)
    expect(service.query(alice, 'identifier.get', { identifier: 'alice@example.com' }).status).toBe('error')
  })

  it('leaves nothing in any table of the log', () => {
    const rows = () =>
      Object.values(tables)
        .filter(table => table.mark !== 'local')
        .map(table => [...service.environment.bytes(table).getRange({})].length)
    const before = rows()
    service.apply(refusedCommand())
    service.apply(service.sign(alice, 2410, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' }))
    expect(rows()).toEqual(before)
  })
})

describe('remembering refusals', () => {
  it('lasts longer than a command can be resent', () => {
    const now = startTime
    for (const createdAt of [now - window.behindSeconds, now, now + window.aheadSeconds]) {
      for (const executeBy of [null, now, createdAt + window.executeBySeconds]) {
        const end = refusalEnd(now, createdAt, executeBy)
        expect(isInWindow(createdAt, executeBy, end)).toBe(false)
        expect(end).toBeGreaterThan(now)
      }
    }
  })

  it('ends at their time, oldest first and so many at once', () => {
    for (let index = 0; index < 5; index++) {
      service.clock.time = startTime + index
      service.apply(refusedCommand())
    }
    const end = startTime + lifetime
    expect(inTransaction(() => forgetRefusals(service.environment, end - 1, 10))).toBe(0)
    expect(inTransaction(() => forgetRefusals(service.environment, end + 3, 3))).toBe(3)
    expect(count()).toBe(2)
    expect(inTransaction(() => forgetRefusals(service.environment, end + 3, 3))).toBe(1)
    expect(
      reader()
        .range(tables.refusals, [])
        .map(({ row }) => row.expiresAt),
    ).toEqual([end + 4])
    expect(reader().range(tables.refusalsByExpiry, [])).toHaveLength(1)
    expect(count()).toBe(1)
  })

  it('has a bound', () => {
    const setCount = (value: number) =>
      inTransaction(() => service.environment.transactor.put(tables.local, ['refusals'], { value }))
    setCount(199_999)
    expect([isFull(service.environment, false), isFull(service.environment, true)]).toEqual([false, false])
    inTransaction(() =>
      rememberRefusal(service.environment, 'ab'.repeat(32), { author: alice.publicKey, code: 'X', expiresAt: 1 }),
    )
    expect([count(), isFull(service.environment, false), isFull(service.environment, true)]).toEqual([
      200_000,
      true,
      false,
    ])
    setCount(400_000)
    expect(isFull(service.environment, true)).toBe(true)
  })
})

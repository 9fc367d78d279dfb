import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { invoiceCreated } from '../../../src/domain/billing/invoice-facts.ts'
import { configApplied } from '../../../src/domain/settings.ts'
import { commandMethods } from '../../../src/pipeline/catalog.ts'
import { decode, methodIndex } from '../../../src/pipeline/decode.ts'
import { isRejection } from '../../../src/rejections.ts'
import { readEntries, readHead } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, startTime, type TestService, testSettings } from '../service.ts'
import { differences } from './verify-log.ts'

const alice = keyOf(2)
const commands = methodIndex(commandMethods)

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(await differences(service.environment, service.signer)).toEqual([])
  await service.close()
})

const register = (identifier: string) => service.send(alice, 'identifier.register', { identifier })
const decoded = (identifier: string) => {
  const command = decode(service.sign(alice, 2410, 'identifier.register', { identifier }), commands, service.signer)
  if (isRejection(command)) throw new Error(command.message)
  return command
}
const times = () => readEntries(service.environment, 1, 100).map(entry => entry.time)
const rows = () =>
  Object.values(tables)
    .filter(table => table.mark !== 'local')
    .flatMap(table =>
      [...service.environment.bytes(table).getRange({})].map(
        ({ key, value }) => `${table.name} ${key.toString('hex')} ${value.toString('hex')}`,
      ),
    )
const inTransaction = <T>(run: () => T): T => service.environment.root.transactionSync(run)

describe('applying a command', () => {
  it('publishes the command, what it made known, and its result, in this order', () => {
    const { id } = register('alice@free.example')
    expect(service.sent.map(event => event.kind)).toEqual([2410, 32_410, 2411])
    expect(service.sent[0]?.id).toBe(id)
  })

  it('logs it once, however often it comes', () => {
    const event = service.sign(alice, 2410, 'identifier.register', { identifier: 'alice@free.example' })
    service.apply(event)
    const [before, { length }] = [rows(), service.sent]
    expect(service.apply(event)).toMatchObject({
      accepted: true,
      message: expect.stringMatching(/^duplicate: /),
      store: [],
    })
    expect([rows(), service.sent.length]).toEqual([before, length])
  })

  it('whose handler throws leaves nothing behind, answers INTERNAL and is reported', () => {
    const before = rows()
    const broken = decoded('alice@free.example')
    const run: typeof broken.run = (tx, context) => {
      broken.run(tx, context)
      throw new Error('a bug')
    }
    const applied = inTransaction(() => service.applier.command({ ...broken, run }))
    service.sent.push(...applied.store, ...(applied.storeUntilExpired ?? []))
    expect(rows()).toEqual(before)
    expect(service.resultOf(broken.event.id, alice)).toMatchObject({ status: 'error', body: { code: 'INTERNAL' } })
    expect(service.resultOf(broken.event.id, alice)?.body.message).not.toContain('a bug')
    expect(service.errors).toEqual([new Error('a bug')])
    expect(service.apply(broken.event)).toMatchObject({ message: expect.stringMatching(/^duplicate: /), store: [] })
    expect(register('alice@free.example').status).toBe('ok')
  })

  it('goes on from what is durable when a transaction has failed around it', () => {
    register('first@free.example')
    const before = rows()
    const failing = () =>
      inTransaction(() => {
        service.applier.command(decoded('lost@free.example'))
        service.applier.command(decoded('lost2@free.example'))
        throw new Error('disk full')
      })
    expect(failing).toThrow('disk full')
    expect(rows()).toEqual(before)
    register('second@free.example')
    expect(readHead(service.environment).seq).toBe(3)
  })

  it('puts several into one transaction, each on its own', () => {
    const taken = decoded('alice@free.example')
    inTransaction(() => {
      service.applier.command(taken)
      service.applier.command(decoded('alice@free.example'))
      service.applier.command(decoded('other@free.example'))
    })
    expect(readHead(service.environment).seq).toBe(3)
    expect(service.environment.reader.range(tables.refusals, [])).toHaveLength(1)
    expect(service.environment.reader.range(tables.byAccount, [alice.publicKey, 'identifier'])).toHaveLength(2)
  })

  it('never logs an earlier time than the entry before, whatever the clock says', () => {
    register('first@free.example')
    service.clock.time = startTime - 5_000
    register('second@free.example')
    service.clock.time = startTime + 5
    register('third@free.example')
    expect(times()).toEqual([startTime, startTime, startTime, startTime + 5])
    expect(service.environment.reader.get(tables.identifiers, ['free.example', 'second'])).toMatchObject({
      since: startTime,
    })
  })
})

describe('applying a fact', () => {
  const apply = (dedupeKey: string, staff: string[]) =>
    service.appendFact({ method: configApplied, params: { settings: { ...testSettings, staff } }, dedupeKey })

  it('logs it, publishes neither it nor a result', async () => {
    expect(await apply('config:2', [])).toBe(true)
    expect(readHead(service.environment).seq).toBe(2)
    expect(service.sent).toEqual([])
  })

  it('happens once for its dedupe key, even with other content', async () => {
    await apply('config:2', [])
    expect(await apply('config:2', [alice.publicKey])).toBe(false)
    expect(service.environment.reader.get(tables.settings, ['current'])?.staff).toEqual([])
    expect(readHead(service.environment).seq).toBe(2)
  })

  it('rejects one that cannot be handled, and it can be tried again', async () => {
    const before = rows()
    const params = {
      jobId: '0'.repeat(32),
      invoiceId: '0'.repeat(32),
      bolt11: 'x',
      paymentHash: '0'.repeat(64),
      expiresAt: 1,
    }
    const append = () => service.appendFact({ method: invoiceCreated, params, dedupeKey: 'x' })
    await expect(append()).rejects.toThrow('was refused')
    await expect(append()).rejects.toThrow('was refused')
    expect(rows()).toEqual(before)
    expect(service.errors).toHaveLength(2)
  })
})

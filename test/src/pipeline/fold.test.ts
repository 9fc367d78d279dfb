import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyEvent } from 'nostr-tools'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compareTables, type Difference, foldLog } from '../../../src/pipeline/fold.ts'
import { openEnvironment } from '../../../src/store/environment.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, staff, type TestService } from '../service.ts'

const alice = keyOf(2)

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, 5_000_000)
  service.send(alice, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' })
  service.send(alice, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' })
  service.send(alice, 'identifier.register', { identifier: 'second@example.com' })
  await service.walletAnswers()
  const { body } = service.send(alice, 'ticket.open', { subject: 'Help', content: 'It does not work' })
  const { id } = body.ticket as { id: string }
  service.send(staff, 'ticket.reply', { ticketId: id, content: 'Try again' })
  await service.advance(400 * 86_400)
})
afterEach(async () => {
  await service.close()
})

async function verify(): Promise<Difference[]> {
  const directory = mkdtempSync(join(tmpdir(), 'panda-fold-'))
  const folded = openEnvironment({ directory, mapSizeBytes: 2 ** 28, scratch: true })
  const found: Difference[] = []
  const report = (difference: Difference) => found.push(difference)
  foldLog(service.environment, folded, { signer: service.signer, isSigned: event => verifyEvent(event), report })
  const rows = compareTables(service.environment, folded, report)
  await folded.close()
  rmSync(directory, { recursive: true })
  if (rows === 0) throw new Error('nothing was compared')
  return found
}

/** Flips one bit of a stored value. */
async function flip(table: (typeof tables)[keyof typeof tables], pick: number, at: number): Promise<string> {
  const database = service.environment.bytes(table)
  const entries = [...database.getRange({})].map(({ key, value }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
  }))
  const entry = entries[pick % entries.length]
  if (entry === undefined) throw new Error(`${table.name} is empty`)
  const index = at % entry.value.length
  entry.value[index] = (entry.value[index] ?? 0) ^ 1
  database.putSync(entry.key, entry.value)
  return table.decodeKey(entry.key).join(' ')
}

describe('folding the log', () => {
  it('gives the same tables', async () => {
    expect(await verify()).toEqual([])
  })

  it.each(Object.values(tables).filter(table => table.mark === 'fold' && table !== tables.lapsedHolds))(
    'finds a flipped bit in $name, by table and key',
    async table => {
      if ([...service.environment.bytes(table).getRange({})].length === 0) {
        service.environment.bytes(table).putSync(Buffer.from('x'), Buffer.from('[]'))
        expect(await verify()).toContainEqual({ table: table.name, key: expect.any(String), what: 'is not in the log' })
        return
      }
      const key = await flip(table, 0, 1)
      expect(await verify()).toContainEqual({ table: table.name, key, what: 'differs from what the log says' })
    },
  )

  it('finds a flipped bit anywhere in any log entry', async () => {
    const count = [...service.environment.bytes(tables.log).getKeys({})].length
    for (let pick = 0; pick < count; pick++) {
      for (const at of [0, 5, 7, 20, 45, 100, 1_000_003]) {
        const key = await flip(tables.log, pick, at)
        expect((await verify()).filter(found => found.table === 'log').map(found => found.key)).toContain(key)
        await flip(tables.log, pick, at)
      }
    }
  }, 30_000)

  it('finds a row that was removed', async () => {
    service.environment.bytes(tables.accounts).removeSync(tables.accounts.encodeKey([alice.publicKey]))
    expect(await verify()).toContainEqual({ table: 'accounts', key: alice.publicKey, what: 'is missing' })
  })
})

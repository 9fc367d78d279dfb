import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { placeOf } from '../../../src/domain/identifiers/lifecycle.ts'
import { list } from '../../../src/domain/listing.ts'
import { unwelcome } from '../../../src/pipeline/welcome.ts'
import { tables } from '../../../src/store/tables.ts'
import type { Transactor } from '../../../src/store/transaction.ts'
import { keyOf, openService, type TestService } from '../service.ts'

const owner = keyOf(2)
const customer = keyOf(3)
const stranger = keyOf(4)
const lapsing = keyOf(5)

let service: TestService
beforeAll(async () => {
  service = await openService()
  service.send(owner, 'identifier.register', { identifier: 'alice@free.example' })
  await service.fund(customer, 1)
})
afterAll(() => service.close())

const judge = (policy: 'commands' | 'members' | 'open', kind: number, by: typeof owner, tags: string[][] = []) =>
  unwelcome({ kind, pubkey: by.publicKey, tags }, policy, service.environment.reader, service.signer.publicKey)

describe('an ordinary event', () => {
  it.each([0, 1, 4, 5, 1059, 10_002, 30_023])('of kind %s is taken by an open relay from anybody', kind => {
    expect(judge('open', kind, stranger)).toBeNull()
  })

  it.each([0, 1, 5, 10_002])('of kind %s is not taken by a relay for commands only, not even from owners', kind => {
    expect(judge('commands', kind, owner)).toMatch(/^blocked: /)
  })

  it.each([
    { case: 'a profile of a stranger', kind: 0, by: stranger, tags: [], welcome: true },
    { case: 'contacts of a stranger', kind: 3, by: stranger, tags: [], welcome: true },
    { case: 'a relay list of a stranger', kind: 10_002, by: stranger, tags: [], welcome: true },
    { case: 'a deletion of a stranger', kind: 5, by: stranger, tags: [], welcome: true },
    { case: 'a follow set of a stranger', kind: 30_000, by: stranger, tags: [], welcome: true },
    { case: 'a note of a stranger', kind: 1, by: stranger, tags: [], welcome: false },
    { case: 'a note of a customer without a name', kind: 1, by: customer, tags: [], welcome: false },
    { case: 'a note of an owner', kind: 1, by: owner, tags: [], welcome: true },
    { case: 'an article of an owner', kind: 30_023, by: owner, tags: [], welcome: true },
    { case: 'an article of a stranger', kind: 30_023, by: stranger, tags: [], welcome: false },
    { case: 'a gift wrap to a customer', kind: 1059, by: stranger, tags: [['p', customer.publicKey]], welcome: true },
    { case: 'a gift wrap to a stranger', kind: 1059, by: customer, tags: [['p', stranger.publicKey]], welcome: false },
    { case: 'a gift wrap to nobody', kind: 1059, by: stranger, tags: [], welcome: false },
    { case: 'a gift wrap to something odd', kind: 1059, by: stranger, tags: [['p', 'x'], ['p']], welcome: false },
    { case: 'a note to a customer', kind: 1, by: stranger, tags: [['p', customer.publicKey]], welcome: false },
  ])('for members, $case: $welcome', ({ kind, by, tags, welcome }) => {
    const message = judge('members', kind, by, tags)
    if (welcome) expect(message).toBeNull()
    else expect(message).toMatch(/^restricted: /)
  })

  it.each([
    { inGrace: 1, active: 0, welcome: false },
    { inGrace: 1, active: 1, welcome: true },
    { inGrace: 49, active: 1, welcome: true },
    { inGrace: 50, active: 0, welcome: false },
    { inGrace: 50, active: 1, welcome: true },
  ])('of an owner of $inGrace names in grace and then $active active: $welcome', ({ inGrace, active, welcome }) => {
    const { publicKey } = lapsing
    const put = (tx: Transactor) => {
      for (const { key } of tx.range(tables.byAccount, [publicKey])) tx.delete(tables.byAccount, key)
      for (let index = 0; index < inGrace + active; index++) {
        const name = `n${String(index).padStart(2, '0')}`
        const status = index < inGrace ? ('grace' as const) : ('active' as const)
        const row = {
          status,
          owner: publicKey,
          since: 0,
          expiresAt: 1,
          version: 1,
          relays: [],
          records: [],
          publishedAt: 0,
        }
        tx.put(tables.identifiers, ['free.example', name], row)
        list(tx, publicKey, 'identifier', placeOf(status, `${name}@free.example`))
      }
    }
    service.environment.root.transactionSync(() => put(service.environment.transactor))
    expect(judge('members', 1, lapsing) === null).toBe(welcome)
  })

  it.each([4, 1059, 21_059])('of kind %s to the service is taken from anybody', kind => {
    expect(judge('members', kind, stranger, [['p', service.signer.publicKey]])).toBeNull()
  })

  it('is taken from an owner until the name is in grace', async () => {
    const once = keyOf(6)
    service.send(once, 'identifier.register', { identifier: 'once@free.example' })
    expect(judge('members', 1, once)).toBeNull()
    await service.advance(365 * 86_400)
    expect(judge('members', 1, once)).toMatch(/^restricted: /)
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Books, readBooks, unfinished } from './books.ts'
import { writeConfig } from './config.ts'
import { createCustomer } from './customer.ts'
import { violations } from './invariants.ts'
import { buildProgram, type Program, verify } from './program.ts'
import { chooseSeed, createRandom } from './random.ts'
import { dataIn, startServer } from './server.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-kill-'))
const data = dataIn(directory)
const kills = 20
const customerCount = 10
const settleTimeoutMs = 20_000

let program: Program
let books: Books

beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => {
  program.remove()
  rmSync(directory, { recursive: true, force: true })
})

describe('a service that is killed again and again', () => {
  it(`has lost nothing after ${kills} kills`, async () => {
    const seed = chooseSeed()
    const random = createRandom(seed)
    const config = writeConfig(directory)
    const customers = Array.from({ length: customerCount }, (_, index) =>
      createCustomer({ number: index + 1, random: createRandom(seed + index + 1) }),
    )
    for (let kill = 0; kill < kills; kill++) {
      const server = await startServer({ program, data, config })
      const stopping = new AbortController()
      const running = Promise.all(customers.map(customer => customer.run(server, stopping.signal)))
      // Often at once, when what the last kill left behind is being put in order, and sometimes in full swing.
      await Promise.race([delay(1_500 * random.fraction() ** 1.5), running])
      stopping.abort()
      await server.kill()
      await running
    }

    const server = await startServer({ program, data, config })
    const paid = customers.flatMap(customer => [...customer.paid()])
    const endMs = performance.now() + settleTimeoutMs
    let left = await unfinished(data, paid)
    while (left.length > 0 && performance.now() < endMs) {
      await delay(100)
      left = await unfinished(data, paid)
    }
    expect(left, `seed ${seed}`).toEqual([])
    expect(await server.stop(), `seed ${seed}`).toMatchObject({ exitCode: 0 })

    books = await readBooks(
      data,
      customers.flatMap(customer => customer.sent()),
    )
    const counts = {
      seed,
      commands: books.sent.length,
      acknowledged: books.sent.filter(({ accepted }) => accepted).length,
      logged: books.logged.length,
      orders: books.orders.length,
      payments: books.settlements.length,
      names: books.owners.length,
    }
    console.log(JSON.stringify(counts))
    expect(violations(books), `seed ${seed}`).toEqual([])
    expect(customers.flatMap(customer => customer.refused())).toEqual([])
    for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(10)
    expect(await verify(program, data)).toMatchObject({ exitCode: 0 })
  })

  /** Books that are wrong in one place; `violations` has to see each. */
  const tamperings: [string, (right: Books) => Partial<Books>, RegExp][] = [
    ['a result is lost', ({ results }) => ({ results: results.slice(1) }), /has 0 results/],
    ['a result stands twice', ({ results }) => ({ results: results.concat(results.slice(0, 1)) }), /has 2 results/],
    [
      'an acknowledged command is lost',
      ({ sent }) => ({ sent: [...sent, { id: 'lost', accepted: true, resultId: null }] }),
      /command lost has 0 results/,
    ],
    [
      'a result changes',
      ({ sent }) => ({ sent: sent.map(one => ({ ...one, resultId: 'other' })) }),
      /answered with another result/,
    ],
    ['a command comes from nowhere', ({ logged }) => ({ logged: [...logged, 'strange'] }), /strange is in the log/],
    [
      'a payment is not booked',
      ({ postings }) => ({ postings: postings.filter(({ reason }) => reason !== 'settlement') }),
      /is booked 0 times/,
    ],
    [
      'a payment is of nothing',
      ({ settlements }) => ({ settlements: [...settlements, { paymentHash: 'ff', receivedMsat: 1 }] }),
      /payment ff belongs to no order/,
    ],
    ['an invoice is settled by nobody', ({ settlements }) => ({ settlements: settlements.slice(1) }), /was never paid/],
    [
      'a paid order stays open',
      ({ orders }) => ({ orders: orders.map(order => ({ ...order, status: 'invoiced' as const })) }),
      /is paid and invoiced/,
    ],
    ['a name is sold twice', ({ orders }) => ({ orders: orders.concat(orders) }), /sold is/],
    ['a name is lost', ({ owners }) => ({ owners: owners.slice(1) }), /owned is not/],
    ['a name is not listed', ({ ownersByIndex }) => ({ ownersByIndex: ownersByIndex.slice(1) }), /listed is/],
    [
      'money appears',
      ({ balances }) => ({ balances: balances.map(one => ({ ...one, msat: one.msat + 1 })) }),
      /the ledger adds up to/,
    ],
    [
      'a customer owes us',
      ({ balances }) => ({ balances: balances.map(one => ({ ...one, msat: -Math.abs(one.msat) - 1 })) }),
      /is overdrawn/,
    ],
  ]

  it.each(tamperings)('would be found out if %s', (_what, tamper, expected) => {
    expect(violations({ ...books, ...tamper(books) }).join('\n')).toMatch(expected)
  })
})

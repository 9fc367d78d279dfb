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
const customerCount = 6
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
      await Promise.race([delay(900 * random.fraction() ** 1.5), running])
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
})

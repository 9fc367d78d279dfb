import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readHead } from '../../src/store/log.ts'
import { withTables } from './books.ts'
import { writeConfig } from './config.ts'
import { createCustomer } from './customer.ts'
import { buildProgram, type Program, verify } from './program.ts'
import { chooseSeed, createRandom } from './random.ts'
import { dataIn, startServer } from './server.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-verify-'))
const data = dataIn(directory)
const rounds = 4
const customerCount = 6
let program: Program

beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => {
  program.remove()
  rmSync(directory, { recursive: true, force: true })
})

const logLength = () => withTables(data, environment => readHead(environment).seq)

it('agrees with a service under load, and is in nobody’s way', async () => {
  const seed = chooseSeed()
  const config = writeConfig(directory)
  const server = await startServer({ program, data, config })
  const stopping = new AbortController()
  const customers = Array.from({ length: customerCount }, (_, index) =>
    createCustomer({ number: index + 1, random: createRandom(seed + index) }),
  )
  const running = Promise.all(customers.map(customer => customer.run(server, stopping.signal)))
  try {
    await Promise.race([delay(1_500), running])
    for (let round = 0; round < rounds; round++) {
      const before = await logLength()
      const { exitCode, output } = await verify(program, data)
      const after = await logLength()
      expect({ exitCode, output, seed }).toMatchObject({ exitCode: 0, output: expect.stringMatching(/^verified: /) })
      // What it verified is how things stood at one moment between, while the service went on.
      const verified = Number(/\d+/.exec(output)?.[0])
      expect(verified).toBeGreaterThanOrEqual(before)
      expect(verified).toBeLessThanOrEqual(after)
      expect(after).toBeGreaterThan(before)
    }
    // The lock that keeps a second service out is still the first one's.
    await expect(startServer({ program, data, config })).rejects.toThrow(/another process is using the data directory/)
    expect(server.isRunning()).toBe(true)
  } finally {
    stopping.abort()
    await running
    expect((await server.stop()).exitCode).toBe(0)
  }
  expect(customers.flatMap(customer => customer.refused())).toEqual([])
  const { exitCode, output } = await verify(program, data)
  expect({ exitCode, output, seed }).toMatchObject({ exitCode: 0, output: expect.stringMatching(/^verified: /) })
})

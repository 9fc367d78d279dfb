import { pino } from 'pino'
import { afterEach, expect, it, vi } from 'vitest'
import type { Verdict } from '../../relay/policies/program.ts'
import { startOperatorsProgram } from '../../src/policy-program.ts'
import { eventOf, originOf } from '../relay/policies/events.ts'

afterEach(() => vi.unstubAllEnvs())

const lines: string[] = []
const log = pino({ level: 'info' }, { write: line => lines.push(line) })

/** A configuration whose wallet has its secret in a variable. */
const configOf = (command: string[], timeoutMs: number) => ({
  relay: { program: { command, timeoutMs } },
  wallet: 'nwc:?uriEnv=NWC_OF_PANDA',
})

it('starts no program when there is none', () => {
  expect(startOperatorsProgram(configOf([], 1_000), { log, now: () => 0 })).toBeUndefined()
})

it('keeps the service’s variables and the wallet’s secrets from it, and logs what it says', async () => {
  vi.stubEnv('PANDA_SECRET', 'hidden')
  vi.stubEnv('NOT_PANDA', 'seen')
  vi.stubEnv('NWC_OF_PANDA', 'hidden')
  const script = `
    console.error('begun')
    require('node:readline').createInterface({ input: process.stdin }).on('line', line => {
      const names = Object.keys(process.env).filter(name => name.includes('PANDA'))
      console.log(JSON.stringify({ id: JSON.parse(line).event.id, action: 'reject', msg: 'error: ' + names }))
    })`
  const command = [process.execPath, '-e', script]
  const program = startOperatorsProgram(configOf(command, 10_000), { log, now: () => 0 })
  const verdict = await new Promise<Verdict>(resolve => program?.ask(eventOf(), originOf(), resolve))
  expect(verdict).toEqual({ action: 'refuse', message: 'error: NOT_PANDA' })
  await program?.close()
  const logged = lines.map(line => JSON.parse(line) as object)
  expect(logged).toContainEqual(
    expect.objectContaining({ event: 'policy-program.started', programPid: expect.any(Number) }),
  )
  // A key of the logger's own would be there twice, which JSON readers take differently.
  for (const line of lines) expect(line.split('"pid":')).toHaveLength(2)
  expect(logged).toContainEqual(expect.objectContaining({ event: 'policy-program.says', line: 'begun' }))
})

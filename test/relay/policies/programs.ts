import { afterEach } from 'vitest'
import type { Pauses } from '../../../relay/policies/child.ts'
import {
  type PolicyProgram,
  type ProgramNote,
  startPolicyProgram,
  type Verdict,
} from '../../../relay/policies/program.ts'
import { startTime } from '../authors.ts'
import { eventOf, originOf } from './events.ts'

/** A policy program under test, with what it was noted for. */
export type TestProgram = PolicyProgram & {
  readonly notes: ProgramNote[]
  /** Asks about an event whose id is made of this text. */
  verdict(name: string): Promise<Verdict>
  /** Resolves when there have been so many notes of this kind. */
  noted(what: ProgramNote['what'], count?: number): Promise<void>
}

/** Reads questions and answers with what `answer` makes of one; several lines of JavaScript may go around it. */
export const answering = (answer: string, before = '') => `
  ${before}
  const say = object => process.stdout.write(JSON.stringify(object) + '\\n')
  require('node:readline').createInterface({ input: process.stdin }).on('line', line => {
    const { event, ...question } = JSON.parse(line)
    const { id } = event
    ${answer}
  })`

/** Starts a script of Node as a policy program. */
export function startProgram(
  script: string,
  options: {
    timeoutMs?: number
    maxWaiting?: number
    pauses?: Pauses
    command?: string[]
    env?: Record<string, string>
  } = {},
): TestProgram {
  const { timeoutMs = 10_000, maxWaiting = 2_000, pauses = { first: 20, max: 80 }, env = {} } = options
  const { command = [process.execPath, '-e', script] } = options
  const notes: ProgramNote[] = []
  const waiters = new Set<() => void>()
  const program = startPolicyProgram({
    command,
    timeoutMs,
    maxWaiting,
    env: { PATH: process.env.PATH, ...env },
    now: () => startTime,
    pauses,
    onNote: note => {
      notes.push(note)
      for (const wake of waiters) wake()
    },
  })
  return {
    ...program,
    notes,
    verdict: name =>
      new Promise(resolve => {
        program.ask(eventOf({ id: idOf(name), content: name }), originOf(), resolve)
      }),
    noted: (what, count = 1) =>
      new Promise(resolve => {
        const look = () => {
          if (notes.filter(note => note.what === what).length < count) return
          waiters.delete(look)
          resolve()
        }
        waiters.add(look)
        look()
      }),
  }
}

export function idOf(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(64, '0')
}

/** Starts programs in a test file, and ends them after each test. */
export function keepPrograms(): typeof startProgram {
  let programs: TestProgram[] = []
  afterEach(async () => {
    await Promise.all(programs.map(program => program.close()))
    programs = []
  })
  return (...args) => {
    const program = startProgram(...args)
    programs.push(program)
    return program
  }
}

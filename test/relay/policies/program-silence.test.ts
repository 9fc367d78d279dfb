import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Verdict } from '../../../relay/policies/program.ts'
import { eventOf, originOf } from './events.ts'
import { answering, idOf, keepPrograms, type TestProgram } from './programs.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-program-'))
afterAll(() => rmSync(directory, { recursive: true }))

const start = keepPrograms()

const lateMessage = 'error: the policy program of this relay did not answer in time, try again later'
const refused = (message: string): Verdict => ({ action: 'refuse', message })

describe('a policy program that is silent', () => {
  it('about one event has that event refused, and the others go on', async () => {
    const program = start(answering(`if (event.content !== 'a') say({ id, action: 'accept' })`), { timeoutMs: 1_000 })
    expect(await program.verdict('b')).toEqual({ action: 'accept' })
    const [a] = await Promise.all([program.verdict('a'), keepAsking(program, 1_200)])
    expect(a).toEqual(refused(lateMessage))
    expect(program.notes.map(({ what }) => what)).toEqual(['started'])
  })

  it('about what one stranger sends, though nobody else sends anything, goes on for the others', async () => {
    const program = start(answering(`if (!event.content.startsWith('hang')) say({ id, action: 'accept' })`), {
      timeoutMs: 200,
    })
    expect(await program.verdict('begun')).toEqual({ action: 'accept' })
    for (let round = 0; round < 4; round++) {
      expect(await program.verdict(`hang ${round}`)).toEqual(refused(lateMessage))
      expect(await program.verdict(`well ${round}`)).toEqual({ action: 'accept' })
    }
    expect(program.notes.map(({ what }) => what)).toEqual(['started'])
    expect(program.state()).toEqual({ isUp: true, waiting: 0, timeouts: 4, restarts: 0 })
  })

  it('about several that were sent at once is not taken to hang', async () => {
    const program = start(answering(`if (event.content === 'well') say({ id, action: 'accept' })`), { timeoutMs: 200 })
    expect(await program.verdict('well')).toEqual({ action: 'accept' })
    const verdicts = await Promise.all(['a', 'b', 'c', 'd'].map(program.verdict))
    expect(verdicts).toEqual(Array(4).fill(refused(lateMessage)))
    expect(await program.verdict('well')).toEqual({ action: 'accept' })
    expect(program.notes.map(({ what }) => what)).toEqual(['started'])
  })

  it('about one after the other is started again at once, and those who wait then are not refused', async () => {
    const begun = JSON.stringify(join(directory, 'begun'))
    const program = start(
      answering(
        `if (event.content === 'hang' && isFirst) for (;;);
         say({ id, action: 'accept' })`,
        `const fs = require('node:fs'); const isFirst = !fs.existsSync(${begun}); fs.writeFileSync(${begun}, '')`,
      ),
      { timeoutMs: 1_000, pauses: { first: 60_000, max: 60_000 } },
    )
    expect(await program.verdict('well')).toEqual({ action: 'accept' })
    const times: [string, number][] = [
      ['hang', 0],
      ['a', 510],
      ['b', 1_020],
      ['c', 1_900],
      ['d', 2_030],
    ]
    const verdicts = times.map(async ([name, afterMs]) => {
      await new Promise(resolve => setTimeout(resolve, afterMs))
      return program.verdict(name)
    })
    // After 2,020 ms three are unanswered; the fourth is waiting then, and the fifth comes while nothing runs.
    expect(await Promise.all(verdicts)).toEqual([
      ...Array(3).fill(refused(lateMessage)),
      ...Array(2).fill({ action: 'accept' }),
    ])
    expect(program.notes.map(({ what }) => what)).toEqual(['started', 'silent', 'ended', 'started'])
    expect(program.notes).toContainEqual(expect.objectContaining({ what: 'ended', restartInMs: 0 }))
    expect(program.state()).toEqual({ isUp: true, waiting: 0, timeouts: 3, restarts: 1 })
  })

  it('from its beginning on is left longer and longer to begin', async () => {
    const program = start(answering(''), { timeoutMs: 20 })
    let asked = 0
    const asking = setInterval(() => void program.verdict(`${asked++}`), 5)
    const silentAtMs: number[] = []
    for (const count of [1, 2, 3]) {
      await program.noted('silent', count)
      silentAtMs.push(performance.now())
    }
    clearInterval(asking)
    const [first = 0, second = 0, third = 0] = silentAtMs
    // Six events, half the timeout apart, and then twelve.
    expect(second - first).toBeGreaterThanOrEqual(60)
    expect(third - second).toBeGreaterThanOrEqual(120)
  })

  it('for too long, and answers then, has not changed what was said', async () => {
    const program = start(
      answering(`setTimeout(() => say({ id, action: 'accept' }), event.content === 'a' ? 200 : 0)`),
      {
        timeoutMs: 100,
      },
    )
    await program.verdict('well')
    expect(await program.verdict('a')).toEqual(refused(lateMessage))
    await new Promise(resolve => setTimeout(resolve, 150))
    expect(await program.verdict('b')).toEqual({ action: 'accept' })
  })

  it('and does not end on SIGTERM is killed', async () => {
    const program = start(answering('', `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`), {
      timeoutMs: 300,
    })
    for (const name of ['a', 'b', 'c']) expect(await program.verdict(name)).toEqual(refused(lateMessage))
    await program.noted('ended')
    expect(program.notes).toContainEqual(expect.objectContaining({ what: 'ended', reason: 'it was ended by SIGKILL' }))
  })

  it('and does not read holds no more than may wait, unwritten, and none after their time', async () => {
    const program = start(`setInterval(() => {}, 1000)`, { timeoutMs: 1_000 })
    const content = 'x'.repeat(60_000)
    const ask = (number: number) =>
      new Promise<Verdict>(
        resolve => void program.ask(eventOf({ id: idOf(`e${number}`), content }), originOf(), resolve),
      )
    const before = bytesHeld()
    const verdicts = Array.from({ length: 1_100 }, (_, number) => ask(number))
    expect(program.state().waiting).toBe(1_000)
    const another = { ...originOf(), ip: '198.51.100.200' }
    const others = new Promise(resolve => program.ask(eventOf({ id: idOf('another') }), another, resolve))
    expect(program.state().waiting).toBe(1_001)
    expect(bytesHeld() - before).toBeLessThan(20 * 1024 ** 2)
    expect(await verdicts[1_099]).toEqual(refused('rate-limited: the relay is too busy now, try again later'))
    const settled = await Promise.all(verdicts)
    expect(settled.filter(({ action }) => action === 'refuse')).toHaveLength(1_100)
    await others
    expect(program.state().waiting).toBe(0)
  })

  it('for a while is asked in the order of arrival when it reads again', async () => {
    const program = start(
      answering(
        `setTimeout(() => say({ id, action: 'accept' }), 1)`,
        'const until = Date.now() + 300; while (Date.now() < until);',
      ),
    )
    const content = 'x'.repeat(60_000)
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 50 }, (_, number) =>
        new Promise<Verdict>(
          resolve => void program.ask(eventOf({ id: idOf(`e${number}`), content }), originOf(), resolve),
        ).then(() => order.push(number)),
      ),
    )
    expect(order).toEqual(Array.from({ length: 50 }, (_, number) => number))
  })
})

function bytesHeld(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function keepAsking(program: TestProgram, forMs: number): Promise<void> {
  const endMs = performance.now() + forMs
  for (let number = 0; performance.now() < endMs; number++) {
    await program.verdict(`other ${number}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

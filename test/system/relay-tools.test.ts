import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { createNotes, type Notes, signedNotesFile } from '../../bench/notes.ts'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { makeNewData } from '../src/cli/new-data.ts'
import { writeConfig } from './config.ts'
import { createCustomer } from './customer.ts'
import { buildProgram, type Program, verify } from './program.ts'
import { chooseSeed, createRandom } from './random.ts'
import { dataIn, startServer } from './server.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-tools-'))
const noteCount = 20_000

let program: Program
let notes: Notes
let file: string
let config: string

beforeAll(async () => {
  program = await buildProgram()
  notes = createNotes(await loadSecp256k1())
  file = signedNotesFile(notes, 0, noteCount, directory)
  config = writeConfig(directory)
})
afterAll(() => {
  program.remove()
  rmSync(directory, { recursive: true, force: true })
})

function start(data: string, args: readonly string[]): ChildProcess {
  const all = [program.entry, 'relay', ...args, '--config', config, '--data', data]
  return spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs `panda relay …` to its end. */
async function tool(data: string, ...args: string[]): Promise<{ exitCode: number | null; out: string; err: string }> {
  return ended(start(data, args))
}

async function ended(child: ChildProcess): Promise<{ exitCode: number | null; out: string; err: string }> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout?.on('data', chunk => out.push(chunk))
  child.stderr?.on('data', chunk => err.push(chunk))
  const [exitCode] = await once(child, 'close')
  return { exitCode, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
}

const sortedLines = (text: string) => text.split('\n').filter(Boolean).sort()

describe('an import', () => {
  it('that is killed breaks nothing, and the next one finds what there is', async () => {
    const data = dataIn(mkdtempSync(join(directory, 'killed-')))
    await makeNewData(data)
    const random = createRandom(chooseSeed())
    for (let kill = 0; kill < 3; kill++) {
      const child = start(data, ['import', file])
      child.stdout?.resume()
      child.stderr?.resume()
      // Empty tables take less than this, and all of the notes more than ten times as much.
      const enough = sizeOf(data) + 2 ** 21
      while (child.exitCode === null && sizeOf(data) < enough) await delay(5)
      await delay(300 * random.fraction())
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    }
    const { exitCode, out, err } = await tool(data, 'import', file)
    expect({ exitCode, err: err.replaceAll(/^\d+ lines.*\n/gm, '') }).toEqual({ exitCode: 0, err: '' })
    const [, added = 0, here = 0] = (/: (\d+) added, (\d+) here already, 0 skipped$/m.exec(out) ?? []).map(Number)
    expect(added + here).toBe(noteCount)
    expect(here).toBeGreaterThan(0)
    const exported = await tool(data, 'export')
    expect(sortedLines(exported.out)).toEqual(sortedLines(readFileSync(file, 'utf8')))
    expect(await tool(data, 'scan', '{"kinds":[1]}', '--count')).toMatchObject({ out: `${noteCount}\n` })
    expect(await verify(program, data)).toMatchObject({ exitCode: 0 })
  })

  it('goes on beside customers, who are served meanwhile, and so do the other tools', async () => {
    const seed = chooseSeed()
    const halfCount = noteCount / 2
    const half = signedNotesFile(notes, 0, halfCount, directory)
    const data = dataIn(mkdtempSync(join(directory, 'beside-')))
    const server = await startServer({ program, data, config })
    const stopping = new AbortController()
    const customers = [1, 2, 3].map(number => createCustomer({ number, random: createRandom(seed + number) }))
    const running = Promise.all(customers.map(customer => customer.run(server, stopping.signal)))
    const copy = join(directory, 'copy.mdb')
    try {
      const client = await connectClient(server.websocketUrl)
      let isOver = false
      const importing = tool(data, 'import', half).finally(() => {
        isOver = true
      })
      // One note after the other, each once the one before is on disk: how many there are says how long they wait.
      let served = 0
      while (!isOver) {
        await client.publish(notes.signed(noteCount + served))
        served++
      }
      expect(await importing).toMatchObject({
        exitCode: 0,
        out: expect.stringMatching(
          new RegExp(`^${halfCount} lines .*: ${halfCount} added, 0 here already, 0 skipped\n$`),
        ),
      })
      expect(served).toBeGreaterThan(20)
      expect(await tool(data, 'scan', '{"kinds":[1]}', '--count')).toMatchObject({ out: `${halfCount + served}\n` })
      expect((await tool(data, 'stats', '--json')).exitCode).toBe(0)
      expect(await tool(data, 'compact', copy)).toMatchObject({ exitCode: 0, err: '' })
      expect(await tool(data, 'delete', '--filter', '{"kinds":[1]}')).toMatchObject({
        exitCode: 0,
        out: `${halfCount + served} events removed\n`,
      })
      expect(await tool(data, 'scan', '{"kinds":[1]}', '--count')).toMatchObject({ out: '0\n' })
      client.close()
    } finally {
      stopping.abort()
      await running
      expect((await server.stop()).exitCode).toBe(0)
    }
    expect(customers.flatMap(customer => customer.refused())).toEqual([])
    expect(customers.flatMap(customer => customer.sent()).length).toBeGreaterThan(10)
    expect(server.log()).toBe('')
    expect(await verify(program, data)).toMatchObject({ exitCode: 0 })
  })

  it('ends with the service, and has what it counted', async () => {
    const data = dataIn(mkdtempSync(join(directory, 'stopped-')))
    const server = await startServer({ program, data, config })
    const importing = tool(data, 'import', file)
    const client = await connectClient(server.websocketUrl)
    while ((await client.count({ kinds: [1] })) === 0) await delay(10)
    client.close()
    expect((await server.stop()).exitCode).toBe(0)
    const { exitCode, err } = await importing
    expect(exitCode).toBe(1)
    expect(err).toMatch(/the import ended: the service went away/)
    expect(server.log()).toBe('')
    expect(await verify(program, data)).toMatchObject({ exitCode: 0 })
  })
})

describe('an export', () => {
  it('ends quietly when its reader has enough', async () => {
    const data = dataIn(mkdtempSync(join(directory, 'head-')))
    await makeNewData(data)
    await tool(data, 'import', signedNotesFile(notes, 0, 2_000, directory))
    const child = start(data, ['export'])
    child.stdout?.once('data', () => child.stdout?.destroy())
    expect(await ended(child)).toMatchObject({ exitCode: 0, err: '' })
  })
})

function sizeOf(data: string): number {
  return statSync(join(data, 'data.mdb'), { throwIfNoEntry: false })?.size ?? 0
}

/** A client that does one thing at a time. */
async function connectClient(url: string) {
  const socket = new WebSocket(url)
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('the connection was closed')))
  closed.catch(() => undefined)
  const heard: ((message: unknown[]) => void)[] = []
  socket.on('message', data => {
    const message = JSON.parse(String(data)) as unknown[]
    if (message[0] === 'OK' || message[0] === 'EOSE' || message[0] === 'EVENT') heard.at(-1)?.(message)
  })
  await once(socket, 'open')
  const ask = <T>(message: unknown, answer: (said: unknown[], done: (value: T) => void) => void) => {
    const answered = new Promise<T>(resolve => heard.push(said => answer(said, resolve)))
    socket.send(JSON.stringify(message))
    return Promise.race([answered, closed])
  }
  return {
    publish: async (event: unknown) => {
      const message = await ask<unknown[]>(['EVENT', event], (said, done) => done(said))
      if (message[2] !== true) throw new Error(`a note was refused: ${JSON.stringify(message)}`)
    },
    count: (filter: object) => {
      let events = 0
      return ask<number>(['REQ', 'x', filter], (said, done) => {
        if (said[0] === 'EVENT') events++
        else done(events)
      })
    },
    close: () => socket.terminate(),
  }
}

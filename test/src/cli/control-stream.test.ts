import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callControlStream } from '../../../src/cli/call-stream.ts'
import { ControlError, callControl, controlSocketPath, createControlServer } from '../../../src/cli/control-socket.ts'
import type { ControlStream } from '../../../src/cli/control-stream.ts'

let directory: string
let path: string
let closing: (() => Promise<void>)[]
let reported: unknown[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panda-stream-'))
  path = controlSocketPath(directory)
  closing = []
  reported = []
})
afterEach(async () => {
  for (const close of closing) await close()
  rmSync(directory, { recursive: true, force: true })
})

async function serve(streams: Record<string, ControlStream>) {
  const handlers = { greet: async () => ({ ok: true, result: 'hello' }) as const }
  const report = (error: unknown) => void reported.push(error)
  const server = await createControlServer({ path, handlers, streams, report })
  closing.push(server.close)
  return server
}

/** Counts the bytes it is sent, and says how many there were every so often. */
const count: ControlStream = async (_params, { input, tell }) => {
  let bytes = 0
  for await (const chunk of input) {
    bytes += chunk.length
    tell({ bytes })
  }
  return { ok: true, result: { bytes } }
}

async function* chunks(total: number, size = 65_536): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < total; sent += size) yield Buffer.alloc(Math.min(size, total - sent))
}

/** Resolves when `aborted` says so: a method that waits for its caller to go. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(2)
}

describe('a long method of the control socket', () => {
  it.each([0, 1, 5_000_000])('is sent all of %i bytes, and answers at their end', async total => {
    await serve({ count })
    expect(await callControlStream(path, 'count', {}, { input: chunks(total) })).toEqual({ bytes: total })
  })

  it('gets its params, and what was sent in one piece with the request', async () => {
    const echo: ControlStream = async (params, { input }) => {
      let text = ''
      for await (const chunk of input) text += Buffer.from(chunk).toString()
      return { ok: true, result: [params, text] }
    }
    await serve({ echo })
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connect({ path, allowHalfOpen: true })
      let text = ''
      socket.on('data', chunk => {
        text += chunk
      })
      socket.on('end', () => resolve(text)).on('error', reject)
      socket.end('{"method":"echo","params":{"a":1}}\n{"method":"greet"}\nrest')
    })
    expect(JSON.parse(said)).toEqual({ ok: true, result: [{ a: 1 }, '{"method":"greet"}\nrest'] })
  })

  it('says how far it is', async () => {
    const steps: ControlStream = async (_params, { tell }) => {
      for (const step of [1, 2, 3]) tell({ step })
      return { ok: true, result: 'done' }
    }
    await serve({ steps })
    const told: unknown[] = []
    const progress = (value: unknown) => void told.push(value)
    expect(await callControlStream(path, 'steps', {}, { progress })).toBe('done')
    expect(told).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }])
  })

  it('takes its input no faster than it asks for it', async () => {
    let open = () => {}
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    const slow: ControlStream = async (params, work) => {
      await gate
      return count(params, work)
    }
    await serve({ slow })
    let sent = 0
    const input = async function* () {
      for await (const chunk of chunks(20_000_000)) {
        sent += chunk.length
        yield chunk
      }
    }
    const answer = callControlStream(path, 'slow', {}, { input: input() })
    let before = -1
    while (sent !== before) {
      before = sent
      await delay(50)
    }
    expect(sent).toBeLessThan(5_000_000)
    open()
    expect(await answer).toEqual({ bytes: 20_000_000 })
  })

  it('may answer before all was sent', async () => {
    const first: ControlStream = async (_params, { input }) => {
      for await (const _ of input) return { ok: false, error: 'enough' }
      return { ok: true, result: null }
    }
    await serve({ first })
    const endless = async function* () {
      for (;;) yield Buffer.alloc(65_536)
    }
    await expect(callControlStream(path, 'first', {}, { input: endless() })).rejects.toThrow('enough')
  })

  it('hears of a caller that goes away, and is not told of as a bug', async () => {
    let isOver = false
    const patient: ControlStream = async (_params, { tell, signal }) => {
      // A caller may end what it sends: that nobody listens any more is found out by telling.
      const telling = setInterval(() => tell(null), 5)
      await untilAborted(signal)
      clearInterval(telling)
      isOver = true
      throw new Error('interrupted')
    }
    await serve({ patient })
    const socket = connect({ path })
    socket.write('{"method":"patient"}\n')
    await delay(20)
    socket.destroy()
    await until(() => isOver)
    expect(reported).toEqual([])
  })

  it('is one at a time, and others are answered meanwhile', async () => {
    let begun = 0
    const patient: ControlStream = async (params, work) => {
      begun++
      return count(params, work)
    }
    await serve({ patient })
    let open = () => {}
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    const waiting = async function* () {
      await gate
      yield Buffer.from('x')
    }
    const first = callControlStream(path, 'patient', {}, { input: waiting() })
    await until(() => begun === 1)
    await expect(callControlStream(path, 'patient', {})).rejects.toThrow(/busy with another/)
    expect(await callControl(path, 'greet', {})).toBe('hello')
    open()
    expect(await first).toEqual({ bytes: 1 })
    expect(await callControlStream(path, 'patient', {})).toEqual({ bytes: 0 })
  })

  it('that is faulty is reported, and the caller learns only that', async () => {
    const broken: ControlStream = async () => {
      throw new Error('the key is 1234')
    }
    await serve({ broken })
    const refused = callControlStream(path, 'broken', {})
    await expect(refused).rejects.toThrow('the service failed; see its log')
    expect(reported).toEqual([new Error('the key is 1234')])
  })

  it('is over before the service has closed', async () => {
    let isOver = false
    const patient: ControlStream = async (_params, { signal }) => {
      await untilAborted(signal)
      await delay(20)
      isOver = true
      return { ok: true, result: null }
    }
    const server = await serve({ patient })
    const call = callControlStream(path, 'patient', {}).catch((error: unknown) => error)
    await delay(20)
    await server.close()
    expect(isOver).toBe(true)
    expect(await call).toBeInstanceOf(ControlError)
  })

  it('is not there when nobody listens, and input that fails is told as it is', async () => {
    await expect(callControlStream(path, 'count', {})).rejects.toThrow(/nothing answers/)
    await serve({ count })
    const torn = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('x')
      throw new Error('the tape tore')
    }
    await expect(callControlStream(path, 'count', {}, { input: torn() })).rejects.toThrow('the tape tore')
    await expect(callControlStream(path, 'constructor', {})).rejects.toThrow(/knows no such method/)
  })
})

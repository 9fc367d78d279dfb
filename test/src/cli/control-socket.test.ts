import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  ControlError,
  type ControlHandler,
  type ControlLimits,
  callControl,
  controlHandler,
  controlSocketPath,
  createControlServer,
} from '../../../src/cli/control-socket.ts'

let directory: string
let path: string
let closing: (() => Promise<void>)[]
let reported: unknown[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panda-control-'))
  path = controlSocketPath(directory)
  closing = []
  reported = []
})
afterEach(async () => {
  for (const close of closing) await close()
  rmSync(directory, { recursive: true, force: true })
})

const greet = controlHandler(z.strictObject({ name: z.string().max(20) }), async ({ name }) =>
  name === 'nobody' ? { ok: false, error: 'nobody is here' } : { ok: true, result: { greeting: `hello ${name}` } },
)
const ask = (method: string, params: unknown, timeoutMs = 5_000) => callControl(path, method, params, timeoutMs)

async function serve(handlers: Record<string, ControlHandler> = { greet }, limits: Partial<ControlLimits> = {}) {
  const server = await createControlServer({ path, handlers, limits, report: error => reported.push(error) })
  closing.push(server.close)
  return server
}

/** Writes bytes as they are and gives everything that comes back until the connection ends or `lines` have come. */
function exchange(bytes: string, lines: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    let said = ''
    socket.on('data', chunk => {
      said += chunk
      if (said.split('\n').length > lines) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(said.split('\n').filter(line => line !== '')))
    socket.write(bytes)
  })
}

describe('the control socket', () => {
  it('answers what it is asked', async () => {
    await serve()
    expect(await ask('greet', { name: 'alice' })).toEqual({ greeting: 'hello alice' })
  })

  it.each([
    ['a refusal of the method', 'greet', { name: 'nobody' }, 'nobody is here'],
    ['a method it does not know', 'shout', {}, 'no such method'],
    ['a method that every object has', 'constructor', {}, 'no such method'],
    ['params of another kind', 'greet', { name: 7 }, 'params.name: '],
    ['params too many', 'greet', { name: 'alice', age: 7 }, 'params.age: unknown key'],
    ['no params', 'greet', undefined, 'params: '],
    ['a method name that is too long', 'g'.repeat(65), {}, 'not a JSON object with method'],
    ['a bug', 'broken', {}, 'the service failed; see its log'],
    ['a bug that is no promise', 'broken at once', {}, 'the service failed; see its log'],
    ['a result that cannot be written', 'unwritable', {}, 'the service failed; see its log'],
  ])('says no to %s', async (_case, method, params, said) => {
    const broken = async () => {
      throw new Error('the key is 1234')
    }
    const brokenAtOnce = () => {
      throw new Error('the key is 1234')
    }
    const unwritable = async () => ({ ok: true, result: 10n }) as const
    await serve({ greet, broken, 'broken at once': brokenAtOnce, unwritable })
    const asking = ask(method, params)
    await expect(asking).rejects.toThrow(ControlError)
    await expect(asking).rejects.toThrow(said)
    await expect(asking).rejects.not.toThrow('1234')
    expect(reported).toHaveLength(said.includes('see its log') ? 1 : 0)
    expect(await ask('greet', { name: 'alice' }).catch(() => 'refused')).toEqual({ greeting: 'hello alice' })
  })

  it('answers requests on one connection in their order, however they are cut up', async () => {
    const slow: ControlHandler = async () => {
      await delay(30)
      return { ok: true, result: 'slow' }
    }
    await serve({ greet, slow })
    const requests = ['{"method":"slow"}', 'no json', '[]', '{"method":"greet","params":{"name":"é"}}']
    const replies = await exchange(`${requests.join('\n')}\n`, 4)
    expect(replies.map(reply => JSON.parse(reply))).toMatchObject([
      { ok: true, result: 'slow' },
      { ok: false },
      { ok: false },
      { ok: true, result: { greeting: 'hello é' } },
    ])
    const socket = connect({ path })
    const answer = new Promise<string>(resolve => socket.once('data', chunk => resolve(String(chunk))))
    for (const byte of Buffer.from(`${requests[3]}\n`)) {
      socket.write(Buffer.of(byte))
      await delay(0)
    }
    expect(JSON.parse(await answer)).toEqual({ ok: true, result: { greeting: 'hello é' } })
    socket.destroy()
  })

  it('answers many at once', async () => {
    await serve()
    const names = Array.from({ length: 10 }, (_, index) => `${index}`)
    const greetings = await Promise.all(names.map(name => ask('greet', { name })))
    expect(greetings).toEqual(names.map(name => ({ greeting: `hello ${name}` })))
  })

  it('survives a client that goes away before the answer', async () => {
    let release: () => void = () => undefined
    const waits = new Promise<void>(resolve => {
      release = resolve
    })
    const held: ControlHandler = async () => {
      await waits
      return { ok: true, result: null }
    }
    await serve({ greet, held })
    const socket = connect({ path })
    socket.write('{"method":"held"}\n')
    await delay(20)
    socket.destroy()
    await delay(20)
    release()
    await delay(20)
    expect(await ask('greet', { name: 'alice' })).toEqual({ greeting: 'hello alice' })
    expect(reported).toEqual([])
  })
})

describe('the limits of the control socket', () => {
  const limits = { maxRequestBytes: 200, maxConnections: 2, timeoutMs: 100 }

  it.each([
    ['with an end', `${'x'.repeat(5_000_000)}\n`],
    ['without an end', 'x'.repeat(5_000_000)],
    ['that is one byte too long', `${'x'.repeat(201)}\n`],
  ])('refuse a request %s', async (_case, request) => {
    await serve({ greet }, limits)
    const replies = await exchange(request, 1)
    expect(replies.map(reply => JSON.parse(reply))).toEqual([{ ok: false, error: 'a request has at most 200 bytes' }])
    expect(await ask('greet', { name: 'alice' })).toEqual({ greeting: 'hello alice' })
  })

  it('refuse a long request that follows a good one', async () => {
    await serve({ greet }, limits)
    const [first, second] = await exchange(`{"method":"greet","params":{"name":"a"}}\n${'x'.repeat(5_000_000)}`, 2)
    expect([first, second]).toEqual([
      '{"ok":true,"result":{"greeting":"hello a"}}',
      '{"ok":false,"error":"a request has at most 200 bytes"}',
    ])
  })

  it('take no more while an answer is awaited', async () => {
    await serve({ endless: () => new Promise(() => undefined) }, { ...limits, timeoutMs: 5_000 })
    const socket = connect({ path })
    socket.on('error', () => socket.destroy())
    socket.write('{"method":"endless"}\n')
    await delay(20)
    const taken = new Promise(resolve => socket.write('x'.repeat(5_000_000), () => resolve('taken')))
    expect(await Promise.race([taken, delay(300, 'waiting')])).toBe('waiting')
    socket.destroy()
  })

  it('leave alone a connection that is in use', async () => {
    await serve({ greet }, limits)
    const socket = connect({ path })
    let said = ''
    socket.on('data', chunk => {
      said += chunk
    })
    for (let round = 0; round < 5; round++) {
      socket.write('{"method":"greet","params":{"name":"a"}}\n')
      await delay(limits.timeoutMs)
    }
    expect(said.match(/hello a/g)).toHaveLength(5)
    socket.destroy()
  })

  it('allow a request of just the length', async () => {
    await serve({ greet }, limits)
    const request = '{"method":"greet","params":{"name":"alice"}}'.padEnd(200)
    expect(await exchange(`${request}\n`, 1)).toEqual(['{"ok":true,"result":{"greeting":"hello alice"}}'])
  })

  it.each([
    ['silent', 0],
    ['slow', 20],
  ])('end a connection that is %s', async (_case, everyMs) => {
    await serve({ greet }, limits)
    const socket = connect({ path })
    const dripping = everyMs === 0 ? undefined : setInterval(() => socket.write('x'), everyMs)
    // The other end may be gone while a byte is under way.
    socket.on('error', () => socket.destroy())
    const startedAt = performance.now()
    await new Promise(resolve => socket.on('close', resolve))
    clearInterval(dripping)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  it('answer for a handler that takes too long', async () => {
    await serve({ greet, endless: () => new Promise(() => undefined) }, limits)
    await expect(ask('endless', {})).rejects.toThrow('takes too long')
  })

  it('keep the number of connections', async () => {
    await serve({ greet }, { ...limits, timeoutMs: 5_000 })
    const idle = [connect({ path }), connect({ path })]
    await Promise.all(idle.map(socket => new Promise(resolve => socket.on('connect', resolve))))
    await delay(20)
    await expect(ask('greet', { name: 'alice' })).rejects.toThrow(ControlError)
    for (const socket of idle) socket.destroy()
    await delay(20)
    expect(await ask('greet', { name: 'alice' })).toEqual({ greeting: 'hello alice' })
  })
})

describe('the file of the control socket', () => {
  it('is for its owner alone, whatever the mask, and the mask stays', async () => {
    const mask = process.umask(0)
    try {
      await serve()
      expect(process.umask()).toBe(0)
    } finally {
      process.umask(mask)
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(path).isSocket()).toBe(true)
  })

  it('is gone once the server is closed, and connections with it', async () => {
    const server = await serve()
    const socket = connect({ path })
    await new Promise(resolve => socket.on('connect', resolve))
    const ended = new Promise(resolve => socket.on('close', resolve))
    await server.close()
    await ended
    closing = []
    expect(existsSync(path)).toBe(false)
    await expect(ask('greet', { name: 'alice' })).rejects.toThrow('is the service running')
  })

  it('is replaced when its process is dead', async () => {
    leaveStaleSocket(path)
    await expect(ask('greet', { name: 'alice' })).rejects.toThrow('is the service running')
    await serve()
    expect(await ask('greet', { name: 'alice' })).toEqual({ greeting: 'hello alice' })
  })

  it('is left alone when its process lives', async () => {
    await serve()
    await expect(createControlServer({ path, handlers: {} })).rejects.toThrow('another process answers')
    expect(await ask('greet', { name: 'alice' })).toEqual({ greeting: 'hello alice' })
  })

  it.each(['a file', 'a link to a file'])('does not replace %s', async kind => {
    const file = kind === 'a file' ? path : join(directory, 'precious')
    writeFileSync(file, 'precious')
    if (file !== path) symlinkSync(file, path)
    await expect(createControlServer({ path, handlers: {} })).rejects.toThrow('is not a socket')
    expect(readFileSync(file, 'utf8')).toBe('precious')
  })

  it('is not made or looked for where its name would be cut short', async () => {
    const long = join(directory, 'd'.repeat(120), 'control.sock')
    await expect(createControlServer({ path: long, handlers: {} })).rejects.toThrow('choose a shorter data directory')
    await expect(callControl(long, 'greet', {})).rejects.toThrow('choose a shorter data directory')
  })

  it('is not made where there is no directory', async () => {
    await expect(createControlServer({ path: join(directory, 'no', 'control.sock'), handlers: {} })).rejects.toThrow()
  })
})

describe('asking a service that is not one', () => {
  it.each([
    ['says nothing', '', 'in time'],
    ['hangs up', null, 'went away'],
    ['talks nonsense', 'HTTP/1.1 400 Bad Request\n', 'cannot be read'],
    ['never ends', 'x'.repeat(2_000_000), 'too long'],
  ])('that %s', async (_case, answer, said) => {
    const server = createServer(socket => {
      socket.on('error', () => socket.destroy())
      socket.resume()
      if (answer === null) socket.end()
      else socket.write(answer)
    })
    await new Promise<void>(resolve => server.listen(path, resolve))
    closing.push(() => new Promise(resolve => server.close(() => resolve())))
    const asking = ask('greet', {}, 200)
    await expect(asking).rejects.toThrow(ControlError)
    await expect(asking).rejects.toThrow(said)
  })
})

/** A socket file whose listener has gone without removing it, as after a kill. */
function leaveStaleSocket(at: string): void {
  const program = `require('net').createServer().listen(${JSON.stringify(at)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', program])
  if (!statSync(at).isSocket()) throw new Error('no stale socket was left')
}

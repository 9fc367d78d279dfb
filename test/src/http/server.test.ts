import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createHttpApp, type HttpDeps } from '../../../src/http/app.ts'
import { createClientIp } from '../../../src/http/client-ip.ts'
import { createHttpServer, type OnUpgrade, serveHttp } from '../../../src/http/server.ts'
import { stubDeps } from './stub.ts'

const open: Server[] = []
const ips: string[] = []
const replies: [route: string, status: number][] = []
const errors: unknown[] = []

afterEach(async () => {
  for (const list of [ips, replies, errors]) list.length = 0
  for (const server of open.splice(0)) {
    await new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
})

async function listen(overrides: Partial<HttpDeps> = {}): Promise<number> {
  const deps = stubDeps({
    onReply: (route, status) => void replies.push([route, status]),
    onError: error => void errors.push(error),
    clientIp: createClientIp(address => address === '127.0.0.1'),
    gateway: {
      command: async (_event, ip) => {
        ips.push(ip)
        return { status: 'refused', message: 'invalid: stub' }
      },
      query: async () => ({ status: 'refused', message: 'invalid: stub' }),
    },
    ...overrides,
  })
  const onUpgrade: OnUpgrade = (request, socket) => {
    ips.push(deps.clientIp(request))
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`)
  }
  const server = createHttpServer()
  serveHttp(server, createHttpApp(deps), { ...deps, onUpgrade })
  open.push(server)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Sends bytes as they are and resolves with everything that comes back until the server closes. */
async function send(...parts: string[]): Promise<string> {
  const socket = connect(await listen(), '127.0.0.1')
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', data => {
      text += data
    })
    socket.on('error', error => (text === '' ? reject(error) : resolve(text)))
    socket.on('close', () => resolve(text))
    for (const part of parts) socket.write(part)
  })
}

describe('what the HTTP parser or Hono cannot take', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['headers over 16 KiB', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
    ['a target over 16 KiB', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
    ['no Host', 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['a Host that is none', 'GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n', 400],
    ['a smuggled length', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', 400],
  ])('is refused readably for web pages: %s', async (_case, bytes, status) => {
    const answer = await send(bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.toLowerCase()).toContain('access-control-allow-origin: *')
  })
})

describe('a request body', () => {
  const head = 'POST /v1/commands HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n'

  it('is refused by its stated length before it is sent', async () => {
    expect(await send(`${head}content-length: 200000\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /)
  })

  it('is refused when its chunks add up to too much', async () => {
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`
    expect(
      await send(`${head}transfer-encoding: chunked\r\n\r\n`, ...Array<string>(9).fill(chunk), '0\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 413 /)
  })

  it.each([
    ['of a stated length', 'content-length: 2\r\n\r\n{}'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n'],
  ])('%s arrives with the address that a trusted proxy reports', async (_case, rest) => {
    expect(await send(`${head}x-forwarded-for: 198.51.100.1\r\n${rest}`)).toContain('INVALID_EVENT')
    expect(ips).toEqual(['198.51.100.1'])
  })
})

describe('a client that hangs up', () => {
  const json = 'content-type: application/json\r\n'
  const post = (path: string, headers: string) => `POST ${path} HTTP/1.1\r\nhost: a\r\n${headers}`

  /** Sends the beginning of a request and resolves when it has arrived. */
  async function begin(bytes: string, overrides?: Partial<HttpDeps>): Promise<Socket> {
    const port = await listen(overrides)
    const arrived = new Promise(resolve => open.at(-1)?.once('request', resolve))
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(bytes)
    await arrived
    return socket
  }

  it.each([
    ['/v1/commands', 'by its stated length', `${json}content-length: 100\r\n\r\n{`],
    ['/v1/queries', 'by its chunks', `${json}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`],
    ['/', 'before any of it', 'content-type: application/nostr+json+rpc\r\ncontent-length: 100\r\n\r\n'],
  ])('before the end of what it posts is no fault of ours: %s, %s', async (path, _case, rest) => {
    const socket = await begin(post(path, rest))
    socket.resetAndDestroy()
    await vi.waitFor(() => expect(replies).toEqual([[path, 499]]))
    expect(errors).toEqual([])
  })

  it('after it hides no fault of ours', async () => {
    const fault = new Error('a bug')
    let fail = () => {}
    const failing = new Promise<never>((_, reject) => {
      fail = () => reject(fault)
    })
    const gateway = { command: () => failing, query: () => failing }
    const socket = await begin(post('/v1/commands', `${json}content-length: 2\r\n\r\n{}`), { gateway })
    socket.resetAndDestroy()
    await vi.waitFor(async () => expect(await connections()).toBe(0))
    fail()
    await vi.waitFor(() => expect(replies).toEqual([['/v1/commands', 500]]))
    expect(errors).toEqual([fault])
  })

  function connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      open.at(-1)?.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    )
  }
})

describe('a websocket handshake', () => {
  it('is handed over', async () => {
    const handshake = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n'
    expect(await send(handshake)).toBe('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n')
  })

  it('comes from where the proxy says, by all the headers that there are', async () => {
    const forwarded = ['203.0.113.5', '198.51.100.1', '127.0.0.1'].map(ip => `X-Forwarded-For: ${ip}\r\n`).join('')
    await send(`GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${forwarded}\r\n`)
    expect(ips).toEqual(['198.51.100.1'])
  })
})

describe('the server', () => {
  it('asks for patience until it is given the app', async () => {
    const server = createHttpServer()
    open.push(server)
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`
    const early = await fetch(url)
    expect(early.status).toBe(503)
    expect(early.headers.get('access-control-allow-origin')).toBe('*')
    serveHttp(server, createHttpApp(stubDeps()), { ...stubDeps(), onUpgrade: (_, socket) => socket.destroy() })
    expect((await fetch(url)).status).toBe(200)
  })

  it('bounds how long a request may take to arrive', () => {
    const server = createHttpServer()
    expect(server.headersTimeout).toBe(10_000)
    expect(server.requestTimeout).toBe(30_000)
    expect(server.keepAliveTimeout).toBe(65_000)
  })
})

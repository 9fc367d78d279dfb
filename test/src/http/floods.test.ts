import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createHttpApp } from '../../../src/http/app.ts'
import { createHttpServer, serveHttp } from '../../../src/http/server.ts'
import { stubDeps } from './stub.ts'

let server: Server
const clients: Socket[] = []
const replies: string[] = []
const ended: string[] = []
/** Requests that the parser has seen; most of them should not even be. */
let parsed = 0

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  for (const list of [replies, ended]) list.length = 0
  parsed = 0
  await new Promise(resolve => server.close(resolve))
})

type Overrides = Parameters<typeof stubDeps>[0]

async function listen(overrides: Overrides = {}): Promise<void> {
  const deps = stubDeps({
    onReply: route => void replies.push(route),
    ended: reason => void ended.push(reason),
    ...overrides,
  })
  server = createHttpServer()
  serveHttp(server, createHttpApp(deps), { ...deps, onUpgrade: () => ended.push('upgrade') })
  server.on('request', () => parsed++)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
}

async function open(): Promise<Socket> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  clients.push(client)
  client.on('error', () => undefined)
  await new Promise(resolve => client.once('connect', resolve))
  return client
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: example.com\r\n\r\n`

/** Sends, and resolves with what came back when there are so many answers, or the connection is gone. */
function ask(client: Socket, bytes: string, answers: number): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    const done = () => resolve(text)
    client.on('close', done)
    client.on('data', function add(data) {
      text += data
      if (text.split('HTTP/1.1 ').length <= answers) return
      client.off('data', add).off('close', done)
      done()
    })
    client.write(bytes)
  })
}

describe('requests that are sent ahead of their answers', () => {
  it.each([
    ['/', 'GET / HTTP/1.1\r\n\r\n'],
    ['a lookup', get('/.well-known/nostr.json?name=alice')],
  ])('by the thousand end the connection, and are not even parsed: %s', async (_case, request) => {
    await listen()
    await ask(await open(), request.repeat(2_500), 2_500)
    expect(ended).toEqual(['pipelined'])
    expect(parsed).toBeLessThan(20)
    expect(replies.length).toBeLessThan(20)
  })

  it('are ended so before there is an app', async () => {
    server = createHttpServer(
      () => undefined,
      reason => ended.push(reason),
    )
    server.on('request', () => parsed++)
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    await ask(await open(), get('/').repeat(2_500), 2_500)
    expect([ended, parsed]).toEqual([['pipelined'], 18])
  })

  it('are answered in turn with those of others', async () => {
    await listen()
    const ahead = 17
    const greedy = await Promise.all(Array.from({ length: 20 }, open))
    const other = await open()
    for (const client of [...greedy, other]) await ask(client, get('/readyz'), 1)
    replies.length = 0
    const answers = greedy.map(client => ask(client, get('/').repeat(ahead), ahead))
    await ask(other, get('/healthz'), 1)
    await Promise.all(answers)
    expect(replies).toHaveLength(20 * ahead + 1)
    expect(replies.indexOf('/healthz')).toBeLessThan(20 * 4)
    await ask(other, get('/healthz').repeat(ahead), ahead)
    await ask(other, get('/healthz').repeat(ahead), ahead)
    expect(ended).toEqual([])
  })

  it('are answered in their order when they are few, bodies and slow answers included', async () => {
    const refused = { status: 'refused', message: 'invalid: BAD: slow' } as const
    await listen({
      gateway: {
        command: () => new Promise(resolve => setTimeout(() => resolve(refused), 20)),
        query: async () => ({ status: 'refused', message: 'invalid: BAD: fast' }),
      },
    })
    const post = (path: string, body: string) =>
      `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const large = `{"content":"${'a'.repeat(100_000)}"}`
    const bytes =
      post('/v1/commands', large) + post('/v1/queries', large) + get('/healthz') + post('/v1/commands', '{}')
    const text = await ask(await open(), bytes, 4)
    expect([...text.matchAll(/slow|fast|ok\n/g)].map(([word]) => word)).toEqual(['slow', 'fast', 'ok\n', 'slow'])
  })

  it('wait for the client to read: one answer is made, and no more', async () => {
    const methods = { text: 'a'.repeat(16 * 1024 ** 2) }
    await listen({ methods: () => methods })
    const connection = new Promise<Socket>(resolve => server.once('connection', resolve))
    const client = await open()
    client.pause()
    client.write(get('/v1/methods').repeat(10))
    const socket = await connection
    await vi.waitFor(() => expect(socket.writableLength).toBeGreaterThan(0))
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    expect(replies).toEqual(['/v1/methods'])
  })
})

describe('requests one after the other', () => {
  it('are as many as a client likes, each handled as soon as it comes', async () => {
    await listen()
    const handledAt: boolean[] = []
    server.on('request', () => handledAt.push(replies.length === handledAt.length + 1))
    const client = await open()
    for (let index = 0; index < 300; index++) {
      expect(await ask(client, get('/.well-known/nostr.json?name=alice'), 1)).toContain('200 OK')
    }
    expect(handledAt).toEqual(Array(300).fill(true))
    expect(ended).toEqual([])
  })
})

describe('an address that asks too often', () => {
  it('is refused everything but lookups', async () => {
    await listen({ mayAsk: () => false })
    const client = await open()
    for (const path of ['/', '/v1/methods', '/nothing']) {
      const text = await ask(client, get(path), 1)
      expect(text).toMatch(/^HTTP\/1.1 429 /)
      expect(text).toContain('access-control-allow-origin: *')
      expect(text).toContain('RATE_LIMITED')
    }
    expect(await ask(client, get('/.well-known/nostr.json?name=alice'), 1)).toMatch(/^HTTP\/1.1 200 /)
    expect(replies).toEqual(['rationed', 'rationed', 'rationed', '/.well-known/nostr.json'])
  })
})

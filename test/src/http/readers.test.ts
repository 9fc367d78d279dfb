import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Readers, watchReaders } from '../../../src/http/readers.ts'

const mebibyte = 1024 ** 2
const limits = { drainSeconds: 30, maxUnreadBytes: 60 * mebibyte }

let server: Server
let readers: Readers
let nowMs = 0
const clients: Socket[] = []
const served: Socket[] = []
const ended: string[] = []

beforeEach(async () => {
  nowMs = 0
  // The path says how many MiB are wanted.
  server = createServer((request, response) => response.end(Buffer.alloc(Number(request.url?.slice(1)) * mebibyte)))
  readers = watchReaders(server, { limits, nowMs: () => nowMs, ended: reason => ended.push(reason) })
  server.on('connection', socket => served.push(socket))
  server.on('upgrade', (_request, socket) => {
    readers.forget(socket)
    socket.write(Buffer.alloc(20 * mebibyte))
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  for (const socket of [...clients.splice(0), ...served.splice(0)]) socket.destroy()
  ended.length = 0
  await new Promise(resolve => server.close(resolve))
})

/** Asks for so many MiB and reads nothing; resolves with the server's socket when the answer waits there. */
async function ask(path: string, headers = ''): Promise<{ client: Socket; socket: Socket }> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  clients.push(client)
  client.pause().on('error', () => undefined)
  client.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n${headers}\r\n`)
  const socket = await vi.waitFor(() => {
    const found = served.find(({ remotePort }) => remotePort === client.localPort)
    if (found === undefined || found.writableLength === 0) throw new Error('nothing waits yet')
    return found
  })
  return { client, socket }
}

describe('a client that does not read', () => {
  it('is ended when it has not taken its answer for so long', async () => {
    const { socket } = await ask('/20')
    readers.look()
    nowMs = 29_999
    readers.look()
    expect([ended, socket.destroyed]).toEqual([[], false])
    nowMs = 30_000
    readers.look()
    expect([ended, socket.destroyed]).toEqual([['unread-time'], true])
    readers.look()
    expect(ended).toEqual(['unread-time'])
  })

  it('has its time anew with each answer that it takes', async () => {
    const { client, socket } = await ask('/20')
    readers.look()
    nowMs = 20_000
    client.resume()
    await vi.waitFor(() => expect(socket.writableLength).toBe(0))
    client.pause().write('GET /20 HTTP/1.1\r\nhost: a\r\n\r\n')
    await vi.waitFor(() => expect(socket.writableLength).toBeGreaterThan(0))
    readers.look()
    nowMs = 40_000
    readers.look()
    expect(ended).toEqual([])
    nowMs = 50_000
    readers.look()
    expect(ended).toEqual(['unread-time'])
  })

  it('is ended when more waits for all than may, the furthest behind first', async () => {
    const [small, large, middle] = [await ask('/20'), await ask('/40'), await ask('/30')]
    readers.look()
    expect(ended).toEqual(['unread-bytes'])
    expect([small, large, middle].map(({ socket }) => socket.destroyed)).toEqual([false, true, false])
  })

  it('is the business of others once it has a websocket', async () => {
    const { socket } = await ask('/', 'connection: upgrade\r\nupgrade: websocket\r\n')
    readers.look()
    nowMs = 100_000
    readers.look()
    expect([ended, socket.destroyed]).toEqual([[], false])
  })
})

it('leaves those that wait for nothing alone', async () => {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  clients.push(client)
  await vi.waitFor(() => expect(served).toHaveLength(1))
  readers.look()
  nowMs = 100_000
  readers.look()
  expect([ended, served[0]?.destroyed]).toEqual([[], false])
})

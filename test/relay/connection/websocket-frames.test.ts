import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createPageWriter, wholeSpan } from '../../../relay/connection/page.ts'

/** The two ends of one connection; the server's with the stream under it. */
let server: Server
let client: WebSocket
let served: { socket: WebSocket; stream: Duplex }
const received: string[] = []

beforeAll(async () => {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server = createServer()
  server.on('upgrade', (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, socket => {
      served = { socket, stream }
    })
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  client.on('message', (data, isBinary) => received.push(isBinary ? 'binary' : String(data)))
  client.on('ping', data => received.push(`ping ${String(data)}`))
  await once(client, 'open')
})
afterAll(async () => {
  client.terminate()
  await new Promise(resolve => server.close(resolve))
})

async function receive(count: number): Promise<string[]> {
  while (received.length < count) {
    if (client.readyState !== client.OPEN) throw new Error('the connection is closed')
    await new Promise(setImmediate)
  }
  return received.splice(0)
}

const lengths = [0, 1, 123, 124, 125, 126, 127, 4_095, 61_440, 65_533, 65_534, 65_535, 65_536, 65_537, 70_000]

describe('a page of messages', () => {
  it.each(lengths)('has a message of %i bytes read back as it is', async length => {
    const pages = createPageWriter(served.stream)
    const json = Buffer.alloc(length, 'x')
    pages.message(Buffer.from('["EVENT","é",'), wholeSpan(json))
    pages.message(Buffer.from('x'.repeat(length)), null)
    pages.flush()
    expect(await receive(2)).toEqual([`["EVENT","é",${json.toString()}]`, 'x'.repeat(length)])
  })

  it('has any messages read back in order, whole or in bits, between what the websocket sends itself', async () => {
    const length = fc.oneof(fc.constantFrom(...lengths), fc.integer({ min: 0, max: 3_000 }))
    const action = fc.oneof(
      fc.record({ kind: fc.constantFrom('page' as const, 'lasting' as const), length, flush: fc.boolean() }),
      fc.record({ kind: fc.constant('send' as const), length }),
      fc.record({ kind: fc.constant('ping' as const), length: fc.integer({ min: 0, max: 125 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), async actions => {
        const pages = createPageWriter(served.stream)
        const expected: string[] = []
        for (const [index, action] of actions.entries()) {
          const text = `${index}:${'x'.repeat(action.length)}`
          if (action.kind === 'page' || action.kind === 'lasting') {
            const bytes = Buffer.from(text)
            const add = action.kind === 'page' ? pages.message : pages.lasting
            add(Buffer.from('['), wholeSpan(bytes))
            if (action.kind === 'page') bytes.fill('y')
            expected.push(`[${text}]`)
            if (action.flush || pages.isFull()) pages.flush()
            continue
          }
          pages.flush()
          if (action.kind === 'send') served.socket.send(text)
          else served.socket.ping(text.slice(0, 125))
          expected.push(action.kind === 'send' ? text : `ping ${text.slice(0, 125)}`)
        }
        pages.flush()
        expect(await receive(expected.length)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('leaves in one write, and is full before it is larger than 64 KiB', () => {
    const stream = new PassThrough()
    const writes: number[] = []
    stream.on('data', (data: Buffer) => writes.push(data.length))
    const pages = createPageWriter(stream)
    const framed = 1_000 + 2 + 4
    let count = 0
    for (; !pages.isFull() && count < 1_000; count++) pages.message(Buffer.from('['), wholeSpan(Buffer.alloc(1_000)))
    pages.flush()
    pages.flush()
    expect(writes).toEqual([count * framed])
    expect(writes[0]).toBeGreaterThan(60_000)
    expect(writes[0]).toBeLessThanOrEqual(65_536)
  })

  it('of messages that last is as large as they are, and leaves early when it is full', () => {
    const stream = new PassThrough()
    const writes: Buffer[] = []
    stream.on('data', (data: Buffer) => writes.push(data))
    const pages = createPageWriter(stream)
    const json = wholeSpan(Buffer.alloc(400))
    for (let count = 0; count < 10; count++) pages.lasting(Buffer.from('['), json)
    expect(pages.length()).toBe(10 * (402 + 4))
    pages.flush()
    expect(writes.map(({ length }) => length)).toEqual([10 * (402 + 4)])
    // What a stream holds back counts as it is, so that a page of room for more would count for less than it takes.
    expect(writes[0]?.buffer.byteLength).toBeLessThanOrEqual(8_192)
    writes.length = 0
    for (let count = 0; count < 1_000; count++) pages.lasting(Buffer.from('['), json)
    expect(writes.length).toBeGreaterThan(4)
    pages.flush()
    expect(Math.max(...writes.map(({ length }) => length))).toBeLessThanOrEqual(65_536)
    expect(writes.reduce((sum, { length }) => sum + length, 0)).toBe(1_000 * (402 + 4))
  })

  it('for a stream that has ended goes nowhere and harms nothing', async () => {
    for (const end of [(stream: PassThrough) => stream.destroy(), (stream: PassThrough) => stream.end()]) {
      const stream = new PassThrough()
      const errors: unknown[] = []
      stream.on('error', error => errors.push(error))
      const pages = createPageWriter(stream)
      pages.message(Buffer.from('before'), null)
      end(stream)
      pages.flush()
      pages.message(Buffer.from('after'), null)
      pages.flush()
      await new Promise(setImmediate)
      expect(errors).toEqual([])
    }
  })
})

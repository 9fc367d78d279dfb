import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createIdleness } from '../../../relay/connection/idleness.ts'
import { author } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { connectInMemory, frames, maskedFrame } from './memory-client.ts'
import { turns, until } from './stored.ts'

let served: Served
beforeEach(async () => {
  served = await serveRelay({ limits: { pingSeconds: 0.3, idleSeconds: 0.3 } })
})
afterEach(() => served.close())

describe('a message in bits', () => {
  const text = Buffer.from(JSON.stringify(['REQ', 'x', {}]))

  it('is read when they are few', async () => {
    const client = connectInMemory(served.relay)
    client.frame(frames.unfinishedText, text.subarray(0, 3))
    for (let index = 3; index < text.length - 1; index++)
      client.frame(frames.continuation, text.subarray(index, index + 1))
    client.frame(frames.lastContinuation, text.subarray(text.length - 1))
    await until(() => client.messages.length === 1)
    expect(client.messages).toEqual([['EOSE', 'x', ['finish']]])
  })

  it('ends the connection when they are many: each keeps all that was read with it', async () => {
    const client = connectInMemory(served.relay)
    const between = maskedFrame(frames.pong, Buffer.alloc(125))
    client.frame(frames.unfinishedText, text)
    for (let index = 0; index < 70; index++) {
      client.bytes(Buffer.concat([maskedFrame(frames.continuation, Buffer.from(' ')), between, between]))
    }
    await until(() => client.closeCode() !== null)
    expect(client.closeCode()).toBe(1008)
    expect(served.errors).toEqual([])
  })

  it('ends the connection when it comes byte by byte', async () => {
    const client = connectInMemory(served.relay)
    const bytes = maskedFrame(frames.text, Buffer.alloc(4_000, ' '))
    for (const byte of bytes) {
      client.bytes(Buffer.from([byte]))
      if (client.closeCode() !== null) break
    }
    await until(() => client.closeCode() !== null)
    expect(client.closeCode()).toBe(1008)
  })
})

describe('a connection that nobody uses', () => {
  it('is ended; one with a subscription stays', async () => {
    const idle = await served.connect()
    const subscribed = await served.connect()
    subscribed.send('REQ', 'x', {})
    await subscribed.next()
    expect(await idle.closed).toBe(1000)
    await until(() => served.relay.stats().connections === 1)
    expect(served.metrics.connections.closed.idle).toBe(1)
    expect(await subscribed.query({})).toEqual([])
  })

  it('is ended though it pings, and though it has begun a message', async () => {
    const client = connectInMemory(served.relay)
    let isClosed = false
    void until(() => client.closeCode() !== null).then(() => {
      isClosed = true
    })
    client.frame(frames.unfinishedText, Buffer.from('["REQ"'))
    while (!isClosed) {
      client.frame(frames.ping, Buffer.alloc(0))
      client.frame(frames.pong, Buffer.alloc(0))
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    expect(client.closeCode()).toBe(1000)
  })

  it('is told by the time since it was last used', () => {
    let timeMs = 0
    const isIdle = createIdleness(60, () => timeMs)
    const at = (seconds: number, isUsed: boolean) => {
      timeMs = seconds * 1_000
      return isIdle(isUsed)
    }
    expect([at(30, false), at(59, false), at(60, false)]).toEqual([false, false, true])
    expect([at(90, true), at(149, false), at(150, false)]).toEqual([false, false, true])
  })
})

describe('a client that is alive', () => {
  it('needs no pong when it sends something else, as its pong may be behind that', async () => {
    const client = connectInMemory(served.relay)
    const event = author(1).sign()
    client.send('REQ', 'x', {})
    for (let index = 0; index < 40; index++) {
      client.send('EVENT', event)
      await new Promise(resolve => setTimeout(resolve, 30))
    }
    expect(client.isClosed()).toBe(false)
    await until(() => client.isClosed())
    expect(served.metrics.connections.closed['no-pong']).toBe(1)
  })
})

describe('a socket that is half open', () => {
  it('is closed when the client has closed its end and keeps the other', async () => {
    const socket = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    await once(socket, 'data')
    socket.write(maskedFrame(frames.text, Buffer.from('["REQ","x",{}]')))
    await until(() => served.relay.stats().subscriptions === 1)
    socket.end()
    await until(async () => served.relay.stats().connections === 0 && (await served.sockets()) === 0)
    expect(served.relay.stats().subscriptions).toBe(0)
    await turns(1)
    socket.destroy()
  })
})

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Limits } from '../../../relay/limits.ts'
import { author } from '../authors.ts'
import { type Client, connectClient } from '../client.ts'
import { type Served, serveRelay } from '../serve-relay.ts'

const alice = author(1)
/** For tests of other limits. */
const manyEvents = { eventsBurst: 1_000_000 }
let served: Served
afterEach(() => served.close())

async function serve(limits: Partial<Limits> = {}): Promise<Client> {
  served = await serveRelay({ limits })
  return served.connect()
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 5_000; !(await isTrue()); ) {
    if (performance.now() > endMs) throw new Error('it did not happen')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

describe('what is not understood', () => {
  it('closes the connection with 1008 when there is too much of it, and counts for nobody else', async () => {
    const client = await serve({ maxBadMessages: 20 })
    const other = await served.connect()
    for (let index = 0; index < 10; index++) {
      other.socket.send('no JSON')
      expect((await other.next())[0]).toBe('NOTICE')
      expect(await other.query({})).toEqual([])
    }
    for (let index = 0; index < 25; index++) client.socket.send('no JSON')
    client.send('EVENT', alice.sign())
    expect(await client.closed).toBe(1008)
    expect(client.unread.every(([verb]) => verb === 'NOTICE')).toBe(true)
    expect(await other.query({})).toEqual([])
  })

  it('closes with 1009 when it is too large, 1007 when it is no UTF-8', async () => {
    const client = await serve({ maxMessageBytes: 10_000 })
    client.socket.send('x'.repeat(10_001))
    expect(await client.closed).toBe(1009)
    const other = await served.connect()
    other.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })
    expect(await other.closed).toBe(1007)
    expect(served.errors).toEqual([])
  })

  it('cannot hide a large message in fragments', async () => {
    const client = await serve({ maxMessageBytes: 10_000 })
    for (let index = 0; index < 11; index++) client.socket.send('x'.repeat(1_000), { fin: false })
    expect(await client.closed).toBe(1009)
  })
})

describe('too many', () => {
  it('subscriptions on a connection are refused, and room is made by CLOSE', async () => {
    const client = await serve()
    for (let index = 0; index < 64; index++) {
      client.send('REQ', `s${index}`, { limit: 0 })
      expect(await client.next()).toEqual(['EOSE', `s${index}`])
    }
    client.send('REQ', 's64', {})
    expect(await client.next()).toEqual(['CLOSED', 's64', expect.stringMatching(/^rate-limited: at most 64/)])
    client.send('REQ', 's0', { limit: 0 })
    expect(await client.next()).toEqual(['EOSE', 's0'])
    client.send('CLOSE', 's1')
    client.send('REQ', 's64', {})
    expect(await client.next()).toEqual(['EOSE', 's64', ['finish']])
    expect(served.relay.stats().subscriptions).toBe(64)
  })

  it('requests and events are refused until there is room again', async () => {
    const client = await serve({ requestsBurst: 2, requestsPerSecond: 1, eventsBurst: 2, eventsPerSecond: 1 })
    for (const id of ['a', 'b', 'c']) client.send('REQ', id, {})
    const answers = [await client.next(), await client.next(), await client.next()]
    expect(answers).toContainEqual(['CLOSED', 'c', expect.stringMatching(/^rate-limited: /)])
    const event = alice.sign({ kind: 20_001 })
    for (let index = 0; index < 3; index++) client.send('EVENT', event)
    const oks: unknown[][] = []
    while (oks.length < 3) {
      const message = await client.next()
      if (message[0] === 'OK') oks.push(message)
    }
    expect(oks.map(([, , accepted]) => accepted)).toEqual([true, true, false])
    expect(oks[2]?.[3]).toMatch(/^rate-limited: /)
  })

  it('tags of events take what events may take, as do bytes where they are more', async () => {
    // Each costs 11: one for itself, and one for each 20 tags or 2 KiB.
    const many = { tags: Array.from({ length: 200 }, (_, index) => ['t', String(index)]) }
    const long = { content: 'x'.repeat(19_400), tags: many.tags.slice(0, 190) }
    const client = await serve({ eventsBurst: 22, eventsPerSecond: 0.001 })
    const answers: unknown[] = []
    for (const template of [many, long, {}]) answers.push((await client.publish(alice.sign(template)))[0])
    expect(answers).toEqual([true, true, false])
    const another = await served.connect('192.0.2.2')
    expect(await another.publish(alice.sign({ content: 'few', tags: many.tags.slice(1) }))).toEqual([true, ''])
    for (let index = 0; index < 12; index++) {
      expect(await another.publish(alice.sign({ kind: 20_001, content: String(index) }))).toEqual([true, ''])
    }
    expect((await another.publish(alice.sign({ kind: 20_001 })))[0]).toBe(false)
  })

  it('values in filters are refused', async () => {
    const client = await serve({ maxFilterValues: 2 })
    client.send('REQ', 'x', { kinds: [1, 2, 3] })
    expect(await client.next()).toEqual(['CLOSED', 'x', expect.stringMatching(/^invalid: kinds: up to 2/)])
  })
})

describe('a handshake', () => {
  const handshake = (ip: string, rest = '') =>
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nx-test-ip: ${ip}\r\n${rest}\r\n`

  async function raw(bytes: string | Buffer): Promise<Socket> {
    const socket = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    socket.write(bytes)
    return socket
  }

  it.each([
    ['the 21st of an address', { connectionsPerIp: 20 }, 20, '198.51.100.1', 429],
    ['one more than there is room for', { maxConnections: 3 }, 2, '198.51.100.2', 503],
  ])(
    'is refused: %s; the socket is closed even if the client keeps its end open',
    async (_case, limits, count, ip, status) => {
      await serve(limits)
      const options = { headers: { 'x-test-ip': '198.51.100.1' } }
      const clients = await Promise.all(Array.from({ length: count }, () => connectClient(served.url, options)))
      await expect(connectClient(served.url, { headers: { 'x-test-ip': ip } })).rejects.toThrow(String(status))
      const socket = await raw(handshake(ip))
      const [data] = (await once(socket, 'data')) as [Buffer]
      expect(data.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      await once(socket, 'end')
      await until(async () => (await served.sockets()) === count + 1)
      socket.destroy()
      clients[0]?.socket.terminate()
      await until(() => served.relay.stats().connections === count)
      const again = await connectClient(served.url, { headers: { 'x-test-ip': ip } })
      for (const { socket } of [...clients, again]) socket.terminate()
    },
  )

  it('refused and then reset does not end the process', async () => {
    await serve({ connectionsPerIp: 1 })
    for (let index = 0; index < 50; index++) {
      const socket = await raw(handshake('192.0.2.1'))
      setTimeout(() => socket.resetAndDestroy(), index % 5)
      await once(socket, 'close')
    }
    await until(() => served.relay.stats().connections === 1)
    const client = await connectClient(served.url, { headers: { 'x-test-ip': '192.0.2.7' } })
    expect(await client.query({})).toEqual([])
    client.socket.terminate()
  })

  it('that is no websocket’s counts for nothing', async () => {
    await serve({ connectionsPerIp: 2 })
    for (let index = 0; index < 5; index++) {
      const socket = await raw(handshake('198.51.100.1').replace('Version: 13', 'Version: 7'))
      const [data] = (await once(socket, 'data')) as [Buffer]
      expect(data.toString()).toMatch(/^HTTP\/1.1 400 /)
      await once(socket, 'end')
      socket.destroy()
    }
    const client = await connectClient(served.url, { headers: { 'x-test-ip': '198.51.100.1' } })
    client.socket.terminate()
  })

  it('may bring the first message with it', async () => {
    await serve()
    const payload = Buffer.from('["REQ","x",{}]')
    const mask = Buffer.alloc(4)
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload])
    const socket = await raw(Buffer.concat([Buffer.from(handshake('198.51.100.1')), frame]))
    let text = ''
    socket.on('data', data => {
      text += data.toString('latin1')
    })
    await until(() => text.includes('["EOSE","x",["finish"]]'))
    socket.destroy()
  })
})

describe('a client that does not read', () => {
  const content = 'x'.repeat(30_000)
  const fill = async (client: Client, count: number) => {
    for (let index = 0; index < count; index++) await client.publish(alice.sign({ content: content + index }))
  }

  it('has its queries stand still, and gets everything once it reads', async () => {
    const client = await serve({ ...manyEvents, pauseAtBytes: 100_000 })
    await fill(client, 100)
    const slow = await served.connect()
    slow.socket.pause()
    for (let index = 0; index < 10; index++) slow.send('REQ', `s${index}`, {})
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(await client.query({ limit: 1 })).toHaveLength(1)
    slow.socket.resume()
    const events = new Map<unknown, number>()
    for (let eose = 0; eose < 10; ) {
      const [verb, id] = await slow.next()
      if (verb === 'EOSE') eose++
      else events.set(id, (events.get(id) ?? 0) + 1)
    }
    expect([...events.values()]).toEqual(Array(10).fill(100))
  })

  it('is ended when live events for it become too many', async () => {
    const client = await serve({ ...manyEvents, terminateAtBytes: 500_000, pauseAtBytes: 100_000 })
    const slow = await served.connect()
    slow.send('REQ', 'x', {})
    await slow.next()
    slow.socket.pause()
    for (let index = 0; index < 1_000 && served.relay.stats().connections === 2; index++) {
      await client.publish(alice.sign({ kind: 20_001, content: content + index }))
    }
    await until(() => served.relay.stats().connections === 1)
    expect(served.relay.stats().subscriptions).toBe(0)
  })

  it('is ended when it does not drain in time', async () => {
    const client = await serve({ ...manyEvents, pauseAtBytes: 50_000, drainSeconds: 1, pingSeconds: 0.2 })
    await fill(client, 200)
    const slow = await served.connect()
    slow.socket.pause()
    slow.send('REQ', 'x', {})
    await until(() => served.relay.stats().connections === 1)
  })

  it.each([
    ['messages', (client: Client) => client.send('COUNT', 'x'.repeat(64))],
    ['pings', (client: Client) => client.socket.ping('x'.repeat(125))],
  ])('is not read from either: %s', async (_case, ask) => {
    await serve({ pauseAtBytes: 20_000, bytesPerSecond: 1_000_000_000, bytesBurst: 1_000_000_000 })
    const slow = await served.connect()
    slow.socket.pause()
    // Answers fill the buffers of both ends; then the relay reads no more and what is sent stays with the client.
    for (let round = 0; slow.socket.bufferedAmount < 1_000_000; round++) {
      if (round > 3_000) throw new Error('the relay went on reading')
      for (let index = 0; index < 500; index++) ask(slow)
      await new Promise(setImmediate)
    }
    // Of pings ws answers a few only before it ends the connection.
    expect(served.metrics.connections.closed['unread-bytes']).toBe(0)
    expect(served.relay.traffic().unreadBytes).toBeLessThan(1_000_000)
    const other = await served.connect()
    expect(await other.query({})).toEqual([])
  })
})

describe('a client that is gone', () => {
  it('is ended when it does not answer a ping; others stay', async () => {
    const client = await serve({ pingSeconds: 0.1 })
    const gone = await connectClient(served.url, { autoPong: false })
    await gone.closed
    expect(await client.query({})).toEqual([])
    expect(served.relay.stats().connections).toBe(1)
  })
})

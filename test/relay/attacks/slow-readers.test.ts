import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { createBacklog } from '../../../relay/connection/backlog.ts'
import { author } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { connectInMemory } from './memory-client.ts'
import { storeMany, until } from './stored.ts'

const alice = author(1)
let served: Served
afterEach(() => served.close())

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
function memory(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

describe('a hundred clients that ask for much and do not read', () => {
  const readers = 100
  const count = 150
  const pauseAtBytes = 50_000
  /** A page may be on its way when the pause begins. */
  const mostBytes = pauseAtBytes + 65_536
  /** What a query that stands still, its filter and its connection take: much less than all that was asked for. */
  const besidesBytes = 100_000

  it('take as much memory as a pause allows each, and get everything once they read', async () => {
    served = await serveRelay({ limits: { connectionsPerIp: 1_000, pauseAtBytes } })
    const { relay, metrics } = served
    await storeMany(served, count, () => ({ content: 'x'.repeat(10_000) }))
    const clients = Array.from({ length: readers }, () => connectInMemory(relay))
    const honest = await served.connect()
    // What the relay keeps for everybody is there then.
    await honest.query({})
    const before = memory()
    for (const client of clients) {
      client.read(false)
      client.send('REQ', 'all', { kinds: [1] })
    }
    // Each has then either been paused or been sent everything.
    await until(() => metrics.messages.REQ > readers && metrics.queriesWaiting === 0)
    const grown = memory() - before
    expect([metrics.readersPaused, metrics.queriesUnderWay]).toEqual([readers, readers])
    expect(relay.traffic().unreadBytes).toBeLessThan(readers * mostBytes)
    expect(grown).toBeLessThan(readers * (mostBytes + besidesBytes))
    expect(await honest.query({ limit: 3 })).toHaveLength(3)
    for (const client of clients) client.read(true)
    await until(() => clients.every(({ messages }) => messages.at(-1)?.[0] === 'EOSE'))
    for (const { messages } of clients) expect(messages).toHaveLength(count + 1)
    expect(relay.traffic().unreadBytes).toBe(0)
  })
})

describe('clients that subscribe and do not read', () => {
  it('together hold no more than they may: the furthest behind are ended, and who reads misses nothing', async () => {
    const maxUnreadBytes = 1_000_000
    served = await serveRelay({
      limits: { connectionsPerIp: 1_000, eventsBurst: 1_000_000, maxUnreadBytes },
    })
    const { relay, metrics } = served
    const clients = Array.from({ length: 20 }, () => connectInMemory(relay))
    const honest = await served.connect()
    honest.send('REQ', 'live', { kinds: [20_001] })
    await honest.next()
    for (const client of clients) client.send('REQ', 'live', { kinds: [20_001] })
    await until(() => relay.stats().subscriptions === clients.length + 1)
    for (const client of clients) client.read(false)
    const publisher = await served.connect()
    let most = 0
    for (let index = 0; index < 30; index++) {
      await publisher.publish(alice.sign({ kind: 20_001, content: 'x'.repeat(20_000) + index }))
      most = Math.max(most, relay.traffic().unreadBytes)
      expect((await honest.next())[0]).toBe('EVENT')
    }
    expect(most).toBeLessThanOrEqual(maxUnreadBytes)
    expect(metrics.connections.closed['unread-bytes']).toBeGreaterThan(0)
    expect(clients.some(client => client.isClosed())).toBe(true)
    expect(honest.socket.readyState).toBe(honest.socket.OPEN)
  })

  it('are ended as well when what comes live is held back for stored events that they do not read', async () => {
    served = await serveRelay({
      limits: { eventsBurst: 1_000_000, maxUnreadBytes: 3_000_000, terminateAtBytes: 2_000_000, pauseAtBytes: 500_000 },
    })
    const { relay, metrics } = served
    await storeMany(served, 40, index => ({ content: 'x'.repeat(60_000) + index }))
    const client = connectInMemory(relay)
    client.read(false)
    client.send('REQ', 'all', { kinds: [1] }, { kinds: [20_001] })
    await until(() => metrics.readersPaused === 1)
    const publisher = await served.connect()
    for (let index = 0; index < 60 && !client.isClosed(); index++) {
      await publisher.publish(alice.sign({ kind: 20_001, content: 'x'.repeat(60_000) + index }))
    }
    expect(client.isClosed()).toBe(true)
    expect(metrics.connections.closed['unread-bytes']).toBe(1)
  })

  it('are not counted once they have read', async () => {
    served = await serveRelay({ limits: { connectionsPerIp: 1_000, maxUnreadBytes: 300_000, eventsBurst: 1_000_000 } })
    const { relay, metrics } = served
    const clients = Array.from({ length: 4 }, () => connectInMemory(relay))
    for (const client of clients) client.send('REQ', 'live', { kinds: [20_001] })
    await until(() => relay.stats().subscriptions === clients.length)
    const publisher = await served.connect()
    for (const [round, client] of clients.entries()) {
      client.read(false)
      for (let index = 0; index < 10; index++) {
        await publisher.publish(alice.sign({ kind: 20_001, content: 'x'.repeat(20_000) + round + index }))
      }
      client.read(true)
      await until(() => relay.traffic().unreadBytes === 0)
    }
    expect(metrics.connections.closed['unread-bytes']).toBe(0)
    for (const { messages } of clients) expect(messages).toHaveLength(41)
  })
})

describe('the backlog', () => {
  it('ends those that are furthest behind until there is room again, once each', () => {
    const backlog = createBacklog(100)
    const ended: string[] = []
    const [small, large, other] = ['small', 'large', 'other'].map(name => backlog.join(() => ended.push(name)))
    small?.(20)
    large?.(70)
    expect(ended).toEqual([])
    other?.(30)
    expect(ended).toEqual(['large'])
    expect(backlog.bytes()).toBe(50)
    large?.(0)
    small?.(0)
    expect([ended, backlog.bytes()]).toEqual([['large'], 30])
    other?.(101)
    expect([ended, backlog.bytes()]).toEqual([['large', 'other'], 0])
  })
})

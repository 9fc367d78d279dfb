import { afterEach, describe, expect, it } from 'vitest'
import type { PolicyProgram } from '../../../relay/policies/program.ts'
import { author } from '../authors.ts'
import type { Client } from '../client.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { until } from './stored.ts'

const [alice, mallory] = [author(1), author(2)]
let served: Served
afterEach(() => served.close())

const addresses = { mallory: '198.51.100.1', reader: '198.51.100.2', writer: '198.51.100.3' }
const opened = async (client: Client, id: string, filter: object) => {
  client.send('REQ', id, filter)
  return (await client.next())[0]
}

describe('an address that has all its events sent to itself on all its subscriptions', () => {
  it('delays nobody else’s', async () => {
    served = await serveRelay({ limits: { eventsBurst: 10_000, maxSubscriptions: 100 } })
    const reader = await served.connect(addresses.reader)
    const writer = await served.connect(addresses.writer)
    expect(await opened(reader, 'live', { kinds: [1], limit: 0 })).toBe('EOSE')
    const attackers = await Promise.all(Array.from({ length: 5 }, () => served.connect(addresses.mallory)))
    for (const attacker of attackers) {
      for (let index = 0; index < 80; index++) attacker.send('REQ', String(index), { kinds: [20_777], limit: 0 })
      for (let index = 0; index < 80; index++) await attacker.next()
    }
    const spam = Array.from({ length: 3_000 }, (_, index) =>
      mallory.sign({ kind: 20_777, content: String(index), tags: [['d', 'x'.repeat(500)]] }),
    )
    for (const [index, event] of spam.entries()) attackers[index % attackers.length]?.send('EVENT', event)
    // A fast machine keeps no line of them: it takes the next when the last is delivered.
    const taken = () => served.metrics.events.ephemeral
    await until(() => taken() >= 100)
    for (let index = 0; index < 5; index++) {
      const event = alice.sign({ kind: 1, content: String(index) })
      expect(await writer.publish(event)).toEqual([true, ''])
      expect(await reader.next()).toMatchObject(['EVENT', 'live', { id: event.id }])
    }
    expect(taken()).toBeLessThan(spam.length)
    expect(served.errors).toEqual([])
  })
})

describe('an address that sends events on all its connections as fast as it can', () => {
  it('has its share of the room for them and no more; the others come later, in their order, and none is refused', async () => {
    const asked: { ip: string; content: string; answer: () => void }[] = []
    const program: PolicyProgram = {
      ask: ({ content }, { ip }, done) => {
        asked.push({ ip, content, answer: () => done({ action: 'accept' }) })
      },
      state: () => ({ isUp: true, waiting: 0, timeouts: 0, restarts: 0 }),
      close: async () => undefined,
    }
    served = await serveRelay({ program, limits: { eventsBurst: 10_000 } })
    const attackers = await Promise.all([1, 2, 3].map(() => served.connect(addresses.mallory)))
    const honest = await served.connect(addresses.writer)
    const flood = Array.from({ length: 3_000 }, (_, index) => mallory.sign({ content: String(index) }))
    for (const [index, event] of flood.entries()) attackers[index % attackers.length]?.send('EVENT', event)
    await until(() => asked.length === 898)
    const published = honest.publish(alice.sign())
    await until(() => asked.length > 898)
    expect(asked.at(-1)?.ip).toBe(addresses.writer)
    // What is no event does not wait for room, on another connection of the same address.
    const other = await served.connect(addresses.mallory)
    expect(await other.query({ kinds: [1] })).toEqual([])
    for (let answered = 0; answered <= flood.length; answered++) {
      await until(() => asked[answered] !== undefined)
      asked[answered]?.answer()
      expect(asked.length - answered).toBeLessThanOrEqual(1_025)
    }
    expect(await published).toEqual([true, ''])
    const order = new Map<number, number>()
    for (const { content } of asked.filter(({ ip }) => ip === addresses.mallory)) {
      const connection = Number(content) % attackers.length
      expect(Number(content)).toBeGreaterThan(order.get(connection) ?? -1)
      order.set(connection, Number(content))
    }
    await until(() => served.metrics.events.stored === flood.length + 1)
    expect(served.metrics.eventsRefused['rate-limited']).toBe(0)
  })

  it('gets its room back for all that was stored', async () => {
    served = await serveRelay({ limits: { eventsBurst: 10_000 } })
    const client = await served.connect(addresses.mallory)
    const flood = Array.from({ length: 2_000 }, (_, index) => mallory.sign({ content: String(index) }))
    for (const event of flood) client.send('EVENT', event)
    for (const { id } of flood) expect(await client.next()).toEqual(['OK', id, true, ''])
    expect(await client.publish(mallory.sign({ content: 'one more' }))).toEqual([true, ''])
  })
})

describe('subscriptions', () => {
  it('of all connections of an address are bounded, those of others not by them', async () => {
    served = await serveRelay({ limits: { subscriptionsPerIp: 3 } })
    const tooMany = 'rate-limited: at most 3 subscriptions of an address'
    const first = await served.connect('2001:db8:1:2::1')
    const second = await served.connect('2001:db8:1:2::2')
    expect(await opened(first, 'a', {})).toBe('EOSE')
    expect(await opened(first, 'b', {})).toBe('EOSE')
    expect(await opened(second, 'c', {})).toBe('EOSE')
    second.send('REQ', 'd', {})
    expect(await second.next()).toEqual(['CLOSED', 'd', tooMany])
    const other = await served.connect('2001:db8:1:3::1')
    expect(await opened(other, 'e', {})).toBe('EOSE')
    expect(await opened(second, 'c', {})).toBe('EOSE')
    first.socket.close()
    await first.closed
    while (served.relay.stats().subscriptions > 2) await new Promise(setImmediate)
    expect(await opened(second, 'd', {})).toBe('EOSE')
  })
})

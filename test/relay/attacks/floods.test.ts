import { afterEach, describe, expect, it } from 'vitest'
import { createInflow } from '../../../relay/connection/inflow.ts'
import { createReading } from '../../../relay/connection/reading.ts'
import { author } from '../authors.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'
import { connectInMemory, frames } from './memory-client.ts'
import { storeMany, turns, until } from './stored.ts'

const [alice, mallory] = [author(1), author(2)]
let served: Served | undefined
afterEach(async () => {
  await served?.close()
  served = undefined
})

describe('handshakes of an address', () => {
  it('are refused when they come too fast, though their connections are gone; others’ are not', async () => {
    served = await serveRelay({ limits: { handshakesBurst: 3, handshakesPerMinute: 0.001 } })
    const { relay, metrics } = served
    const statusFrom = async (ip: string) => {
      const client = connectInMemory(relay, ip)
      client.frame(0x88, Buffer.from([0x03, 0xe8]))
      await until(() => client.status() > 0 && relay.stats().connections === 0)
      return client.status()
    }
    const addresses = [1, 2, 3, 4].map(host => `2001:db8:1:2::${host}`)
    const statuses: number[] = []
    for (const address of addresses) statuses.push(await statusFrom(address))
    expect(statuses).toEqual([101, 101, 101, 429])
    expect(await statusFrom('2001:db8:1:3::1')).toBe(101)
    expect(await statusFrom('192.0.2.1')).toBe(101)
    expect(metrics.connections.refused[429]).toBe(1)
  })
})

describe('false signatures', () => {
  const forged = (index: number) => ({ ...alice.sign({ content: String(index) }), sig: mallory.sign().sig })

  it('end the connection when there are too many, and cost others nothing', async () => {
    served = await serveRelay({ limits: { maxBadMessages: 20 } })
    const [client, other] = [await served.connect(), await served.connect()]
    for (let index = 0; index < 200; index++) client.send('EVENT', forged(index))
    expect(await client.closed).toBe(1008)
    expect(client.unread.every(([verb, , accepted]) => verb === 'OK' && accepted === false)).toBe(true)
    expect(served.metrics.badSignatures).toBeLessThan(200)
    expect(await other.publish(alice.sign())).toEqual([true, ''])
    expect(served.metrics.connections.closed.nonsense).toBe(1)
    expect(await other.query({})).toHaveLength(1)
  })

  it('in AUTH end it too', async () => {
    served = await serveRelay({ limits: { maxBadMessages: 5 } })
    const client = await served.connect()
    client.send('REQ', 'x', { kinds: [4] })
    const [, challenge] = await client.next()
    const tags = [
      ['relay', relayUrl],
      ['challenge', String(challenge)],
    ]
    for (let index = 0; index < 10; index++) {
      client.send('AUTH', { ...alice.sign({ kind: 22_242, tags, content: String(index) }), sig: mallory.sign().sig })
    }
    expect(await client.closed).toBe(1008)
  })

  it('now and then do not', async () => {
    served = await serveRelay({ limits: { maxBadMessages: 20 } })
    const client = await served.connect()
    for (let index = 0; index < 15; index++) {
      expect(await client.publish(forged(index))).toEqual([false, expect.stringMatching(/^invalid: .*signature/)])
    }
    expect(await client.publish(alice.sign())).toEqual([true, ''])
  })
})

describe('what comes faster than it may', () => {
  it.each([
    ['messages', frames.text, 1_000],
    ['pings', frames.ping, 100],
    ['pongs', frames.pong, 100],
  ])('waits with the client, which stays: %s', async (_case, firstByte, length) => {
    served = await serveRelay({ limits: { bytesPerSecond: 1, bytesBurst: 10_000 } })
    const { relay, metrics } = served
    const client = connectInMemory(relay)
    const text = JSON.stringify(['CLOSE', 'x'])
    const payload = Buffer.from(firstByte === frames.text ? text.padEnd(length) : 'x'.repeat(length))
    for (let index = 0; index < 200; index++) {
      client.frame(firstByte, payload)
      if (index % 10 === 0) await turns(1)
    }
    client.send('REQ', 'last', {})
    await turns(20)
    const fit = Math.ceil(10_000 / (length + 8))
    if (firstByte === frames.text) expect(metrics.messages.CLOSE).toBe(fit)
    expect(metrics.messages.REQ).toBe(0)
    expect(client.isClosed()).toBe(false)
    const other = await served.connect()
    expect(await other.publish(alice.sign())).toEqual([true, ''])
  })
})

describe('the flow from a client', () => {
  it('stops for as long as what was too much takes, and its burst is never more than it may be', () => {
    let timeMs = 0
    const log: string[] = []
    const waiting: [() => void, number][] = []
    const inflow = createInflow({
      reading: { pause: () => log.push('pause'), resume: () => log.push('resume') },
      limits: { bytesPerSecond: 1_000, bytesBurst: 5_000 },
      nowMs: () => timeMs,
      later: (run, ms) => waiting.push([run, ms]),
    })
    timeMs = 3_600_000
    inflow(4_992)
    expect(log).toEqual([])
    inflow(992)
    inflow(992)
    expect(log).toEqual(['pause'])
    expect(waiting.map(([, ms]) => ms)).toEqual([1_000])
    timeMs += 2_000
    waiting[0]?.[0]()
    expect(log).toEqual(['pause', 'resume'])
    inflow(92)
    expect(log).toEqual(['pause', 'resume', 'pause'])
    expect(waiting[1]?.[1]).toBe(100)
  })
})

describe('reading', () => {
  it('goes on when no reason against it is left', () => {
    const log: string[] = []
    const reading = createReading({ pause: () => log.push('pause'), resume: () => log.push('resume') })
    reading.pause()
    reading.pause()
    reading.resume()
    expect(log).toEqual(['pause'])
    reading.resume()
    expect(log).toEqual(['pause', 'resume'])
  })
})

describe('REQs', () => {
  it('one after the other under one id leave one subscription, however fast they come', async () => {
    served = await serveRelay({ limits: { requestsBurst: 500 } })
    const { relay, metrics } = served
    const client = connectInMemory(relay)
    for (let index = 0; index < 1_000; index++) client.send('REQ', 'x', { kinds: [index % 100] })
    await until(() => metrics.messages.REQ === 1_000 && metrics.queriesUnderWay === 0)
    // The last ones were refused, and end what they would have replaced.
    expect(relay.stats().subscriptions).toBe(0)
    const limited = client.messages.filter(([verb, , text]) => verb === 'CLOSED' && /^rate-limited/.test(String(text)))
    expect(limited.length).toBeGreaterThan(300)
    expect((await (await served.connect()).query({})).length).toBe(0)
  })

  it('with as many values as they may have cannot be held by the hundred', async () => {
    served = await serveRelay()
    const { relay } = served
    const client = connectInMemory(relay)
    const ids = Array.from({ length: 1_000 }, (_, index) => index.toString(16).padStart(64, '0'))
    for (let index = 0; index < 60; index++) client.send('REQ', `s${index}`, { authors: ids })
    await until(() => client.messages.filter(([verb]) => verb === 'EOSE' || verb === 'CLOSED').length === 60)
    // A filter counts as 32 values more.
    expect(relay.stats().subscriptions).toBe(9)
    const refusals = client.messages.filter(([verb]) => verb === 'CLOSED')
    expect(new Set(refusals.map(([, , text]) => text))).toEqual(
      new Set(['rate-limited: at most 10000 filter values on a connection']),
    )
  })

  it.each<[string, object[], number]>([
    ['long values', [{ '#t': Array.from({ length: 125 }, (_, index) => `${index}`.padEnd(1_024, 'x')) }], 4],
    ['many filters', Array.from({ length: 20 }, () => ({ '#t': ['x'] })), 15],
  ])('of %s are few', async (_case, filters, expected) => {
    served = await serveRelay()
    const { relay } = served
    const client = connectInMemory(relay)
    for (let index = 0; index < 30; index++) client.send('REQ', `s${index}`, ...filters)
    await until(() => client.messages.filter(([verb]) => verb === 'EOSE' || verb === 'CLOSED').length === 30)
    expect(relay.stats().subscriptions).toBe(expected)
  })

  it('that come by the thousand let others have theirs in between', async () => {
    served = await serveRelay()
    const { relay, metrics } = served
    await storeMany(served, 900, () => ({ tags: [['t', 'x']] }))
    const [mallory, honest] = [connectInMemory(relay, '203.0.113.1'), connectInMemory(relay)]
    for (let index = 0; index < 1_000; index++) mallory.send('REQ', 'x', { kinds: [2], '#t': ['x'] })
    honest.send('REQ', 'mine', { limit: 1 })
    await until(() => honest.messages.some(([verb]) => verb === 'EOSE'))
    expect(metrics.messages.REQ).toBeLessThan(500)
    mallory.leave()
  })
})

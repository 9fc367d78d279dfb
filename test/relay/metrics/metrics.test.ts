import { Registry } from 'prom-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Host } from '../../../relay/host.ts'
import { exposeRelay } from '../../../relay/metrics/expose.ts'
import { createExposition } from '../../../relay/metrics/exposition.ts'
import { countMessage, countRefusal, createRelayMetrics, createWriterMetrics } from '../../../relay/metrics/metrics.ts'
import { openHost } from '../../../relay/open-host.ts'
import { createWriter } from '../../../relay/store/writer.ts'
import { author, startTime } from '../authors.ts'
import { connectClient } from '../client.ts'
import { openTemporaryRoot } from '../open-temporary.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { numberOf, parseExposition } from './parse-exposition.ts'

const alice = author(1)
let served: Served | undefined
afterEach(async () => {
  await served?.close()
  served = undefined
  vi.useRealTimers()
})

async function serve(options: Parameters<typeof serveRelay>[0] = {}): Promise<Served> {
  served = await serveRelay(options)
  return served
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 5_000; !isTrue(); ) {
    if (performance.now() > endMs) throw new Error('it did not happen')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** What has been counted, without the zeros. */
function moved(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))
}

describe('events', () => {
  it('are counted once each by what became of them', async () => {
    const { metrics, connect } = await serve()
    const client = await connect()
    const event = alice.sign()
    await client.publish(event)
    await client.publish(event)
    await client.publish(alice.sign({ kind: 20_001 }))
    const replaced = alice.sign({ kind: 0, created_at: startTime - 1 })
    await client.publish(alice.sign({ kind: 0 }))
    await client.publish(replaced)
    await client.publish({ ...alice.sign({ content: 'a' }), sig: event.sig })
    await client.publish({ ...event, content: 'altered' })
    await client.publish({ ...alice.sign({ content: 'b' }), kind: -1 })
    client.send('EVENT', alice.sign({ tags: [['-']] }))
    await until(() => client.unread.length === 2)
    expect(moved(metrics.events)).toEqual({ stored: 2, duplicate: 1, ephemeral: 1 })
    expect(moved(metrics.eventsRefused)).toEqual({ invalid: 4, 'auth-required': 1 })
    expect(metrics.verifications).toBe(6)
    expect(metrics.badSignatures).toBe(1)
  })

  it('sent again while they are under way are duplicates', async () => {
    const { metrics, connect } = await serve()
    const [one, other] = [await connect(), await connect()]
    const event = alice.sign()
    await Promise.all([one.publish(event), other.publish(event)])
    expect(moved(metrics.events)).toEqual({ stored: 1, duplicate: 1 })
  })

  it('of the application are its own, and its refusals are refusals', async () => {
    const host: Host = {
      ...openHost,
      admit: event => {
        const applied = { accepted: event.kind === 3, message: '', store: [], deliver: [] }
        if (event.kind === 2) return { kind: 'answer', deliver: [] }
        if (event.kind === 9) return { kind: 'refuse', message: 'blocked: no' }
        return { kind: 'apply', apply: () => ({ ...applied, message: applied.accepted ? '' : 'mute: no' }) }
      },
    }
    const { metrics, connect } = await serve({ host })
    const client = await connect()
    for (const kind of [2, 3, 4, 9]) await client.publish(alice.sign({ kind }))
    expect(moved(metrics.events)).toEqual({ answered: 1, applied: 1 })
    expect(moved(metrics.eventsRefused)).toEqual({ mute: 1, blocked: 1 })
  })

  it('beyond the rate are refused, and wait for the disk only as long as they do', async () => {
    const { metrics, connect } = await serve({ limits: { eventsBurst: 2, eventsPerSecond: 1 } })
    const client = await connect()
    for (let index = 0; index < 3; index++) client.send('EVENT', alice.sign({ content: `${index}` }))
    await until(() => client.unread.length === 3)
    expect(moved(metrics.eventsRefused)).toEqual({ 'rate-limited': 1 })
    expect(metrics.pendingBytes).toBe(0)
  })

  it('are counted when they have expired and been removed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const service = await serve()
    const client = await service.connect()
    const expiration = String(startTime + 10)
    for (const content of ['a', 'b']) await client.publish(alice.sign({ content, tags: [['expiration', expiration]] }))
    service.time += 11
    vi.advanceTimersByTime(10_000)
    await until(() => service.metrics.expired === 2)
    expect(service.metrics.outdated).toBe(0)
  })

  it('that retention removes are counted apart from those that have expired', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const service = await serve({ retention: [{ maxAgeSeconds: 100 }] })
    const client = await service.connect()
    await client.publish(alice.sign())
    service.time += 101
    vi.advanceTimersByTime(600_000)
    await until(() => service.metrics.outdated === 1)
    expect([service.metrics.expired, service.metrics.removed]).toEqual([0, 0])
  })
})

describe('messages and requests', () => {
  it('are counted by verb, what is not understood as other', async () => {
    const { metrics, connect } = await serve()
    const client = await connect()
    client.socket.send('no JSON')
    client.send('constructor')
    client.send(7)
    client.send('CLOSE', 'x')
    client.send('AUTH', alice.sign({ kind: 22_242 }))
    client.send('REQ', 'x', {})
    client.send('EVENT', alice.sign())
    await until(() => client.unread.length === 7)
    expect(moved(metrics.messages)).toEqual({ EVENT: 1, REQ: 1, CLOSE: 1, AUTH: 1, other: 3 })
    expect(metrics.notices).toBe(3)
    expect(moved(metrics.authRefused)).toEqual({ invalid: 1 })
    expect(moved(metrics.eventsRefused)).toEqual({})
  })

  it('that are refused are counted by prefix', async () => {
    const { metrics, connect } = await serve({ limits: { maxSubscriptions: 1 } })
    const client = await connect()
    client.send('REQ', 'bad', { kinds: 'all' })
    client.send('REQ', 'direct', { kinds: [4] })
    client.send('REQ', 'one', { limit: 0 })
    client.send('REQ', 'two', {})
    await until(() => client.unread.length === 5)
    expect(moved(metrics.requestsRefused)).toEqual({ invalid: 1, 'auth-required': 1, 'rate-limited': 1 })
  })

  it('send stored and live events, each counted as what it is', async () => {
    const { metrics, connect } = await serve()
    const [client, reader] = [await connect(), await connect()]
    for (let index = 0; index < 3; index++) await client.publish(alice.sign({ content: `${index}` }))
    reader.send('REQ', 'x', { limit: 2 })
    await until(() => reader.unread.length === 3)
    expect([metrics.sentFromStore, metrics.delivered]).toEqual([2, 0])
    await client.publish(alice.sign({ content: 'live' }))
    await until(() => reader.unread.length === 4)
    expect([metrics.sentFromStore, metrics.delivered]).toEqual([2, 1])
    expect([metrics.queriesUnderWay, metrics.queriesWaiting]).toEqual([0, 0])
  })

  it('never count a live event that its reader may not see', async () => {
    const { metrics, connect } = await serve()
    const [client, reader] = [await connect(), await connect()]
    reader.send('REQ', 'x', {})
    await reader.next()
    await client.publish(alice.sign({ kind: 4, tags: [['p', author(2).pubkey]] }))
    expect(metrics.delivered).toBe(0)
  })
})

describe('connections', () => {
  const content = 'x'.repeat(30_000)

  it('are counted with what ended them', async () => {
    const service = await serve({
      limits: { maxBadMessages: 1, maxMessageBytes: 50_000, terminateAtBytes: 400_000, eventsBurst: 1_000_000 },
    })
    const { metrics } = service
    const [polite, silly, huge] = [await service.connect(), await service.connect(), await service.connect()]
    polite.socket.close()
    for (let index = 0; index < 3; index++) silly.socket.send('no JSON')
    huge.socket.send('x'.repeat(50_001))
    await Promise.all([polite.closed, silly.closed, huge.closed])
    await until(() => service.relay.stats().connections === 0)
    const slow = await service.connect()
    slow.send('REQ', 'x', {})
    await slow.next()
    slow.socket.pause()
    const writing = await service.connect()
    for (let index = 0; index < 1_000 && metrics.connections.closed['unread-bytes'] === 0; index++) {
      await writing.publish(alice.sign({ kind: 20_001, content: content + index }))
    }
    expect(moved(metrics.connections.closed)).toEqual({ client: 1, nonsense: 1, protocol: 1, 'unread-bytes': 1 })
    expect(metrics.connections.opened).toBe(5)
    await service.relay.close()
    expect(metrics.connections.closed.stopping).toBe(1)
  })

  it('that are gone are counted as such', async () => {
    const service = await serve({ limits: { pingSeconds: 0.1 } })
    const gone = await connectClient(service.url, { autoPong: false })
    await gone.closed
    await until(() => service.relay.stats().connections === 0)
    expect(moved(service.metrics.connections.closed)).toEqual({ 'no-pong': 1 })
  })

  it('that do not read are seen as paused while they do not', async () => {
    const service = await serve({
      limits: { eventsBurst: 1_000_000, pauseAtBytes: 50_000, drainSeconds: 1, pingSeconds: 0.2 },
    })
    const { metrics, relay } = service
    const writing = await service.connect()
    for (let index = 0; index < 200; index++) await writing.publish(alice.sign({ content: content + index }))
    const slow = await service.connect()
    slow.socket.pause()
    slow.send('REQ', 'x', {})
    await until(() => metrics.readersPaused === 1)
    expect(metrics.queriesUnderWay).toBe(1)
    expect(relay.traffic().unreadBytes).toBeGreaterThan(50_000)
    await until(() => metrics.connections.closed['unread-time'] === 1)
    await until(() => metrics.queriesUnderWay === 0)
    expect([metrics.readersPaused, metrics.pauses]).toEqual([0, 1])
    expect(relay.traffic().unreadBytes).toBe(0)
  })

  it('are counted by status when they are refused', async () => {
    const { metrics, url } = await serve({ limits: { connectionsPerIp: 1, maxConnections: 2 } })
    const from = (ip: string) => connectClient(url, { headers: { 'x-test-ip': ip } })
    const clients = [await from('192.0.2.1'), await from('192.0.2.2')]
    await expect(from('192.0.2.1')).rejects.toThrow('429')
    for (const ip of ['192.0.2.3', '192.0.2.4']) await expect(from(ip)).rejects.toThrow('503')
    expect(metrics.connections.refused).toEqual({ 403: 0, 429: 1, 503: 2 })
    for (const { socket } of clients) socket.terminate()
  })

  it('move bytes that are counted for good, and never fewer than before', async () => {
    const service = await serve()
    const client = await service.connect()
    const before = service.relay.traffic()
    await client.publish(alice.sign({ content: 'x'.repeat(10_000) }))
    await client.query({})
    const open = service.relay.traffic()
    expect(open.bytesIn - before.bytesIn).toBeGreaterThan(10_000)
    expect(open.bytesOut - before.bytesOut).toBeGreaterThan(10_000)
    client.socket.close()
    await until(() => service.relay.stats().connections === 0)
    const closed = service.relay.traffic()
    expect(closed.bytesIn).toBeGreaterThanOrEqual(open.bytesIn)
    expect(closed.bytesOut).toBeGreaterThanOrEqual(open.bytesOut)
  })

  it('that are slow and then cut move no bytes backwards', async () => {
    const service = await serve({ limits: { pingSeconds: 1_000, eventsBurst: 1_000_000 } })
    const [writing, slow] = [await service.connect(), await service.connect()]
    for (let index = 0; index < 100; index++) await writing.publish(alice.sign({ content: content + index }))
    slow.socket.pause()
    for (let index = 0; index < 5; index++) slow.send('REQ', `s${index}`, {})
    await until(() => service.relay.traffic().unreadBytes > 100_000)
    const { bytesOut } = service.relay.traffic()
    slow.socket.terminate()
    await until(() => service.relay.stats().connections === 1)
    expect(service.relay.traffic().bytesOut).toBeGreaterThanOrEqual(bytesOut)
  })
})

describe('the writer', () => {
  it('is counted by transaction, and what failed apart', async () => {
    const { root, close } = openTemporaryRoot()
    const metrics = createWriterMetrics()
    const writer = createWriter({ root, onError: () => undefined, metrics })
    for (let index = 0; index < 5; index++) writer.submit({ lane: 'events', run: () => index, done: () => undefined })
    await writer.idle()
    const { values } = await metrics.tasks.get()
    expect(values.find(({ metricName }) => metricName?.endsWith('_sum'))?.value).toBe(5)
    expect(metrics.failures).toBe(0)
    const { batch } = root
    root.batch = () => Promise.reject(new Error('no room'))
    writer.submit({ lane: 'events', run: () => 1, done: () => undefined })
    await writer.idle()
    root.batch = batch
    expect(metrics.failures).toBe(1)
    await writer.close()
    await close()
  })
})

describe('labels', () => {
  it('come from closed lists, whatever is sent', () => {
    const metrics = createRelayMetrics()
    const size = Object.keys(metrics.messages).length + Object.keys(metrics.eventsRefused).length
    for (const text of ['__proto__', 'toString', 'EVENT\n', 'event', '', 'other', 'x'.repeat(1_000)]) {
      countMessage(metrics, text)
      countRefusal(metrics.eventsRefused, `${text}: y`)
    }
    for (const value of [undefined, null, {}, [], 1]) {
      countMessage(metrics, value)
      countRefusal(metrics.eventsRefused, value)
    }
    expect(Object.keys(metrics.messages).length + Object.keys(metrics.eventsRefused).length).toBe(size)
    expect([metrics.messages.other, metrics.eventsRefused.other]).toEqual([12, 12])
    expect(Object.getPrototypeOf(metrics.messages)).toBe(Object.prototype)
  })

  it('are exposed in full, zeros too, so that an alert has something to look at', async () => {
    const service = await serve()
    const { relay, writer, metrics, writerMetrics } = service
    const registry = new Registry()
    const errors: unknown[] = []
    exposeRelay(
      createExposition(registry, error => errors.push(error)),
      { relay, writer, metrics, writerMetrics },
    )
    const client = await service.connect()
    await client.publish(alice.sign())
    const families = parseExposition(await registry.metrics())
    expect(numberOf(families, 'relay_events_total', { outcome: 'stored' })).toBe(1)
    expect(numberOf(families, 'relay_events_refused_total', { prefix: 'pow' })).toBe(0)
    expect(numberOf(families, 'relay_connections')).toBe(1)
    expect(numberOf(families, 'relay_writer_broken')).toBe(0)
    const waiting = ['unverified_events', 'undelivered_events', 'unjudged_events', 'reconciled_events']
    const underWay = ['search_indexing', 'reconciliations', 'messages_waiting', 'removals_pending']
    const counted = ['notices_total', 'events_outdated_total', 'events_deleted_total']
    for (const name of [...waiting, ...underWay, ...counted]) {
      expect(numberOf(families, `relay_${name}`)).toBe(0)
    }
    expect(numberOf(families, 'relay_writer_tasks_count')).toBe(1)
    expect(numberOf(families, 'relay_bytes_in_total')).toBeGreaterThan(300)
    expect(errors).toEqual([])
  })
})

import { Relay as ToolsRelay, useWebSocketImplementation } from 'nostr-tools/relay'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { type Served, serveRelay } from '../serve-relay.ts'

const [alice, bob] = [author(1), author(2)]
let served: Served
let client: Client
beforeEach(async () => {
  served = await serveRelay()
  client = await served.connect()
})
afterEach(async () => {
  await served.close()
  expect(served.errors).toEqual([])
})

describe('EVENT', () => {
  it('is stored, and found at once after its OK', async () => {
    for (let index = 0; index < 20; index++) {
      const event = alice.sign({ content: `"\\ \n ä 🐼 \u0000 ${index}`, tags: [['t', String(index)]] })
      expect(await client.publish(event)).toEqual([true, ''])
      expect(await client.query({ '#t': [String(index)] })).toEqual([event])
    }
  })

  it.each([
    ['a false signature', { ...alice.sign(), sig: bob.sign().sig }, /^invalid: .*signature/],
    ['a false id', { ...alice.sign(), content: 'altered' }, /^invalid: .*hash/],
    ['no shape', { id: alice.sign().id }, /^invalid: pubkey/],
    ['a time too far ahead', alice.sign({ created_at: startTime + 901 }), /^invalid: created_at/],
    ['a time too far back', alice.sign({ created_at: 1 }), /^invalid: created_at/],
    [
      'an ephemeral event that is old',
      alice.sign({ kind: 20_001, created_at: startTime - 61 }),
      /^invalid: created_at/,
    ],
    ['an event that has expired', alice.sign({ tags: [['expiration', String(startTime)]] }), /^invalid: .*expired/],
    ['an authentication', alice.sign({ kind: 22_242 }), /^invalid: /],
  ])('is refused: %s', async (_case, event, reason) => {
    client.send('EVENT', event)
    expect(await client.next()).toEqual(['OK', event.id, false, expect.stringMatching(reason)])
    expect(await client.query({})).toEqual([])
  })

  it('that is here is a duplicate; that is outdone or deleted is refused', async () => {
    const [old, latest] = [alice.sign({ kind: 0 }), alice.sign({ kind: 0, created_at: startTime + 1 })]
    expect(await client.publish(latest)).toEqual([true, ''])
    expect(await client.publish(latest)).toEqual([true, expect.stringMatching(/^duplicate: /)])
    expect(await client.publish(old)).toEqual([false, expect.stringMatching(/^invalid: .*newer/)])
    const deletion = alice.sign({ kind: 5, tags: [['e', latest.id]] })
    expect(await client.publish(deletion)).toEqual([true, ''])
    expect(await client.publish(latest)).toEqual([false, expect.stringMatching(/^blocked: /)])
    expect(await client.query({})).toEqual([deletion])
  })

  it('twice at once is answered twice, when it is durable', async () => {
    const other = await served.connect()
    const event = alice.sign()
    for (const sender of [client, client, other]) sender.send('EVENT', event)
    const answers = [await client.next(), await client.next(), await other.next()]
    expect(
      answers.filter(([verb, id, accepted]) => verb === 'OK' && id === event.id && accepted === true),
    ).toHaveLength(3)
    expect(answers.filter(([, , , message]) => String(message).startsWith('duplicate: '))).toHaveLength(2)
    expect(await client.query({})).toEqual([event])
  })

  it('of ephemeral kind is delivered and kept nowhere', async () => {
    client.send('REQ', 'live', { kinds: [20_001] })
    expect(await client.next()).toEqual(['EOSE', 'live', ['finish']])
    const event = bob.sign({ kind: 20_001 })
    const other = await served.connect()
    expect(await other.publish(event)).toEqual([true, ''])
    expect(await client.next()).toEqual(['EVENT', 'live', event])
    expect(await other.query({})).toEqual([])
  })
})

describe('REQ', () => {
  it('gives stored events newest first, then EOSE, then live ones', async () => {
    const events = [3, 1, 2].map(later => alice.sign({ created_at: startTime - later }))
    for (const event of events) await client.publish(event)
    client.send('REQ', 'all', { authors: [alice.pubkey] })
    const seen = [await client.next(), await client.next(), await client.next(), await client.next()]
    const sorted = [...events].sort((a, b) => b.created_at - a.created_at)
    expect(seen).toEqual([...sorted.map(event => ['EVENT', 'all', event]), ['EOSE', 'all', ['finish']]])
    const live = alice.sign({ created_at: startTime - 9 })
    const other = await served.connect()
    await other.publish(bob.sign())
    await other.publish(live)
    expect(await client.next()).toEqual(['EVENT', 'all', live])
  })

  it.each([
    ['limit 0', { limit: 0 }],
    ['a filter that nothing stored matches', { since: startTime }],
  ])('gives only what comes: %s', async (_case, filter) => {
    await client.publish(alice.sign({ created_at: startTime - 1 }))
    client.send('REQ', 'x', filter)
    expect((await client.next()).slice(0, 2)).toEqual(['EOSE', 'x'])
    const live = bob.sign()
    expect(await (await served.connect()).publish(live)).toEqual([true, ''])
    expect(await client.next()).toEqual(['EVENT', 'x', live])
  })

  it.each([
    ['nothing more', { kinds: [1] }, ['finish']],
    ['exactly as many as asked for', { kinds: [1], limit: 3 }, ['finish']],
    ['one more than asked for', { kinds: [1], limit: 2 }, ['more']],
    ['more that another filter gives', { ids: [], limit: 1 }, ['finish']],
  ])('says at the end whether there is more (NIP-67): %s', async (_case, filter, hints) => {
    for (let index = 0; index < 3; index++) await client.publish(alice.sign({ created_at: startTime - index }))
    client.send('REQ', 'x', filter)
    for (let message = await client.next(); ; message = await client.next()) {
      if (message[0] !== 'EVENT') return expect(message).toEqual(['EOSE', 'x', hints])
    }
  })

  it('whose limit is ours gives all of the last second, since asking again by time could get no further (NIP-67)', async () => {
    await served.close()
    served = await serveRelay({ limits: { maxLimit: 2 } })
    client = await served.connect()
    const same = Array.from({ length: 3 }, (_, index) => alice.sign({ content: String(index) }))
    for (const event of [...same, alice.sign({ created_at: startTime - 1 })]) await client.publish(event)
    expect(await client.query({ kinds: [1] })).toHaveLength(3)
    expect(await client.query({ kinds: [1], limit: 9 })).toHaveLength(3)
    expect(await client.query({ kinds: [1], limit: 2 })).toHaveLength(2)
    expect(await client.query({ kinds: [1], until: startTime - 1 })).toHaveLength(1)
    for (let index = 3; index < 9; index++) await client.publish(alice.sign({ content: String(index) }))
    // At most as many more.
    expect(await client.query({ kinds: [1] })).toHaveLength(4)
  })

  it('with several filters gives an event once, stored and live', async () => {
    const event = alice.sign()
    await client.publish(event)
    const filters = [{ authors: [alice.pubkey] }, { kinds: [1] }, { ids: [event.id] }, {}]
    expect(await client.query(...filters)).toEqual([event])
    client.send('REQ', 'x', ...filters.map(filter => ({ ...filter, limit: 0 })))
    expect(await client.next()).toEqual(['EOSE', 'x'])
    const live = alice.sign({ content: 'live' })
    client.send('EVENT', live)
    expect([await client.next(), await client.next()]).toEqual([
      ['EVENT', 'x', live],
      ['OK', live.id, true, ''],
    ])
  })

  it('with an id in use replaces the subscription', async () => {
    client.send('REQ', 'x', { authors: [alice.pubkey] })
    client.send('REQ', 'x', { authors: [bob.pubkey] })
    const other = await served.connect()
    while (served.relay.stats().subscriptions === 0) await new Promise(setImmediate)
    await other.publish(alice.sign())
    const event = bob.sign()
    await other.publish(event)
    // The first may have had its EOSE before it was replaced.
    const seen = [await client.next(), await client.next()]
    if (seen[1]?.[0] === 'EOSE') seen.splice(1, 1, await client.next())
    expect(seen).toEqual([
      ['EOSE', 'x', ['finish']],
      ['EVENT', 'x', event],
    ])
    expect(served.relay.stats().subscriptions).toBe(1)
  })

  it.each([
    ['no filter', [], /1 to 20 filters/],
    ['21 filters', Array<object>(21).fill({}), /1 to 20 filters/],
    ['a filter that is none', [{}, 'all'], /an object/],
    ['an unknown field', [{ search: 'x' }], /search/],
  ])('is refused by CLOSED: %s', async (_case, filters, reason) => {
    client.send('REQ', 'x', ...filters)
    expect(await client.next()).toEqual(['CLOSED', 'x', expect.stringMatching(reason)])
    expect(served.relay.stats().subscriptions).toBe(0)
  })

  it.each([[''], ['x'.repeat(65)], [7], [null]])('with the id %j is answered by a NOTICE', async id => {
    client.send('REQ', id, {})
    expect(await client.next()).toEqual(['NOTICE', expect.stringMatching(/^invalid: a subscription id/)])
  })

  it.each(['"', '\\', '\n', 'ä🐼', '\u0000', '__proto__', 'x'.repeat(64)])('may have the id %j', async id => {
    const event = alice.sign()
    await client.publish(event)
    client.send('REQ', id, {})
    expect([await client.next(), await client.next()]).toEqual([
      ['EVENT', id, event],
      ['EOSE', id, ['finish']],
    ])
  })

  it('gives events that come while stored ones are sent once each', async () => {
    const stored = Array.from({ length: 300 }, (_, index) => alice.sign({ content: 'x'.repeat(2_000) + index }))
    const other = await served.connect()
    for (const event of stored) other.send('EVENT', event)
    for (let index = 0; index < stored.length; index++) await other.next()
    const live = Array.from({ length: 100 }, (_, index) => alice.sign({ kind: 7, content: String(index) }))
    client.send('REQ', 'x', { kinds: [1] }, { kinds: [7] }, {})
    for (const event of live) other.send('EVENT', event)
    for (let index = 0; index < live.length; index++) await other.next()
    const ids: string[] = []
    let eose = 0
    while (ids.length < stored.length + live.length) {
      const [verb, , event] = (await client.next()) as [string, string, { id: string }]
      if (verb === 'EOSE') eose++
      else ids.push(event.id)
    }
    expect(eose).toBe(1)
    expect(new Set(ids).size).toBe(400)
    expect(await client.query({ kinds: [0] })).toEqual([])
  })
})

describe('CLOSE', () => {
  it('ends a subscription without an answer; of none it does nothing', async () => {
    client.send('REQ', 'x', {})
    expect(await client.next()).toEqual(['EOSE', 'x', ['finish']])
    for (const id of ['x', 'x', 'y', 7, null]) client.send('CLOSE', id)
    expect(await client.publish(alice.sign())).toEqual([true, ''])
    expect(client.unread).toEqual([])
    expect(served.relay.stats().subscriptions).toBe(0)
  })
})

describe('subscriptions', () => {
  it('end with their connection, also in the middle of a query', async () => {
    for (let index = 0; index < 100; index++) await client.publish(alice.sign({ content: 'x'.repeat(9_000) + index }))
    const others = await Promise.all(Array.from({ length: 5 }, () => served.connect()))
    for (const other of others) {
      for (let index = 0; index < 20; index++) other.send('REQ', `s${index}`, {}, { kinds: [1] })
      other.socket.once('message', () => other.socket.terminate())
    }
    await Promise.all(others.map(({ closed }) => closed))
    while (served.relay.stats().connections > 1) await new Promise(setImmediate)
    expect(served.relay.stats()).toMatchObject({ connections: 1, subscriptions: 0 })
    expect(await client.query({ limit: 1 })).toHaveLength(1)
  })
})

describe('the relay itself', () => {
  it('finds, submits and appends without a connection', async () => {
    const { relay } = served
    client.send('REQ', 'x', {})
    await client.next()
    const event = alice.sign()
    const outcome = await new Promise(resolve =>
      relay.submit(event, { source: 'client', ip: '192.0.2.9', authenticated: new Set() }, resolve),
    )
    expect(outcome).toEqual({ accepted: true, message: '', delivered: [] })
    const own = bob.sign({ tags: [['expiration', '1']] })
    const calls: string[] = []
    await new Promise<void>(resolve =>
      relay.applyLocally(
        () => ({
          accepted: true,
          message: '',
          store: [own],
          deliver: [],
          committed: () => void calls.push('committed'),
        }),
        () => resolve(void calls.push('done')),
      ),
    )
    expect(calls).toEqual(['committed', 'done'])
    expect([await client.next(), await client.next()]).toEqual([
      ['EVENT', 'x', event],
      ['EVENT', 'x', own],
    ])
    expect(relay.find({ authors: [bob.pubkey] })).toEqual([own])
    expect(() => relay.find({ nonsense: 1 })).toThrow(/not known/)
  })

  it('speaks with the client of nostr-tools', async () => {
    useWebSocketImplementation(WebSocket)
    const relay = new ToolsRelay(served.url)
    await relay.connect()
    const event = alice.sign({ content: 'by nostr-tools' })
    await relay.publish(event)
    const found = await new Promise(resolve => {
      const subscription = relay.subscribe([{ ids: [event.id] }], {
        onevent: found => {
          subscription.close()
          resolve(found.content)
        },
      })
    })
    expect(found).toBe('by nostr-tools')
    relay.close()
  })

  it('ends its connections when it closes, and takes no more', async () => {
    await served.relay.close()
    expect(served.relay.stats()).toMatchObject({ connections: 0, subscriptions: 0, queued: 0 })
    expect(await client.closed).toBe(1001)
    await expect(served.connect()).rejects.toThrow(/503/)
  })
})

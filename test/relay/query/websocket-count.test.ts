import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Limits } from '../../../relay/limits.ts'
import { addAuthor, offsetFor, registerCount } from '../../../relay/query/hyperloglog.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { filterOf } from '../find.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'

const authors = [1, 2, 3, 4, 5].map(author)
const [alice, bob] = [author(1), author(2)]
let served: Served
let client: Client
const serve = async (limits: Partial<Limits> = {}) => {
  served = await serveRelay({ limits: { maxCounted: 50, ...limits }, searchedKinds: [0, 1] })
  client = await served.connect()
}
beforeEach(() => serve())
afterEach(async () => {
  await served.close()
  expect(served.errors).toEqual([])
})

async function count(...filters: object[]): Promise<unknown> {
  client.send('COUNT', 'c', ...filters)
  let [verb, id, answer] = await client.next()
  // Once, when something is withheld.
  if (verb === 'AUTH') [verb, id, answer] = await client.next()
  expect([verb, id]).toEqual(['COUNT', 'c'])
  return answer
}

async function publishAll(events: readonly NostrEvent[]): Promise<void> {
  for (const event of events) expect(await client.publish(event)).toEqual([true, ''])
}

const notes = (count: number) =>
  Array.from({ length: count }, (_, index) => alice.sign({ created_at: startTime - index, content: `n${index}` }))

async function authenticate(challenge: unknown): Promise<void> {
  const tags = [
    ['relay', relayUrl],
    ['challenge', String(challenge)],
  ]
  const event = alice.sign({ kind: 22_242, tags })
  client.send('AUTH', event)
  expect(await client.next()).toEqual(['OK', event.id, true, ''])
}

describe('COUNT', () => {
  it('counts what filters ask for, whatever their limit, and each event once', async () => {
    const deletion = bob.sign({ kind: 5 })
    await publishAll([...notes(10), bob.sign({ content: 'panda', tags: [['t', 'x']] }), deletion])
    expect(await count({})).toEqual({ count: 12 })
    expect(await count({ kinds: [1], limit: 2 })).toEqual({ count: 11 })
    expect(await count({ kinds: [1], limit: 0 }, { authors: [bob.pubkey] }, { ids: [deletion.id] })).toEqual({
      count: 12,
    })
    expect(await count({ search: 'panda' }, { '#t': ['x'] }, { search: 'n1' }, { search: 'panda' })).toEqual({
      count: 2,
    })
    expect(await count({ ids: [deletion.id] }, { kinds: [5] }, { kinds: [1] })).toEqual({ count: 12 })
    expect(await count({ kinds: [] })).toEqual({ count: 0 })
    expect(client.unread).toEqual([])
  })

  it('does not count what is deleted, replaced or expired', async () => {
    const [deleted, stays] = notes(2)
    if (deleted === undefined || stays === undefined) throw new Error('there are two')
    const expiring = alice.sign({ tags: [['expiration', String(startTime + 5)]] })
    const profiles = [0, 1].map(later => alice.sign({ kind: 0, created_at: startTime + later }))
    const deletion = alice.sign({ kind: 5, tags: [['e', deleted.id]] })
    await publishAll([deleted, stays, expiring, ...profiles, deletion])
    served.time = startTime + 5
    expect(await count({ kinds: [0, 1] })).toEqual({ count: 2 })
  })

  it.each([
    [50, { count: 50 }],
    [51, { count: 50, approximate: true }],
  ])('says when there are more than it counts: %i', async (events, expected) => {
    await publishAll(notes(events))
    expect(await count({ kinds: [1] }, { kinds: [7] })).toEqual(expected)
  })

  it('gives no HyperLogLog of what it did not count', async () => {
    const tags = [['t', 'x']]
    for (let index = 0; index < 51; index++) await client.publish(alice.sign({ tags, content: String(index) }))
    expect(await count({ '#t': ['x'] })).toEqual({ count: 50, approximate: true })
  })

  it('gives the HyperLogLog of authors for one filter with a tag (NIP-45)', async () => {
    const target = 'ab'.repeat(32)
    const reactions = authors.flatMap(({ sign }) =>
      [1, 2].map(time => sign({ kind: 7, tags: [['e', target]], created_at: startTime - time })),
    )
    await publishAll(reactions)
    const filter = { '#e': [target], kinds: [7] }
    const registers = new Uint8Array(registerCount)
    const offset = offsetFor(filterOf(filter)) ?? Number.NaN
    for (const { pubkey } of authors) addAuthor(registers, Buffer.from(pubkey, 'hex'), offset)
    expect(await count(filter)).toEqual({ count: 10, hll: Buffer.from(registers).toString('hex') })
    expect(await count(filter, filter)).toEqual({ count: 10 })
    expect(await count({ kinds: [7] })).toEqual({ count: 10 })
    expect(await count({ '#e': ['cd'.repeat(32)] })).toEqual({ count: 0, hll: '00'.repeat(256) })
  })

  it.each([
    ['no filter', [], /^invalid: a COUNT has 1 to/],
    ['too many', Array.from({ length: 21 }, () => ({})), /^invalid: a COUNT has 1 to/],
    ['no object', [7], /^invalid: a filter is an object/],
    ['an unknown field', [{ sort: 'x' }], /^unsupported: sort/],
    ['bad values', [{ authors: ['x'] }], /^invalid: authors/],
  ])('is refused: %s', async (_case, filters, reason) => {
    client.send('COUNT', 'c', ...filters)
    expect(await client.next()).toEqual(['CLOSED', 'c', expect.stringMatching(reason)])
  })

  it.each([[7], [''], ['x'.repeat(65)], [null], [{}]])('has a query id like a subscription: %j', async id => {
    client.send('COUNT', id, {})
    expect(await client.next()).toEqual(['NOTICE', expect.stringMatching(/^invalid: /)])
  })
})

describe('private events', () => {
  const toAlice = () => bob.sign({ kind: 4, tags: [['p', alice.pubkey]] })

  it('are counted for their parties only', async () => {
    await publishAll([toAlice(), bob.sign({ kind: 4, tags: [['p', author(3).pubkey]] }), bob.sign()])
    const approximate = true
    expect(await count({})).toEqual({ count: 1 })
    expect(await count({ '#p': [alice.pubkey] })).toEqual({ count: 0, hll: '00'.repeat(256) })
    expect(await count({ authors: [bob.pubkey] }, { kinds: [4] })).toEqual({ count: 1, approximate })
    client.send('COUNT', 'c', { kinds: [4] })
    const [verb, challenge] = await client.next()
    expect(verb).toBe('AUTH')
    expect(await client.next()).toEqual(['CLOSED', 'c', expect.stringMatching(/^auth-required: /)])
    await authenticate(challenge)
    expect(await count({ kinds: [4] })).toEqual({ count: 1 })
    expect(await count({})).toEqual({ count: 2 })
  })
})

describe('a count under way', () => {
  it('is stopped by CLOSE, and by the next with its id', async () => {
    await publishAll(notes(5))
    client.send('COUNT', 'c', { kinds: [1] })
    client.send('CLOSE', 'c')
    client.send('COUNT', 'd', { kinds: [1] })
    client.send('COUNT', 'd', { kinds: [7] })
    expect(await client.next()).toEqual(['COUNT', 'd', { count: 0 }])
    expect(client.unread).toEqual([])
    expect(served.metrics.queriesUnderWay).toBe(0)
  })

  it('ends with its client', async () => {
    await publishAll(notes(5))
    for (let index = 0; index < 50; index++) client.send('COUNT', `c${index}`, {})
    client.socket.terminate()
    client = await served.connect()
    expect(await count({})).toEqual({ count: 5 })
    while (served.metrics.queriesUnderWay > 0) await new Promise(setImmediate)
  })

  it('does not touch a subscription with its id, and CLOSE ends both', async () => {
    client.send('REQ', 'c', { kinds: [1] })
    expect((await client.next())[0]).toBe('EOSE')
    expect(await count({ kinds: [1] })).toEqual({ count: 0 })
    const event = alice.sign()
    const other = await served.connect()
    await other.publish(event)
    expect(await client.next()).toEqual(['EVENT', 'c', event])
    client.send('CLOSE', 'c')
    expect(await count({})).toEqual({ count: 1 })
    expect(served.relay.stats().subscriptions).toBe(0)
  })

  it('counts among subscriptions, which are so many', async () => {
    await served.close()
    await serve({ maxSubscriptions: 3 })
    for (const id of ['r', 's', 't']) {
      client.send('REQ', id, { limit: 0 })
      expect(await client.next()).toEqual(['EOSE', id])
    }
    client.send('COUNT', 'c', {})
    expect(await client.next()).toEqual([
      'CLOSED',
      'c',
      expect.stringMatching(/^rate-limited: at most 3 subscriptions/),
    ])
    client.send('CLOSE', 'r')
    expect(await count({})).toEqual({ count: 0 })
  })

  it('is refused while too many others are under way', async () => {
    await served.close()
    await serve({ maxSubscriptions: 3 })
    const asked = 100
    for (let index = 0; index < asked; index++) client.send('COUNT', `c${index}`, {})
    const answers = []
    for (let index = 0; index < asked; index++) answers.push(await client.next())
    // How many come at once, and so are refused, is up to the network; the first is not.
    expect(answers).toContainEqual(['COUNT', 'c0', { count: 0 }])
    const refused = answers.filter(([verb, , reason]) => verb === 'CLOSED' && /at most 3/.test(String(reason)))
    expect(refused.length).toBeGreaterThan(0)
  })

  it('is one of the requests that come too fast', async () => {
    await served.close()
    await serve({ requestsPerSecond: 1, requestsBurst: 3 })
    for (let index = 0; index < 10; index++) client.send('COUNT', `c${index}`, {})
    const answers = []
    for (let index = 0; index < 10; index++) answers.push(await client.next())
    const refused = answers.filter(([verb, , reason]) => verb === 'CLOSED' && /^rate-limited: /.test(String(reason)))
    expect(refused.length).toBeGreaterThanOrEqual(6)
  })
})

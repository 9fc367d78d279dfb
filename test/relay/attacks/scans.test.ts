import { afterEach, describe, expect, it } from 'vitest'
import { broadness } from '../../../relay/query/broad.ts'
import { createTurns } from '../../../relay/query/turns.ts'
import { startTime } from '../authors.ts'
import { filterOf } from '../find.ts'
import { firstMessage } from '../negentropy/negentropy-client.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { connectInMemory } from './memory-client.ts'
import { storeMany, turns, until } from './stored.ts'

let served: Served | undefined
afterEach(async () => {
  await served?.close()
  served = undefined
})

/** Twenty filters that each have to look at everything from some time on back, and find nothing. */
const deep = Array.from({ length: 20 }, (_, index) => ({ '#t': ['x'], kinds: [2], until: startTime - index }))

async function serveDeep(limits: object = {}, stored = 2_000): Promise<Served> {
  // Twenty of them at once are more than a client may usually have.
  served = await serveRelay({ limits: { maxSubscribedValues: 100_000, ...limits } })
  await storeMany(served, stored, () => ({ tags: [['t', 'x']] }))
  return served
}

describe('a deep query', () => {
  it('lets others have their answers while it goes on', async () => {
    const { metrics, connect } = await serveDeep()
    const [slow, quick] = [await connect(), await connect()]
    slow.send('REQ', 'deep', ...deep)
    while (metrics.queriesUnderWay === 0) await turns(1)
    expect(await quick.query({ limit: 1 })).toHaveLength(1)
    expect(metrics.queriesUnderWay).toBe(1)
    expect(await slow.next()).toEqual(['EOSE', 'deep', ['finish']])
  })

  it('has as many turns as all of a client that asks twenty at once', async () => {
    const { metrics, connect } = await serveDeep()
    const [greedy, modest] = [await connect(), await connect()]
    for (let index = 0; index < 20; index++) greedy.send('REQ', `deep ${index}`, ...deep)
    while (metrics.queriesUnderWay < 20) await turns(1)
    modest.send('REQ', 'deep', ...deep)
    await modest.next()
    expect(metrics.queriesUnderWay).toBeGreaterThan(10)
  })

  it.each(['REQ', 'COUNT'])('is given up when it takes too much work, and leaves nothing: %s', async verb => {
    const { metrics, relay, connect } = await serveDeep({ querySeconds: 0.005 })
    const client = await connect()
    client.send(verb, 'deep', ...deep)
    expect(await client.next()).toEqual(['CLOSED', 'deep', expect.stringMatching(/^blocked: .*too long/)])
    await until(() => metrics.queriesUnderWay === 0)
    expect(relay.stats().subscriptions).toBe(0)
    expect(client.unread).toEqual([])
  })

  it('is given up when it takes too much work: NEG-OPEN, which then holds nothing', async () => {
    const { relay, connect } = await serveDeep({ querySeconds: 0 }, 6_000)
    const client = await connect()
    client.send('NEG-OPEN', 'deep', deep[0], firstMessage([]))
    expect(await client.next()).toEqual(['NEG-ERR', 'deep', expect.stringMatching(/^blocked: .*too long/)])
    expect(relay.stats().reconciled).toBe(0)
    expect(client.unread).toEqual([])
  })

  it('is over when its client goes', async () => {
    const { metrics, relay } = await serveDeep()
    const client = connectInMemory(relay)
    for (let index = 0; index < 20; index++) client.send('REQ', `deep ${index}`, ...deep)
    while (metrics.queriesUnderWay < 20) await turns(1)
    client.leave()
    // Each learns of it when its turn comes.
    await turns(25)
    expect([metrics.queriesUnderWay, metrics.queriesWaiting]).toEqual([0, 0])
  })
})

describe('turns', () => {
  it('go round among those who wait, one on each turn of the event loop, each in the order of asking', async () => {
    const metrics = { queriesWaiting: 0 }
    const all = createTurns(metrics)
    const [greedy, modest] = [all.join(), all.join()]
    const order: string[] = []
    for (let index = 0; index < 4; index++) void greedy().then(() => order.push(`greedy ${index}`))
    void modest().then(() => order.push('modest'))
    expect(metrics.queriesWaiting).toBe(5)
    await turns(1)
    expect(order).toHaveLength(1)
    await turns(10)
    expect(order).toEqual(['greedy 0', 'modest', 'greedy 1', 'greedy 2', 'greedy 3'])
    expect(metrics.queriesWaiting).toBe(0)
    void greedy().then(() => order.push('again'))
    await turns(2)
    expect(order.at(-1)).toBe('again')
  })
})

describe('a filter that asks for everything', () => {
  const limits = { maxBroadLimit: 100, maxBroadSeconds: 7_200 }
  const key = 'a'.repeat(64)

  it.each<[string, object, boolean]>([
    ['everything', {}, true],
    ['all of a kind', { kinds: [1] }, true],
    ['a little of everything', { limit: 100 }, false],
    ['a little more', { limit: 101 }, true],
    ['what comes', { limit: 0 }, false],
    ['the last two hours', { since: startTime - 7_200 }, false],
    ['more than that', { since: startTime - 7_201 }, true],
    ['what comes from now on', { since: startTime }, false],
    ['two hours some time ago', { since: 10_000, until: 17_200 }, false],
    ['everything up to some time ago', { until: startTime - 10_000_000 }, true],
    ['what will come some day', { since: startTime + 10, until: startTime + 1_000_000 }, false],
    ['an author', { authors: [key] }, false],
    ['ids', { ids: [key] }, false],
    ['a tag', { '#t': ['x'] }, false],
  ])('is told from others: %s', (_case, filter, isRefused) => {
    const refusal = broadness(filterOf(filter), limits, startTime)
    expect(refusal === null ? null : refusal.slice(0, 8)).toBe(isRefused ? 'blocked:' : null)
  })

  it('is refused where the operator says so, also for reconciliation, and may be counted', async () => {
    served = await serveRelay({ limits })
    await storeMany(served, 10)
    const client = await served.connect()
    client.send('REQ', 'x', { limit: 1 }, { kinds: [1] })
    expect(await client.next()).toEqual([
      'CLOSED',
      'x',
      expect.stringMatching(/^blocked: .* 100 events or 7200 seconds/),
    ])
    client.send('NEG-OPEN', 'n', {}, firstMessage([]))
    expect(await client.next()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^blocked: /)])
    client.send('COUNT', 'c', {})
    expect(await client.next()).toEqual(['COUNT', 'c', { count: 10 }])
    expect(await client.query({ limit: 5 })).toHaveLength(5)
    await until(() => served?.relay.stats().subscriptions === 0)
  })

  it('is answered by default', async () => {
    served = await serveRelay()
    await storeMany(served, 10)
    expect(await (await served.connect()).query({})).toHaveLength(10)
  })
})

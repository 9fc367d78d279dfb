import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'
import { turns } from './stored.ts'

const year = 365 * 86_400
const alice = author(1)
const limits = {
  eventsBurst: 3,
  eventsPerSecond: 1e-6,
  requestsBurst: 50,
  requestsPerSecond: 1e-6,
  handshakesBurst: 3,
  handshakesPerMinute: 1e-6,
}
let served: Served
let client: Client
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: startTime * 1_000 })
  served = await serveRelay({ limits })
  client = await served.connect()
})
afterEach(async () => {
  await served.close()
  vi.useRealTimers()
})

/** Sets every clock that a step of the machine's time moves. */
function step(seconds: number): void {
  served.time = startTime + seconds
  vi.setSystemTime(served.time * 1_000)
}

it.each([[-year], [20 * year]])(
  'a step of the clock by %i s gives nobody more than a rate allows, and ends no connection',
  async seconds => {
    const [burst, more] = [
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]
    for (const content of burst) expect(await client.publish(alice.sign({ kind: 20_001, content }))).toEqual([true, ''])
    await served.connect()
    await served.connect()
    step(seconds)
    const created_at = served.time
    for (const content of more) {
      const event = alice.sign({ kind: 20_001, created_at, content })
      expect(await client.publish(event)).toEqual([false, expect.stringMatching(/^rate-limited: /)])
    }
    await expect(served.connect()).rejects.toThrow('429')
    await turns(5)
    expect(client.socket.readyState).toBe(client.socket.OPEN)
    expect(served.relay.stats().connections).toBe(3)
  },
)

it.each([[-2 * year], [20 * year]])(
  'after a step by %i s, times are judged by the clock as it is, and by the right time again later',
  async seconds => {
    const event = alice.sign({ content: 'at the right time' })
    step(seconds)
    expect(await client.publish(event)).toEqual([false, expect.stringMatching(/^invalid: created_at is too/)])
    step(0)
    expect(await client.publish(event)).toEqual([true, ''])
  },
)

it('what has expired by a clock that is ahead is there again when the clock is right', async () => {
  const event = alice.sign({ tags: [['expiration', String(startTime + 100)]] })
  const lasting = alice.sign({ content: 'lasting' })
  for (const each of [event, lasting]) await client.publish(each)
  step(20 * year)
  expect(await client.query({})).toEqual([lasting])
  step(0)
  expect((await client.query({})).length).toBe(2)
  step(100)
  expect(await client.query({})).toEqual([lasting])
})

it('a challenge outlives a step, and its answer is judged by the clock as it is', async () => {
  client.send('REQ', 'x', { kinds: [4] })
  const [, challenge] = await client.next()
  await client.next()
  const proof = (created_at: number) =>
    alice.sign({
      kind: 22_242,
      created_at,
      tags: [
        ['relay', relayUrl],
        ['challenge', String(challenge)],
      ],
    })
  step(year)
  const [early, right] = [proof(startTime), proof(startTime + year + 600)]
  client.send('AUTH', early)
  expect(await client.next()).toEqual(['OK', early.id, false, expect.stringMatching(/created_at/)])
  client.send('AUTH', right)
  expect(await client.next()).toEqual(['OK', right.id, true, ''])
})

it('removes nothing for its age while the clock is not trusted', async () => {
  await served.close()
  vi.useRealTimers()
  vi.useFakeTimers({ toFake: ['setInterval'] })
  let isTrusted = false
  served = await serveRelay({ isClockTrusted: () => isTrusted })
  client = await served.connect()
  const event = alice.sign({ tags: [['expiration', String(startTime + 60)]] })
  expect(await client.publish(event)).toEqual([true, ''])
  served.time = startTime + 20 * year
  const isStored = async () => {
    vi.advanceTimersByTime(10_000)
    await served.writer.idle()
    return served.relay.store.seqOf(Buffer.from(event.id, 'hex')) !== undefined
  }
  expect(await isStored()).toBe(true)
  isTrusted = true
  expect(await isStored()).toBe(false)
})

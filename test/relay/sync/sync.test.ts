import { afterEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { author, startTime } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { idsIn, store, syncWith } from './sync-relays.ts'

const open: Served[] = []
afterEach(async () => {
  for (const served of open.splice(0)) await served.close()
})

async function serve(options: Parameters<typeof serveRelay>[0] = {}): Promise<Served> {
  const served = await serveRelay({ ...options, limits: { eventsBurst: 1_000_000, ...options.limits } })
  open.push(served)
  return served
}
const pair = async (): Promise<[Served, Served]> => [await serve(), await serve()]

const [alice, bob] = [author(1), author(2)]
const notes = (count: number, from = 0, perSecond = 1): NostrEvent[] =>
  Array.from({ length: count }, (_, index) =>
    alice.sign({ content: `note ${from + index}`, created_at: startTime - Math.floor((from + index) / perSecond) }),
  )
const idsOf = (events: readonly NostrEvent[]) => events.map(({ id }) => id).sort()

describe('synchronisation', () => {
  it('gives each side what it lacks', async () => {
    const [here, there] = await pair()
    const both = notes(100)
    const [mine, theirs] = [notes(300, 1_000), notes(400, 2_000)]
    await store(here, [...both, ...mine])
    await store(there, [...both, ...theirs])
    const report = await syncWith(here, there.url)
    expect(report).toMatchObject({ received: 400, sent: 300, notReceived: 0, notSent: 0, stopped: null })
    expect(report.method).toBe('negentropy')
    const all = idsOf([...both, ...mine, ...theirs])
    expect(idsIn(here)).toEqual(all)
    expect(idsIn(there)).toEqual(all)
    expect(await syncWith(here, there.url)).toMatchObject({ received: 0, sent: 0, rounds: 1, stopped: null })
  })

  it.each([
    ['down', 20, 0],
    ['up', 0, 10],
  ] as const)('goes %s only when that is asked for', async (direction, received, sent) => {
    const [here, there] = await pair()
    await store(here, notes(10))
    await store(there, notes(20, 100))
    expect(await syncWith(here, there.url, { direction })).toMatchObject({ received, sent, stopped: null })
    expect(idsIn(here)).toHaveLength(10 + received)
    expect(idsIn(there)).toHaveLength(20 + sent)
  })

  it('keeps to the filter', async () => {
    const [here, there] = await pair()
    const wanted = [bob.sign({ content: 'a' }), bob.sign({ content: 'b', created_at: startTime - 5 })]
    await store(there, [...notes(10), ...wanted, bob.sign({ content: 'old', created_at: startTime - 50 })])
    const filter = { authors: [bob.pubkey], since: startTime - 10 }
    expect(await syncWith(here, there.url, { filter })).toMatchObject({ received: 2, stopped: null })
    expect(idsIn(here)).toEqual(idsOf(wanted))
  })

  it.each([{ limit: 1 }, { search: 'x' }, { kinds: 'all' }])('refuses the filter %j', async filter => {
    const [here, there] = await pair()
    expect((await syncWith(here, there.url, { filter })).stopped).toMatch(/^the filter cannot be used/)
  })

  it('takes smaller windows of time when either side has too many events', async () => {
    const here = await serve()
    const there = await serve({ limits: { maxNegentropyEvents: 40 } })
    await store(here, notes(200))
    await store(there, notes(200, 200))
    const report = await syncWith(here, there.url, { limits: { maxNegentropyEvents: 50 } })
    expect(report).toMatchObject({ received: 200, sent: 200, stopped: null })
    expect(idsIn(here)).toEqual(idsIn(there))
  })

  it('says so when one second has too many events', async () => {
    const here = await serve()
    const there = await serve({ limits: { maxNegentropyEvents: 40 } })
    await store(there, [...notes(50, 0, 1_000), ...notes(5, 1_000)])
    const report = await syncWith(here, there.url)
    expect(report).toMatchObject({ received: 5, notReceived: 1, stopped: null })
    expect(report.reasons[0]?.reason).toMatch(/a second with too many/)
  })

  it('does nothing twice when two go on at once', async () => {
    const [here, there] = await pair()
    await store(here, notes(300))
    await store(there, notes(300, 200))
    const reports = await Promise.all([syncWith(here, there.url), syncWith(here, there.url), syncWith(there, here.url)])
    for (const report of reports) expect(report).toMatchObject({ notReceived: 0, notSent: 0, stopped: null })
    expect(idsIn(here)).toEqual(idsOf(notes(500)))
    expect(idsIn(there)).toEqual(idsOf(notes(500)))
  })

  it('waits for a relay that takes events slowly', async () => {
    const here = await serve()
    const there = await serveRelay({ limits: { eventsBurst: 20, eventsPerSecond: 2_000 } })
    open.push(there)
    await store(here, notes(150))
    expect(await syncWith(here, there.url)).toMatchObject({ sent: 150, notSent: 0, stopped: null })
  })

  it('can be ended', async () => {
    const [here, there] = await pair()
    await store(there, notes(10))
    const ended = new AbortController()
    ended.abort()
    expect((await syncWith(here, there.url, { signal: ended.signal })).stopped).toBe('it was ended')
    expect(idsIn(here)).toEqual([])
  })

  it('says when nobody is there', async () => {
    const here = await serve()
    expect((await syncWith(here, 'ws://127.0.0.1:1/')).stopped).toMatch(/^the connection: .*ECONNREFUSED/)
  })
})

describe('what is not for others', () => {
  const secret = alice.sign({ kind: 4, tags: [['p', bob.pubkey]], content: 'secret' })
  const shy = alice.sign({ content: 'mine', tags: [['-']] })

  it('is not given away, though it is asked for', async () => {
    const [here, there] = await pair()
    await store(here, [secret, shy])
    for (const filter of [{}, { kinds: [1, 4] }, { authors: [alice.pubkey] }]) {
      expect(await syncWith(here, there.url, { filter })).toMatchObject({
        sent: 0,
        reasons: [{ way: 'sent', reason: 'it is protected by its author (NIP-70)', count: 1 }],
      })
    }
    expect(idsIn(there)).toEqual([])
  })

  it('is not taken from others than its author', async () => {
    const [here, there] = await pair()
    await store(there, [shy])
    const report = await syncWith(here, there.url)
    expect(report).toMatchObject({ received: 0, notReceived: 1 })
    expect(report.reasons).toEqual([{ way: 'received', reason: expect.stringMatching(/protected/), count: 1 }])
  })
})

describe('what comes by synchronisation', () => {
  it('may be old, but not expired', async () => {
    const [here, there] = await pair()
    const old = alice.sign({ content: 'old', created_at: 1_600_000_000 })
    const expiring = alice.sign({ content: 'short', tags: [['expiration', String(startTime + 5)]] })
    await store(there, [old, expiring])
    here.time += 10
    expect(await syncWith(here, there.url)).toMatchObject({ received: 1, notReceived: 1 })
    expect(idsIn(here)).toEqual([old.id])
  })

  it('is subject to policies', async () => {
    const here = await serve({ policy: event => (event.content.endsWith('7') ? 'blocked: not sevens' : null) })
    const there = await serve()
    await store(there, notes(20))
    const report = await syncWith(here, there.url)
    expect(report).toMatchObject({ received: 18, notReceived: 2, stopped: null })
    expect(report.reasons).toEqual([{ way: 'received', reason: 'blocked: not sevens', count: 2 }])
  })

  it('replaces and deletes as what comes from clients', async () => {
    const [here, there] = await pair()
    const [old, current] = [alice.sign({ kind: 0, created_at: startTime - 9 }), alice.sign({ kind: 0 })]
    const [note, deletion] = [notes(1)[0] as NostrEvent, alice.sign({ kind: 5, tags: [['e', notes(1)[0]?.id ?? '']] })]
    await store(here, [old, note])
    await store(there, [current, deletion])
    await syncWith(here, there.url)
    expect(idsIn(here)).toEqual(idsOf([current, deletion]))
    expect(idsIn(there)).toEqual(idsOf([current, deletion]))
  })
})

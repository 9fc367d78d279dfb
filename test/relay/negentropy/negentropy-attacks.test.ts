import { afterEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Limits } from '../../../relay/limits.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { store } from '../sync/sync-relays.ts'
import { firstMessage, reconcileWith } from './negentropy-client.ts'

let served: Served
afterEach(async () => {
  await served.close()
  expect(served.errors).toEqual([])
})

const alice = author(1)
const notes = (count: number): NostrEvent[] =>
  Array.from({ length: count }, (_, index) =>
    alice.sign({ content: `note ${index}`, created_at: startTime - Math.floor(index / 3) }),
  )

async function serve(limits: Partial<Limits> = {}, events = 0): Promise<Client> {
  served = await serveRelay({ limits })
  await store(served, notes(events))
  return served.connect()
}
const hex = (...parts: (string | readonly number[])[]) =>
  parts.map(part => (typeof part === 'string' ? part : Buffer.from(part).toString('hex'))).join('')
const filler = (bytes: number) => 'ab'.repeat(bytes)

describe('messages that are no negentropy', () => {
  it.each([
    ['nothing', undefined, 'not given in hex'],
    ['an empty one', '', 'not given in hex'],
    ['half a byte', '610', 'not given in hex'],
    ['no hex', '61zz', 'not given in hex'],
    ['a number', 61, 'not given in hex'],
    ['another protocol', '00', 'no negentropy'],
    ['a bound without its end', hex('61', [0x81]), 'bound is cut short'],
    ['a number without end', hex('61', Array<number>(200).fill(0xff)), 'bound is cut short'],
    ['an id that is cut short', hex('61', [1, 8], filler(3)), 'bound is cut short'],
    ['an id of 33 bytes', hex('61', [1, 33], filler(33), [0]), 'too long'],
    ['an unknown mode', hex('61', [0, 0, 3]), 'unknown mode'],
    ['a range without a mode', hex('61', [0, 0]), 'unknown mode'],
    ['a fingerprint that is cut short', hex('61', [0, 0, 1], filler(15)), 'fingerprint is cut short'],
    ['a list that is cut short', hex('61', [0, 0, 2, 2], filler(63)), 'ids is cut short'],
    ['a list of 2^53 ids', hex('61', [0, 0, 2, 0x8f, ...Array<number>(6).fill(0xff), 0x7f]), 'ids is cut short'],
    ['ids out of order', hex('61', [9, 1, 9, 0], [1, 1, 8, 0]), 'out of order'],
    ['a range after the last', hex('61', [0, 0, 0], [0, 0, 0]), 'follows the last'],
    [
      'times that grow too large',
      hex('61', Array.from({ length: 9 }, () => [0x8f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0]).flat()),
      'too large',
    ],
  ])('%s', async (_what, message, reason) => {
    const client = await serve({}, 5)
    client.send('NEG-OPEN', 'neg', {}, message)
    const [verb, id, text] = await client.next()
    expect([verb, id]).toEqual(['NEG-ERR', 'neg'])
    expect(text).toMatch(/^invalid: /)
    expect(text).toContain(reason)
    // The session is over, and nothing of it remains.
    client.send('NEG-MSG', 'neg', '61')
    expect(await client.next()).toEqual(['NEG-ERR', 'neg', expect.stringMatching(/^closed:/)])
  })

  it('answers another version with the one it speaks', async () => {
    const client = await serve()
    client.send('NEG-OPEN', 'neg', {}, '62')
    expect(await client.next()).toEqual(['NEG-MSG', 'neg', '61'])
  })

  it.each([[undefined], ['x'.repeat(65)], [7], ['']])('the id %j is a mistake', async id => {
    const client = await serve()
    client.send('NEG-OPEN', id, {}, '61')
    expect((await client.next())[0]).toBe('NOTICE')
    client.send('NEG-MSG', id, '61')
    expect((await client.next())[0]).toBe('NOTICE')
    client.send('NEG-CLOSE', id)
    expect(await client.query({})).toEqual([])
  })

  it.each([[{ kinds: 'all' }], [[]], [null], ['x'], [{ ids: ['zz'] }], [{ search: 'x' }]])(
    'the filter %j is refused',
    async filter => {
      const client = await serve()
      client.send('NEG-OPEN', 'neg', filter, '61')
      expect(await client.next()).toEqual(['NEG-ERR', 'neg', expect.stringMatching(/^(invalid|unsupported): /)])
    },
  )
})

describe('a client that asks for too much', () => {
  it('is told that the query is too big, and how much would do', async () => {
    const client = await serve({ maxNegentropyEvents: 9 }, 10)
    client.send('NEG-OPEN', 'neg', {}, firstMessage([]))
    expect(await client.next()).toEqual(['NEG-ERR', 'neg', 'blocked: this query is too big', 9])
    expect((await reconcileWith(client, { limit: 9 }, [])).need).toHaveLength(9)
  })

  it('holds no more events at once than a query may have, on all connections of its address', async () => {
    const client = await serve({ maxNegentropyEvents: 25 }, 10)
    const other = await served.connect()
    client.send('NEG-OPEN', 'a', {}, firstMessage([]))
    expect((await client.next())[0]).toBe('NEG-MSG')
    other.send('NEG-OPEN', 'b', {}, firstMessage([]))
    expect((await other.next())[0]).toBe('NEG-MSG')
    client.send('NEG-OPEN', 'c', {}, firstMessage([]))
    expect(await client.next()).toEqual(['NEG-ERR', 'c', expect.stringMatching(/^rate-limited:/)])
    other.send('NEG-CLOSE', 'b')
    // Answered after the CLOSE was dealt with.
    await other.query({ limit: 1 })
    client.send('NEG-OPEN', 'c', {}, firstMessage([]))
    expect((await client.next())[0]).toBe('NEG-MSG')
  })

  it('gives back what it holds when it goes away', async () => {
    const client = await serve({ maxNegentropyEvents: 15 }, 10)
    client.send('NEG-OPEN', 'a', {}, firstMessage([]))
    await client.next()
    client.socket.terminate()
    await client.closed
    const next = await served.connect()
    await expect
      .poll(async () => {
        next.send('NEG-OPEN', 'a', {}, firstMessage([]))
        return (await next.next())[0]
      })
      .toBe('NEG-MSG')
  })

  it('has reconciliations counted as subscriptions', async () => {
    const client = await serve({ maxSubscriptions: 2 })
    client.send('NEG-OPEN', 'a', {}, '61')
    expect((await client.next())[0]).toBe('NEG-MSG')
    client.send('REQ', 'b', { limit: 0 })
    expect((await client.next())[0]).toBe('EOSE')
    client.send('NEG-OPEN', 'c', {}, '61')
    expect(await client.next()).toEqual(['NEG-ERR', 'c', expect.stringMatching(/^rate-limited:/)])
    client.send('REQ', 'd', {})
    expect((await client.next()).slice(0, 2)).toEqual(['CLOSED', 'd'])
    client.send('NEG-CLOSE', 'a')
    client.send('NEG-OPEN', 'c', {}, '61')
    expect((await client.next())[0]).toBe('NEG-MSG')
  })

  it.each([
    ['NEG-MSG', ['61']],
    ['NEG-OPEN', [{ limit: 1 }, '61']],
  ])('is held to a rate: %s', async (verb, parts) => {
    const client = await serve({ requestsBurst: 3, requestsPerSecond: 1 })
    for (let index = 0; index < 50; index++) client.send(verb, `n${index}`, ...parts)
    const answers: unknown[] = []
    for (let index = 0; index < 50; index++) answers.push((await client.next())[2])
    expect(answers.filter(text => String(text).startsWith('rate-limited:')).length).toBeGreaterThan(40)
  })

  it('has only so much waiting to be worked on', async () => {
    const client = await serve({ maxMessageBytes: 400_000 }, 10)
    for (let index = 0; index < 20; index++) client.send('NEG-OPEN', `n${index}`, {}, `61${filler(150_000)}`)
    const answers: unknown[] = []
    for (let index = 0; index < 20; index++) answers.push((await client.next())[2])
    expect(answers.filter(text => String(text).startsWith('rate-limited: too much is waiting')).length).toBeGreaterThan(
      5,
    )
  })

  it('does not get ahead of the answers', async () => {
    const client = await serve({}, 10)
    client.send('NEG-OPEN', 'a', {}, '61')
    client.send('NEG-MSG', 'a', '61')
    expect(await client.next()).toEqual(['NEG-ERR', 'a', expect.stringMatching(/^invalid: the answer/)])
    expect(await reconcileWith(client, {}, [], 'a')).toMatchObject({ have: [] })
  })

  it('begins anew with an id that is in use', async () => {
    const client = await serve({}, 10)
    for (let index = 0; index < 20; index++) client.send('NEG-OPEN', 'a', { limit: index % 5 }, firstMessage([]))
    expect((await reconcileWith(await served.connect(), {}, [])).need).toHaveLength(10)
    client.send('NEG-CLOSE', 'a')
    expect(await reconcileWith(await served.connect(), {}, notes(10))).toMatchObject({ have: [], need: [] })
  })

  it('is forgotten when nothing more is heard of it', async () => {
    const client = await serve({ pingSeconds: 0.05, negentropyIdleSeconds: 0.05 }, 3)
    client.send('NEG-OPEN', 'a', {}, firstMessage([]))
    expect((await client.next())[0]).toBe('NEG-MSG')
    expect(await client.next()).toEqual(['NEG-ERR', 'a', 'closed: you took too long to respond!'])
  })

  it('may replay a message, which changes nothing', async () => {
    const client = await serve({}, 10)
    const message = firstMessage([])
    client.send('NEG-OPEN', 'a', {}, message)
    const [, , answer] = await client.next()
    for (let index = 0; index < 5; index++) {
      client.send('NEG-MSG', 'a', message)
      expect(await client.next()).toEqual(['NEG-MSG', 'a', answer])
    }
  })

  it('gets an answer of bounded size to very many ranges', async () => {
    const client = await serve({ maxMessageBytes: 2_000_000, requestsBurst: 1_000 }, 300)
    // Each second a range of its own with a fingerprint that is wrong: the answer would list every item.
    const range = hex([2, 0, 1], filler(16))
    client.send('NEG-OPEN', 'a', {}, hex('61', range.repeat(40_000)))
    const [verb, , answer] = await client.next()
    expect(verb).toBe('NEG-MSG')
    expect(String(answer).length).toBeLessThan(1_000_000)
    // A third of a million of the smallest ranges.
    client.send('NEG-MSG', 'a', hex('61', [0x86, 0xd5, 0xd0, 0x80, 0, 0, 0], '020000'.repeat(300_000)))
    expect(await client.next()).toEqual(['NEG-MSG', 'a', '61'])
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openScan } from '../../../relay/query/query.ts'
import { until } from '../attacks/stored.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { filterOf } from '../find.ts'
import { openTemporaryStore } from '../open-temporary.ts'
import { type Served, serveRelay } from '../serve-relay.ts'

const [alice, bob, carol] = [author(1), author(2), author(3)]
let served: Served
let client: Client
beforeEach(async () => {
  served = await serveRelay({ searchedKinds: [0, 1, 4, 30_023] })
  client = await served.connect()
})
afterEach(async () => {
  await served.close()
  expect(served.errors).toEqual([])
})

const profile = (who: typeof alice, name: string, about = '', created_at = startTime) =>
  who.sign({ kind: 0, content: JSON.stringify({ name, about }), created_at })

describe('a search (NIP-50)', () => {
  it('finds a name before names with it, and these before other texts', async () => {
    const profiles = [
      profile(carol, 'carol', 'I met panda once', startTime + 3),
      profile(bob, 'panda builder', '', startTime + 2),
      profile(alice, 'Panda', '', startTime + 1),
    ]
    for (const event of profiles) expect(await client.publish(event)).toEqual([true, ''])
    expect(await client.query({ search: 'PANDA' })).toEqual([...profiles].reverse())
    expect(await client.query({ search: 'panda', limit: 1 })).toEqual([profiles[2]])
    expect(await client.query({ search: 'panda', authors: [carol.pubkey] })).toEqual([profiles[0]])
    expect(await client.query({ search: 'panda once language:en' })).toEqual([profiles[0]])
    expect(await client.query({ search: 'panda nowhere' })).toEqual([])
  })

  it('does not find what is replaced or deleted, nor what it was before', async () => {
    await client.publish(profile(alice, 'panda'))
    await client.publish(profile(alice, 'bear', '', startTime + 1))
    expect(await client.query({ search: 'panda' })).toEqual([])
    const article = bob.sign({
      kind: 30_023,
      tags: [
        ['d', 'x'],
        ['title', 'Panda'],
      ],
    })
    await client.publish(article)
    expect(await client.query({ search: 'panda' })).toEqual([article])
    await client.publish(bob.sign({ kind: 5, tags: [['e', article.id]] }))
    expect(await client.query({ search: 'panda' })).toEqual([])
  })

  it('finds what comes, live', async () => {
    client.send('REQ', 's', { kinds: [1], search: 'panda bamboo' }, { kinds: [7], search: 'panda' })
    expect((await client.next())[0]).toBe('EOSE')
    const other = await served.connect()
    const [missed, found] = [alice.sign({ content: 'panda' }), alice.sign({ content: 'Bamboo, panda!' })]
    for (const event of [missed, alice.sign({ kind: 7, content: 'panda bamboo' }), found]) await other.publish(event)
    expect(await client.next()).toEqual(['EVENT', 's', found])
  })

  it('gives private texts to nobody else', async () => {
    const letter = bob.sign({ kind: 4, content: 'panda', tags: [['p', alice.pubkey]] })
    await client.publish(letter)
    expect(await client.query({ search: 'panda' })).toEqual([])
    client.send('COUNT', 'c', { search: 'panda' })
    expect(await client.next()).toEqual(['COUNT', 'c', { count: 0, approximate: true }])
    client.send('REQ', 's', { search: 'panda' })
    expect((await client.next())[0]).toBe('EOSE')
    const other = await served.connect()
    await other.publish(bob.sign({ kind: 4, content: 'panda again', tags: [['p', alice.pubkey]] }))
    const note = bob.sign({ content: 'panda' })
    await other.publish(note)
    expect(await client.next()).toEqual(['EVENT', 's', note])
  })

  it('says at the end whether there is more (NIP-67) of what is less relevant', async () => {
    // While the index is being filled, the relay does not know what it may miss.
    await until(() => !served.relay.stats().isIndexing)
    for (const [index, who] of [alice, bob, carol].entries())
      await client.publish(profile(who, `panda ${'x'.repeat(index)}`))
    client.send('REQ', 's', { kinds: [0], search: 'panda', limit: 2 })
    const messages = []
    do messages.push(await client.next())
    while (messages.at(-1)?.[0] !== 'EOSE')
    expect(messages.length).toBe(3)
    expect(messages[2]).not.toEqual(['EOSE', 's', ['finish']])
    client.send('REQ', 's', { kinds: [0], search: 'panda' })
    for (let index = 0; index < 3; index++) await client.next()
    expect(await client.next()).toEqual(['EOSE', 's', ['finish']])
  })

  it.each([
    ['too long', 'x'.repeat(257)],
    ['too many words', Array.from({ length: 17 }, (_, index) => `w${index}`).join(' ')],
    ['no text', { $regex: '(a+)+$' }],
  ])('is refused: %s', async (_case, search) => {
    client.send('REQ', 's', { search })
    expect(await client.next()).toEqual(['CLOSED', 's', expect.stringMatching(/^invalid: search: /)])
  })

  it.each([
    ['a pattern', '(a+)+$ .* [panda'],
    ['another language', 'panda%" OR 1=1 --'],
    ['a path of keys', '\u0001panda\u0000'],
    ['directions', '\u202epanda\u202c'],
  ])('is text and nothing else: %s', async (_case, search) => {
    const event = alice.sign({ content: 'panda or 1 11' })
    await client.publish(event)
    expect(await client.query({ search })).toEqual([event])
  })

  it('goes on while somebody stores the longest and the most words', async () => {
    const texts = [
      'x'.repeat(60_000),
      Array.from({ length: 9_000 }, (_, index) => `w${index.toString(36)}`).join(' '),
      '漢'.repeat(15_000),
      `e${'\u0301'.repeat(20_000)}`,
      '\u202e\u200d\u{1f43c}'.repeat(5_000),
    ]
    for (const content of texts) expect(await client.publish(alice.sign({ content }))).toEqual([true, ''])
    expect(await client.query({ search: 'x'.repeat(200) })).toHaveLength(1)
    expect(await client.query({ search: 'w1' })).toHaveLength(1)
    expect(await client.query({ search: 'w6xz' })).toEqual([])
    expect(await client.query({ search: '漢' })).toHaveLength(1)
  })
})

describe('an event whose words are indexed', () => {
  it('takes more of what a client may send', async () => {
    await served.close()
    served = await serveRelay({ searchedKinds: [30_023], limits: { eventsPerSecond: 1, eventsBurst: 40 } })
    client = await served.connect()
    const content = 'panda '.repeat(2_000)
    const publish = (kind: number, d: string) => client.publish(alice.sign({ kind, content, tags: [['d', d]] }))
    expect(await publish(30_023, 'a')).toEqual([true, ''])
    expect(await publish(30_023, 'b')).toEqual([false, expect.stringMatching(/^rate-limited: /)])
    expect(await publish(30_024, 'c')).toEqual([true, ''])
  })
})

describe('a word that stands in every event', () => {
  it.each([
    ['everywhere', '\u0001panda\u0000', 0],
    ['in every title', '\u0002panda\u0000', 1],
  ])('is looked for among the newest, a slice at a time: %s', async (_case, field, expected) => {
    const { store, root, put, close } = openTemporaryStore()
    store.searchKinds([1])
    put(alice.sign({ content: 'panda', created_at: 1 }))
    const row = Buffer.from(field)
    const rows = 50_001
    root.transactionSync(() => {
      for (let index = 0; index < rows; index++) {
        const key = Buffer.concat([row, Buffer.alloc(20)])
        key.writeUIntBE(1, row.length, 6)
        key.writeUIntBE(index + 2, row.length + 14, 6)
        store.databases.words.putSync(key, Buffer.alloc(0))
      }
    })
    const filter = { ...filterOf({ kinds: [1] }), search: { words: ['panda'], phrase: 'panda' } }
    const scan = openScan(store, filter, { now: startTime, latest: rows * 2, visible: () => true, seen: null })
    let slices = 0
    let found = 0
    for (let record = scan.next(() => true); record !== null; record = scan.next(() => true)) {
      if (record === undefined) slices++
      else found++
    }
    expect(found).toBe(expected)
    expect(slices).toBeGreaterThan(rows / 64)
    expect(scan.hasMore()).toBeUndefined()
    await close()
  })
})

describe('a relay without searched kinds', () => {
  it('says that it knows no search', async () => {
    const plain = await serveRelay()
    const other = await plain.connect()
    other.send('REQ', 's', { search: 'panda' })
    expect(await other.next()).toEqual(['CLOSED', 's', expect.stringMatching(/^unsupported: search: .*not known/)])
    expect((plain.relay.document() as { supported_nips: number[] }).supported_nips).not.toContain(50)
    expect((served.relay.document() as { supported_nips: number[] }).supported_nips).toEqual(
      expect.arrayContaining([45, 50]),
    )
    await plain.close()
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { reconcileWith } from '../negentropy/negentropy-client.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'

const [alice, bob, mallory] = [author(1), author(2), author(3)]
const secrets = [4, 1_059, 21_059].map(kind =>
  alice.sign({
    kind,
    tags: [
      ['p', bob.pubkey],
      ['t', 'x'],
    ],
  }),
)
const stored = secrets.filter(({ kind }) => kind !== 21_059)
const note = alice.sign({
  tags: [
    ['p', bob.pubkey],
    ['t', 'x'],
  ],
  created_at: startTime - 1,
})

/** Everything by which somebody may hope to be shown what is not theirs. */
const askings: [string, object][] = [
  ['everything', {}],
  ['the author', { authors: [alice.pubkey] }],
  ['the recipient', { '#p': [bob.pubkey] }],
  ['another tag', { '#t': ['x'] }],
  ['ids', { ids: [...secrets, note].map(({ id }) => id) }],
  ['kinds, one of them open', { kinds: [1, 4, 1_059, 21_059] }],
  ['times', { since: startTime - 1, until: startTime }],
  ['the newest', { limit: 1 }],
]

let served: Served
let client: Client
beforeEach(async () => {
  served = await serveRelay()
  client = await served.connect()
  for (const event of [...stored, note]) expect(await client.publish(event)).toEqual([true, ''])
})
afterEach(() => served.close())

async function authenticate(asking: Client, who: typeof alice): Promise<void> {
  asking.send('REQ', 'challenge', { kinds: [4] })
  const [, challenge] = await asking.next()
  await asking.next()
  const tags = [
    ['relay', relayUrl],
    ['challenge', String(challenge)],
  ]
  const proof = who.sign({ kind: 22_242, tags })
  asking.send('AUTH', proof)
  expect(await asking.next()).toEqual(['OK', proof.id, true, ''])
}

const countOf = async (asking: Client, filter: object) => {
  asking.send('COUNT', 'count', filter)
  let [verb, , answer] = await asking.next()
  if (verb === 'AUTH') [verb, , answer] = await asking.next()
  expect(verb).toBe('COUNT')
  return (answer as { count: number }).count
}

const byId = (events: readonly Pick<NostrEvent, 'id'>[]) => events.map(({ id }) => id).sort()

describe.each<[string, typeof alice | null]>([
  ['nobody', null],
  ['somebody else', mallory],
])('to %s', (_who, key) => {
  it.each(askings)(
    'what is private is neither found, counted, reconciled nor delivered: by %s',
    async (_by, filter) => {
      if (key !== null) await authenticate(client, key)
      expect(await client.query(filter)).toEqual([note])
      expect(await countOf(client, filter)).toBe(1)
      expect((await reconcileWith(client, filter, [])).need).toEqual([note.id])
      client.send('REQ', 'live', { ...filter, limit: 0 })
      expect((await client.next())[0]).toBe('EOSE')
      const publisher = await served.connect()
      const later = [4, 1_059, 21_059, 1].map(kind => {
        return alice.sign({
          kind,
          tags: [
            ['p', bob.pubkey],
            ['t', 'x'],
          ],
          content: 'later',
          created_at: startTime,
        })
      })
      for (const event of later) expect(await publisher.publish(event)).toEqual([true, ''])
      const seen: unknown[] = []
      // An answer to come after all that was delivered.
      client.send('REQ', 'end', { ids: [note.id] })
      for (let [verb, id, event] = await client.next(); id !== 'end'; [verb, id, event] = await client.next()) {
        expect(verb).toBe('EVENT')
        seen.push((event as NostrEvent).kind)
      }
      expect(seen.filter(kind => kind !== 1)).toEqual([])
    },
  )
})

describe('to nobody', () => {
  it.each([
    ['REQ', 'CLOSED', []],
    ['COUNT', 'CLOSED', []],
    ['NEG-OPEN', 'NEG-ERR', ['6100000200']],
  ])('%s for nothing else asks for authentication first', async (verb, answer, more) => {
    client.send(verb, 'x', { kinds: [4, 1_059] }, ...more)
    expect((await client.next())[0]).toBe('AUTH')
    expect(await client.next()).toEqual([answer, 'x', expect.stringMatching(/^auth-required: /)])
  })
})

describe('to who has not signed in', () => {
  it.each([
    ['kinds, one of them open', { kinds: [1, 4] }],
    ['kinds of which nothing is here', { kinds: [1, 1059], authors: ['f'.repeat(64)] }],
  ])('it is said that there may be more, and how to see it, once: by %s', async (_by, filter) => {
    const answersTo = async (id: string) => {
      client.send('REQ', id, filter)
      const messages = [await client.next()]
      while (messages.at(-1)?.[0] !== 'EOSE') messages.push(await client.next())
      return messages.filter(([verb]) => verb !== 'EVENT')
    }
    expect(await answersTo('a')).toEqual([
      ['AUTH', expect.stringMatching(/^[0-9a-f]{32}$/)],
      ['EOSE', 'a'],
    ])
    expect(await answersTo('b')).toEqual([['EOSE', 'b']])
    await authenticate(client, bob)
    expect(await answersTo('c')).toEqual([['EOSE', 'c', ['finish']]])
  })

  it('it is said of a count that there may be more', async () => {
    client.send('COUNT', 'a', { kinds: [1, 4] })
    expect((await client.next())[0]).toBe('AUTH')
    expect(await client.next()).toEqual(['COUNT', 'a', { count: 1, approximate: true }])
  })

  it.each([
    ['kinds that are open', { kinds: [1] }],
    ['everything', {}],
  ])('nothing is said by %s, or it would tell whether something is withheld', async (_by, filter) => {
    client.send('REQ', 'a', filter)
    expect((await client.next())[0]).toBe('EVENT')
    expect(await client.next()).toEqual(['EOSE', 'a', ['finish']])
    client.send('COUNT', 'b', filter)
    expect(await client.next()).toEqual(['COUNT', 'b', { count: 1 }])
  })

  it.each([{ kinds: [4, 65_535] }, { kinds: [1059, 65_535] }])(
    'the answers to %j are the same, whether or not there is something private',
    async filter => {
      const answers = []
      for (const more of [{ '#p': [bob.pubkey] }, { '#p': ['f'.repeat(64)] }]) {
        const asking = await served.connect()
        asking.send('REQ', 'a', { ...filter, ...more })
        asking.send('COUNT', 'b', { ...filter, ...more })
        const messages = [await asking.next()]
        while (messages.at(-1)?.[0] !== 'COUNT') messages.push(await asking.next())
        answers.push(
          messages.filter(([verb]) => verb !== 'EVENT').map(message => (message[0] === 'AUTH' ? 'AUTH' : message)),
        )
      }
      expect(answers[0]).toEqual(answers[1])
    },
  )
})

describe('to its recipient', () => {
  it.each(askings.slice(0, 7))('what is private is found, counted and reconciled: by %s', async (_by, filter) => {
    await authenticate(client, bob)
    expect(byId(await client.query(filter))).toEqual(byId([...stored, note]))
    expect(await countOf(client, filter)).toBe(3)
    expect((await reconcileWith(client, filter, [])).need).toEqual(byId([...stored, note]))
  })
})

describe('a proof of who somebody is', () => {
  it('is neither kept nor shown, whichever way it comes', async () => {
    const watcher = await served.connect()
    watcher.send('REQ', 'live', {}, { kinds: [22_242] })
    while ((await watcher.next())[0] !== 'EOSE');
    await authenticate(client, alice)
    const proof = alice.sign({ kind: 22_242 })
    expect(await client.publish(proof)).toEqual([false, expect.stringMatching(/^invalid: /)])
    const submitted = await new Promise<{ accepted: boolean }>(resolve =>
      served.relay.submit(proof, { source: 'import', ip: 'file', authenticated: new Set() }, resolve),
    )
    expect(submitted.accepted).toBe(false)
    const end = alice.sign({ kind: 20_001 })
    await client.publish(end)
    expect(await watcher.next()).toEqual(['EVENT', 'live', end])
    expect(await client.query({ kinds: [22_242] })).toEqual([])
  })
})

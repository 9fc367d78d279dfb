import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openHost } from '../../../relay/open-host.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'

const [alice, bob, carol] = [author(1), author(2), author(3)]
let served: Served
let client: Client
beforeEach(async () => {
  served = await serveRelay()
  client = await served.connect()
})
afterEach(() => served.close())

/** Asks for what is restricted, to be sent the challenge. */
async function challengeOf(asking: Client): Promise<string> {
  asking.send('REQ', 'challenge', { kinds: [4] })
  const [verb, challenge] = await asking.next()
  expect(verb).toBe('AUTH')
  expect(await asking.next()).toEqual(['CLOSED', 'challenge', expect.stringMatching(/^auth-required: /)])
  return String(challenge)
}

const proof = (who: typeof alice, challenge: string, change: { relay?: string; created_at?: number } = {}) =>
  who.sign({
    kind: 22_242,
    created_at: change.created_at ?? startTime,
    tags: [
      ['relay', change.relay ?? relayUrl],
      ['challenge', challenge],
    ],
  })

async function authenticate(asking: Client, who: typeof alice, challenge?: string): Promise<string> {
  const answered = challenge ?? (await challengeOf(asking))
  const event = proof(who, answered)
  asking.send('AUTH', event)
  expect(await asking.next()).toEqual(['OK', event.id, true, ''])
  return answered
}

describe('authentication', () => {
  it.each([
    [
      'another relay',
      (challenge: string) => proof(alice, challenge, { relay: 'wss://other.example' }),
      /another relay/,
    ],
    ['another challenge', () => proof(alice, 'x'), /challenge/],
    ['another time', (challenge: string) => proof(alice, challenge, { created_at: startTime - 601 }), /created_at/],
    ['another kind', () => alice.sign(), /kind 22242/],
    ['a false signature', (challenge: string) => ({ ...proof(alice, challenge), sig: alice.sign().sig }), /signature/],
    ['another’s key', (challenge: string) => ({ ...proof(bob, challenge), pubkey: alice.pubkey }), /id or signature/],
    ['no shape', (challenge: string) => ({ id: proof(alice, challenge).id }), /pubkey/],
  ])('is refused and gives nothing: %s', async (_case, make, reason) => {
    const event = make(await challengeOf(client))
    client.send('AUTH', event)
    expect(await client.next()).toEqual(['OK', event.id, false, expect.stringMatching(reason)])
    await challengeOf(client)
  })

  it('is refused with the challenge of another connection, or before there is one', async () => {
    const other = await served.connect()
    const challenge = await challengeOf(other)
    for (const event of [proof(alice, challenge), proof(alice, '')]) {
      client.send('AUTH', event)
      expect(await client.next()).toEqual(['OK', event.id, false, expect.stringMatching(/no challenge/)])
    }
  })

  it('without an event is answered by a NOTICE', async () => {
    for (const value of [null, 'x', {}]) {
      client.send('AUTH', value)
      expect(await client.next()).toEqual(['NOTICE', expect.stringMatching(/^invalid: /)])
    }
  })

  it('keeps one challenge for a connection and takes several keys, up to 32', async () => {
    const challenge = await challengeOf(client)
    expect(await challengeOf(client)).toBe(challenge)
    for (let number = 1; number <= 32; number++) await authenticate(client, author(number), challenge)
    const event = proof(author(33), challenge)
    client.send('AUTH', event)
    expect(await client.next()).toEqual(['OK', event.id, false, expect.stringMatching(/^restricted: /)])
  })
})

describe('restricted kinds', () => {
  const toBob = alice.sign({ kind: 4, tags: [['p', bob.pubkey]] })
  const note = alice.sign({ created_at: startTime - 1 })
  const filters = [{}, { authors: [alice.pubkey] }, { ids: [toBob.id, note.id] }, { kinds: [1, 4] }, { since: 1 }]

  it.each([
    ['nobody', [], [note]],
    ['another', [carol], [note]],
    ['the author', [alice], [toBob, note]],
    ['the recipient', [bob], [toBob, note]],
    ['two keys, one of a party', [carol, bob], [toBob, note]],
  ])('are found by their parties only: %s', async (_case, keys, expected) => {
    for (const event of [toBob, note]) await client.publish(event)
    let challenge: string | undefined
    for (const key of keys) challenge = await authenticate(client, key, challenge)
    for (const filter of filters) expect(await client.query(filter)).toEqual(expected)
    expect(await client.query(...filters)).toEqual(expected)
    if (keys.length > 0) expect(await client.query({ kinds: [4] })).toEqual(expected.filter(({ kind }) => kind === 4))
  })

  it('are delivered live to their parties only, from the moment they authenticate', async () => {
    const asking = { '#p': [bob.pubkey] }
    const [stranger, recipient] = [await served.connect(), await served.connect()]
    for (const reader of [stranger, recipient]) {
      reader.send('REQ', 'x', asking)
      expect(await reader.next()).toEqual(['EOSE', 'x', ['finish']])
    }
    await client.publish(toBob)
    await authenticate(recipient, bob)
    await authenticate(stranger, carol)
    const second = alice.sign({ kind: 4, tags: [['p', bob.pubkey]], content: 'second' })
    const open = alice.sign({ tags: [['p', bob.pubkey]], content: 'open' })
    for (const event of [second, open]) await client.publish(event)
    expect([await recipient.next(), await recipient.next()]).toEqual([
      ['EVENT', 'x', second],
      ['EVENT', 'x', open],
    ])
    expect(await stranger.next()).toEqual(['EVENT', 'x', open])
  })

  it('do not count in a limit of others', async () => {
    for (const event of [toBob, note]) await client.publish(event)
    expect(await client.query({ limit: 1 })).toEqual([note])
  })
})

describe('a protected event (NIP-70)', () => {
  const event = alice.sign({ tags: [['-']] })

  it('is refused with a challenge, and taken from its author', async () => {
    client.send('EVENT', event)
    const [verb, challenge] = await client.next()
    expect(verb).toBe('AUTH')
    expect(await client.next()).toEqual(['OK', event.id, false, expect.stringMatching(/^auth-required: /)])
    await authenticate(client, bob, String(challenge))
    expect(await client.publish(event)).toEqual([false, expect.stringMatching(/^restricted: /)])
    await authenticate(client, alice, String(challenge))
    expect(await client.publish(event)).toEqual([true, ''])
  })
})

describe('an application', () => {
  it('refuses, answers, applies and knows events', async () => {
    const stored = bob.sign({ kind: 30_000, tags: [['d', 'x']] })
    const answer = bob.sign({ kind: 20_002, tags: [['p', alice.pubkey]] })
    const known = alice.sign({ kind: 7, content: 'known' })
    let fails = false
    const hosted = await serveRelay({
      host: {
        ...openHost,
        known: ({ id }) => (id === known.id ? { accepted: true, message: 'duplicate: known' } : undefined),
        admit: event => {
          if (event.kind === 7) return { kind: 'refuse', message: 'blocked: no sevens' }
          if (event.kind === 20_001) return { kind: 'answer', deliver: [answer] }
          if (event.kind !== 2_410) return { kind: 'store' }
          return {
            kind: 'apply',
            apply: () => {
              if (fails) throw new Error('a bug')
              return { accepted: true, message: '', store: [event, stored], deliver: [answer] }
            },
          }
        },
      },
    })
    try {
      const asking = await hosted.connect()
      const listener = await hosted.connect()
      listener.send('REQ', 'x', {})
      expect(await listener.next()).toEqual(['EOSE', 'x', ['finish']])
      expect(await asking.publish(known)).toEqual([true, 'duplicate: known'])
      expect(await asking.publish(alice.sign({ kind: 7 }))).toEqual([false, 'blocked: no sevens'])
      expect(await asking.publish(alice.sign({ kind: 20_001 }))).toEqual([true, ''])
      const command = alice.sign({ kind: 2_410 })
      expect(await asking.publish(command)).toEqual([true, ''])
      const seen = [await listener.next(), await listener.next(), await listener.next(), await listener.next()]
      expect(seen.map(([, , event]) => event)).toEqual([answer, command, stored, answer])
      fails = true
      const failing = alice.sign({ kind: 2_410, content: 'again' })
      expect(await asking.publish(failing)).toEqual([false, expect.stringMatching(/^error: /)])
      expect(hosted.errors).toEqual([new Error('a bug')])
      expect(await asking.query({ ids: [failing.id] })).toEqual([])
    } finally {
      await hosted.close()
    }
  })
})

describe('a protected command of the application (NIP-70)', () => {
  it.each(['apply', 'answer'] as const)('to %s is its author’s to send', async kind => {
    await served.close()
    let applied = 0
    let asked = 0
    const apply = () => {
      applied++
      return { accepted: true, message: '', store: [], deliver: [] }
    }
    served = await serveRelay({
      host: {
        ...openHost,
        admit: ({ kind: eventKind }) => {
          if (eventKind !== 2_410) return { kind: 'store' }
          asked++
          return kind === 'apply' ? { kind, apply } : { kind, deliver: [alice.sign({ kind: 20_001 })] }
        },
      },
    })
    client = await served.connect()
    const command = alice.sign({ kind: 2_410, tags: [['-']] })
    const listener = await served.connect()
    listener.send('REQ', 'answers', { kinds: [20_001] })
    expect((await listener.next())[0]).toBe('EOSE')
    client.send('EVENT', command)
    const [verb, challenge] = await client.next()
    expect(verb).toBe('AUTH')
    expect(await client.next()).toEqual(['OK', command.id, false, expect.stringMatching(/^auth-required: /)])
    await authenticate(client, bob, String(challenge))
    expect(await client.publish(command)).toEqual([false, expect.stringMatching(/^restricted: /)])
    expect([asked, applied, listener.unread]).toEqual([0, 0, []])
    await authenticate(client, alice, String(challenge))
    expect(await client.publish(command)).toEqual([true, ''])
    if (kind === 'apply') expect(applied).toBe(1)
    else expect((await listener.next())[0]).toBe('EVENT')
  })
})

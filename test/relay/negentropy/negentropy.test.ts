import { afterEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Host } from '../../../relay/host.ts'
import type { Limits } from '../../../relay/limits.ts'
import { openHost } from '../../../relay/open-host.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { relayUrl, type Served, serveRelay } from '../serve-relay.ts'
import { firstMessage, reconcileWith } from './negentropy-client.ts'

let served: Served
afterEach(() => served.close())

const [alice, bob, eve] = [author(1), author(2), author(3)]

async function serve(limits: Partial<Limits> = {}, host: Host = openHost): Promise<Client> {
  served = await serveRelay({ limits: { eventsBurst: 1_000_000, ...limits }, host })
  return served.connect()
}

async function publish(client: Client, events: readonly NostrEvent[]): Promise<void> {
  for (const event of events) client.send('EVENT', event)
  for (const _ of events) {
    const [verb, id, accepted, message] = await client.next()
    if (verb !== 'OK' || accepted !== true) throw new Error(`${String(verb)} ${String(id)} ${String(message)}`)
  }
}

const notes = (count: number, from = 0, perSecond = 1): NostrEvent[] =>
  Array.from({ length: count }, (_, index) =>
    alice.sign({ content: `note ${from + index}`, created_at: startTime - Math.floor((from + index) / perSecond) }),
  )
const idsOf = (events: readonly NostrEvent[]) => events.map(({ id }) => id).sort()

describe('reconciliation', () => {
  it('tells a client by nostr-tools what it has alone and what it lacks', async () => {
    const client = await serve()
    const both = notes(300)
    const [here, there] = [notes(40, 1_000), notes(30, 2_000)]
    await publish(client, [...both, ...here])
    const learnt = await reconcileWith(client, { kinds: [1] }, [...both, ...there])
    expect(learnt).toMatchObject({ have: idsOf(there), need: idsOf(here) })
  })

  it('orders many events of one second by their whole ids', async () => {
    const client = await serve()
    const all = notes(200, 0, 1_000)
    await publish(client, all)
    const theirs = all.filter((_, index) => index % 3 !== 0)
    const learnt = await reconcileWith(client, {}, theirs)
    expect(learnt).toMatchObject({ have: [], need: idsOf(all.filter((_, index) => index % 3 === 0)) })
  })

  it('needs several rounds when a frame is too small for the answer', async () => {
    const client = await serve({ maxMessageBytes: 12_000 })
    const all = notes(600)
    await publish(client, all)
    const learnt = await reconcileWith(client, {}, [])
    expect(learnt.need).toEqual(idsOf(all))
    expect(learnt.rounds).toBeGreaterThan(3)
  })

  it('reconciles nothing with nothing, and with an empty filter list', async () => {
    const client = await serve()
    expect(await reconcileWith(client, {}, [])).toMatchObject({ have: [], need: [] })
    await publish(client, notes(3))
    expect(await reconcileWith(client, { kinds: [] }, [])).toMatchObject({ have: [], need: [] })
  })

  it('keeps to the filter, its limit included', async () => {
    const client = await serve()
    const all = notes(20)
    await publish(client, [...all, bob.sign({ content: 'of another' })])
    expect((await reconcileWith(client, { authors: [alice.pubkey], limit: 5 }, [])).need).toEqual(
      idsOf(all.slice(0, 5)),
    )
  })

  it('does not tell of events that were deleted or have expired', async () => {
    const client = await serve()
    const [kept, deleted] = notes(2) as [NostrEvent, NostrEvent]
    const expiring = alice.sign({ content: 'short', tags: [['expiration', String(startTime + 5)]] })
    await publish(client, [kept, deleted, expiring, alice.sign({ kind: 5, tags: [['e', deleted.id]] })])
    served.time += 10
    expect((await reconcileWith(client, { kinds: [1] }, [])).need).toEqual([kept.id])
  })
})

describe('private kinds', () => {
  const message = alice.sign({ kind: 4, tags: [['p', bob.pubkey]], content: 'secret' })
  it('asks for authentication when only such are asked for', async () => {
    const client = await serve()
    client.send('NEG-OPEN', 'neg', { kinds: [4, 1_059] }, firstMessage([]))
    expect((await client.next())[0]).toBe('AUTH')
    expect(await client.next()).toEqual(['NEG-ERR', 'neg', expect.stringMatching(/^auth-required:/)])
  })

  it('tells the ids to their parties only', async () => {
    const client = await serve()
    const note = alice.sign({ content: 'public' })
    await publish(client, [note, message])
    for (const filter of [{}, { kinds: [1, 4] }, { '#p': [bob.pubkey] }, { ids: [message.id] }]) {
      expect((await reconcileWith(client, filter, [])).need).not.toContain(message.id)
    }
    for (const [who, mayKnow] of [
      [eve, false],
      [bob, true],
      [alice, true],
    ] as const) {
      const reader = await served.connect()
      reader.send('NEG-OPEN', 'neg', { kinds: [4] }, firstMessage([]))
      const [, challenge] = await reader.next()
      await reader.next()
      reader.send(
        'AUTH',
        who.sign({
          kind: 22_242,
          tags: [
            ['relay', relayUrl],
            ['challenge', String(challenge)],
          ],
        }),
      )
      expect((await reader.next())[2]).toBe(true)
      expect((await reconcileWith(reader, { kinds: [4] }, [])).need).toEqual(mayKnow ? [message.id] : [])
    }
  })

  it('gives the same answer to who knows such an id as to who does not', async () => {
    const client = await serve()
    await publish(client, [message])
    expect((await reconcileWith(client, {}, [message])).have).toEqual([message.id])
  })
})

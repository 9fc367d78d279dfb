import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventId, type NostrEvent } from '../../relay/event.ts'
import type { Origin } from '../../relay/host.ts'
import { openHost } from '../../relay/open-host.ts'
import { recordEvent } from '../../relay/store/record.ts'
import { rowsPerTask } from '../../relay/store/rows-per-task.ts'
import { author, startTime } from './authors.ts'
import type { Client } from './client.ts'
import { openTemporaryRoot, openTemporaryStore } from './open-temporary.ts'
import { relayUrl, type Served, serveRelay } from './serve-relay.ts'

const [alice, bob, sender, service] = [author(1), author(2), author(3), author(4)]
const later = startTime + 100
const commandKind = 2_410
const host = {
  ...openHost,
  isProtected: (event: { kind: number; pubkey: string }) =>
    event.pubkey === service.pubkey || event.kind === commandKind,
}
const vanish = (relay: string = relayUrl, created_at = later) =>
  alice.sign({ kind: 62, created_at, tags: [['relay', relay]], content: 'goodbye' })
const wrapFor = (pubkey: string, content = '', by = sender) => by.sign({ kind: 1_059, tags: [['p', pubkey]], content })
const imported: Origin = { source: 'import', ip: 'a file', authenticated: new Set() }

let served: Served
let client: Client
beforeEach(async () => {
  served = await serveRelay({ host })
  served.time = later + 10
  client = await served.connect()
})
afterEach(() => served.close())

/** All there is, as the relay itself sees it, once it has removed what it was to remove. */
const stored = async (relay = served): Promise<NostrEvent[]> => {
  await relay.writer.idle()
  expect(relay.errors).toEqual([])
  const found = relay.relay.find({})
  // What is only hidden is not removed.
  expect([...relay.relay.store.databases.ids.getKeys({})]).toHaveLength(found.length)
  return found
}
const submit = (event: NostrEvent, origin: Origin) =>
  new Promise<{ accepted: boolean; message: string }>(done => served.relay.submit(event, origin, done))

describe('a request to vanish (NIP-62)', () => {
  it.each([
    ['this relay', relayUrl],
    ['this relay, spelled otherwise', 'WSS://Relay.Example:443'],
    ['all relays', 'ALL_RELAYS'],
  ])('for %s removes what its author has written and what is wrapped for it', async (_case, relay) => {
    const gone = [
      alice.sign(),
      alice.sign({ kind: 0 }),
      alice.sign({ kind: 30_023, tags: [['d', 'a']] }),
      alice.sign({ kind: 5, tags: [['e', 'f'.repeat(64)]] }),
      alice.sign({ kind: 65_535, created_at: later }),
      wrapFor(alice.pubkey),
    ]
    const kept = [
      alice.sign({ created_at: later + 1 }),
      alice.sign({ kind: commandKind }),
      bob.sign({ tags: [['p', alice.pubkey]] }),
      wrapFor(bob.pubkey),
      wrapFor(alice.pubkey, 'of the service', service),
    ]
    for (const event of [...gone, ...kept]) expect(await client.publish(event)).toEqual([true, ''])
    const request = vanish(relay)
    expect(await client.publish(request)).toEqual([true, ''])
    expect((await stored()).map(({ id }) => id).sort()).toEqual([...kept, request].map(({ id }) => id).sort())
    expect(served.metrics.removed).toBe(gone.length)
    for (const event of gone) {
      expect(await client.publish(event)).toEqual([false, expect.stringMatching(/^blocked: /)])
      expect(await submit(event, imported)).toMatchObject({
        accepted: false,
        message: expect.stringMatching(/^blocked: /),
      })
    }
    expect(await client.publish(alice.sign({ content: 'older' }))).toEqual([false, expect.stringMatching(/^blocked: /)])
    expect(await client.publish(wrapFor(alice.pubkey, 'new'))).toEqual([false, expect.stringMatching(/^blocked: /)])
    expect(await client.publish(alice.sign({ created_at: later + 2 }))).toEqual([true, ''])
    expect(await client.publish(bob.sign())).toEqual([true, ''])
  })

  it.each([
    ['another relay', [['relay', 'wss://other.example']]],
    ['this relay at another path', [['relay', `${relayUrl}private`]]],
    ['no relay', []],
    ['a relay without a name', [['relay']]],
    ['all relays in lower case', [['relay', 'all_relays']]],
    ['no URL', [['relay', 'relay.example']]],
  ])('for %s removes nothing here', async (_case, tags) => {
    const note = alice.sign()
    await client.publish(note)
    expect(await client.publish(alice.sign({ kind: 62, created_at: later, tags }))).toEqual([true, ''])
    expect((await stored()).map(({ id }) => id)).toContain(note.id)
    expect(await client.publish(alice.sign({ content: 'more' }))).toEqual([true, ''])
  })

  it('is not undone by a deletion, whichever comes first', async () => {
    const request = vanish()
    const deletion = (created_at: number) => alice.sign({ kind: 5, created_at, tags: [['e', request.id]] })
    await client.publish(deletion(later + 1))
    expect(await client.publish(request)).toEqual([true, ''])
    await client.publish(deletion(later + 2))
    expect((await stored()).map(({ id }) => id)).toContain(request.id)
    expect(await client.publish(alice.sign())).toEqual([false, expect.stringMatching(/^blocked: /)])
  })

  it('counts also when it was written down elsewhere and is imported', async () => {
    const note = alice.sign()
    await client.publish(note)
    expect(await submit(vanish(), imported)).toMatchObject({ accepted: true })
    expect((await stored()).map(({ kind }) => kind)).toEqual([62])
    expect(await submit(note, { source: 'sync', ip: 'wss://other.example', authenticated: new Set() })).toMatchObject({
      accepted: false,
    })
  })

  it('is not overtaken by what was sent with it', async () => {
    const notes = Array.from({ length: 900 }, (_, index) => alice.sign({ content: String(index) }))
    const wraps = Array.from({ length: 100 }, (_, index) => wrapFor(alice.pubkey, String(index)))
    for (const event of [...notes.slice(0, 600), ...wraps.slice(0, 50)]) client.send('EVENT', event)
    client.send('EVENT', vanish())
    for (const event of [...notes.slice(600), ...wraps.slice(50)]) client.send('EVENT', event)
    for (let answers = 0; answers < notes.length + wraps.length + 1; answers++) await client.next()
    expect((await stored()).map(({ kind }) => kind)).toEqual([62])
  })

  it('of an earlier time takes nothing back from a later one', async () => {
    await client.publish(vanish())
    expect(await client.publish(vanish(relayUrl, startTime))).toEqual([false, expect.stringMatching(/^blocked: /)])
    expect(await client.publish(alice.sign({ created_at: later }))).toEqual([false, expect.anything()])
  })

  it('reaches further when it is sent again with a later time', async () => {
    await client.publish(vanish())
    await client.publish(alice.sign({ created_at: later + 5 }))
    await client.publish(vanish(relayUrl, later + 6))
    expect((await stored()).map(({ kind }) => kind)).toEqual([62, 62])
  })

  it('keeps ephemeral events of before out', async () => {
    await client.publish(vanish(relayUrl, later + 9))
    expect(await client.publish(alice.sign({ kind: 20_001, created_at: later + 9 }))).toEqual([
      false,
      expect.stringMatching(/^blocked: /),
    ])
    expect(await client.publish(alice.sign({ kind: 20_001, created_at: later + 10 }))).toEqual([true, ''])
  })

  it('is taken whatever there is against its author', async () => {
    const closed = await serveRelay({ host, policy: () => 'blocked: nobody' })
    closed.time = later
    const someone = await closed.connect()
    expect(await someone.publish(alice.sign())).toEqual([false, 'blocked: nobody'])
    expect(await someone.publish(vanish())).toEqual([true, ''])
    // One that is for others has no such privilege.
    expect(await someone.publish(vanish('wss://other.example'))).toEqual([false, 'blocked: nobody'])
    await closed.close()
  })
})

describe('the removal of many events', () => {
  it('is done in small steps, and goes on after a crash', async () => {
    const data = openTemporaryRoot()
    const first = await serveRelay({ host, data })
    const events = [
      ...Array.from({ length: 230 }, (_, index) => alice.sign({ kind: index % 7, content: String(index) })),
      ...Array.from({ length: 60 }, (_, index) => alice.sign({ kind: commandKind, content: String(index) })),
      ...Array.from({ length: 60 }, (_, index) => alice.sign({ created_at: later + 1, content: String(index) })),
      ...Array.from({ length: 120 }, (_, index) => wrapFor(alice.pubkey, String(index))),
    ]
    first.time = later
    const writer = await first.connect()
    for (const event of events) writer.send('EVENT', event)
    for (const _ of events) await writer.next()
    await first.close()

    const second = await serveRelay({ host, data })
    const { store } = second.relay
    const { removals } = store
    const pubkey = Buffer.from(alice.pubkey, 'hex')
    await second.writer.idle()
    const removed = data.root.transactionSync(() => {
      removals.request('vanish', pubkey, later)
      return [removals.step(), removals.step()]
    })
    expect(removed.every(count => count !== null && count > 0 && 5 * count <= rowsPerTask)).toBe(true)
    await second.close()

    const third = await serveRelay({ host, data })
    await third.writer.idle()
    const left = [...third.relay.store.databases.ids.getKeys({})]
    expect(left).toHaveLength(120)
    expect(third.relay.find({ kinds: [commandKind] })).toHaveLength(60)
    expect(third.relay.find({ since: later + 1 })).toHaveLength(60)
    expect([...third.relay.store.databases.removals.getKeys({})]).toEqual([])
    expect(third.errors).toEqual([])
    await third.close()
    await data.close()
  })

  it('is done for every reader from its OK on, however long the removal takes', async () => {
    const gone = [
      ...Array.from({ length: 300 }, (_, index) => alice.sign({ content: String(index) })),
      ...Array.from({ length: 30 }, (_, index) => wrapFor(alice.pubkey, String(index))),
    ]
    const kept = [alice.sign({ kind: commandKind }), alice.sign({ created_at: later + 1 }), bob.sign()]
    for (const event of [...gone, ...kept]) client.send('EVENT', event)
    for (const _ of [...gone, ...kept]) await client.next()
    const request = vanish()
    expect(await client.publish(request)).toEqual([true, ''])
    // Sent again, it is not acknowledged as one that is here.
    for (const event of [gone[0], gone[329]]) {
      expect(await client.publish(event as NostrEvent)).toEqual([false, expect.stringMatching(/^blocked: /)])
    }
    expect(served.relay.find({ kinds: [1_059] })).toEqual([])
    const shown = await client.query({ limit: 500 })
    expect(shown.map(({ id }) => id).sort()).toEqual([...kept, request].map(({ id }) => id).sort())
    client.send('COUNT', 'c', { authors: [alice.pubkey] })
    expect(await client.next()).toMatchObject(['COUNT', 'c', { count: 3 }])
  })

  it.each(['vanish', 'ban'] as const)('or a %s hides what is to be removed as long as it is', reason => {
    const { root, store, put, close } = openTemporaryStore(event => event.kind === commandKind)
    const kept = [alice.sign({ kind: commandKind }), alice.sign({ created_at: later + 1 }), bob.sign(), vanish()]
    for (const event of [...kept, alice.sign(), wrapFor(alice.pubkey)]) put(event)
    const shown = () => {
      const seqs = [...store.databases.events.getKeys({})].map(key => key.readUIntBE(0, 6))
      return seqs.flatMap(seq => {
        const record = store.record(seq)
        const seen = record && store.shown(seq, record)
        return seen === undefined ? [] : [recordEvent(seen)]
      })
    }
    const change = (made: () => void) => {
      root.transactionSync(made)
      store.removals.watch()
    }
    const key = Buffer.from(alice.pubkey, 'hex')
    expect(shown()).toHaveLength(6)
    change(() => store.removals.request(reason, key, later))
    // Whoever is banned may still be written to.
    const wraps = reason === 'ban' ? [wrapFor(alice.pubkey)] : []
    expect(shown()).toEqual([...kept, ...wraps])
    change(() => store.removals.cancel(reason, key))
    expect(shown()).toHaveLength(6)
    return close()
  })

  it('comes to its end though its author asks for it again and again', () => {
    const { root, store, put, close } = openTemporaryStore()
    for (let index = 0; index < 300; index++) put(alice.sign({ content: String(index) }))
    const { removals } = store
    const pubkey = Buffer.from(alice.pubkey, 'hex')
    let steps = 0
    root.transactionSync(() => {
      removals.request('vanish', pubkey, startTime)
      for (; steps < 100 && [...store.databases.ids.getKeys({})].length > 0; steps++) {
        removals.step()
        removals.request('vanish', pubkey, startTime + steps)
      }
    })
    expect(steps).toBeLessThan(20)
    return close()
  })

  it('with many rows each goes one by one', () => {
    const { root, store, put, close } = openTemporaryStore()
    const tags = Array.from({ length: 400 }, (_, index) => ['t', String(index)])
    for (const content of ['a', 'b', 'c']) put(alice.sign({ content, tags }))
    const { removals } = store
    const steps: (number | null)[] = []
    root.transactionSync(() => {
      removals.request('ban', Buffer.from(alice.pubkey, 'hex'), startTime)
      while (steps.at(-1) !== null) steps.push(removals.step())
    })
    expect(steps).toEqual([1, 1, 1, 0, null])
    return close()
  })

  it('leaves others whose keys and ids begin alike', () => {
    const { root, store, put, close } = openTemporaryStore()
    // Index keys hold eight bytes of an author: an event is compared as a whole.
    const alike = { ...alice.sign({ content: 'twin' }), pubkey: alice.pubkey.slice(0, 16) + bob.pubkey.slice(16) }
    const twin = { ...alike, id: eventId(alike) }
    put(twin)
    put(alice.sign())
    root.transactionSync(() => {
      const { removals } = store
      removals.request('vanish', Buffer.from(alice.pubkey, 'hex'), later)
      while (removals.step() !== null);
    })
    expect([...store.databases.ids.getKeys({})].map(key => key.toString('hex'))).toEqual([twin.id])
    return close()
  })
})

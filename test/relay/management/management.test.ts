import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Origin } from '../../../relay/host.ts'
import type { ManagementOptions } from '../../../relay/management/governance.ts'
import { openHost } from '../../../relay/open-host.ts'
import type { PolicyProgram } from '../../../relay/policies/program.ts'
import { author } from '../authors.ts'
import type { Client } from '../client.ts'
import { openTemporaryRoot } from '../open-temporary.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { manage } from './management-client.ts'

const [operator, alice, bob, service, second] = [author(1), author(2), author(3), author(4), author(5)]
const host = {
  ...openHost,
  isProtected: (event: { kind: number; pubkey: string }) => event.pubkey === service.pubkey || event.kind === 2_410,
}
const imported: Origin = { source: 'import', ip: 'a file', authenticated: new Set() }

let served: Served
let client: Client
let changes: object[]
const management: ManagementOptions = {
  isOperator: key => key === operator.pubkey || key === second.pubkey,
  urls: ['https://relay.example'],
  changed: fields => void changes.push(fields),
}
beforeEach(async () => {
  changes = []
  served = await serveRelay({ host, management })
  client = await served.connect()
})
afterEach(async () => {
  expect(served.errors).toEqual([])
  await served.close()
})

const call = (method: string, ...params: unknown[]) => manage(served, operator, method, params)
const ids = (events: readonly NostrEvent[]) => events.map(({ id }) => id).sort()
const blocked = [false, expect.stringMatching(/^blocked: /)]
const submit = (event: NostrEvent, origin: Origin) =>
  new Promise<{ accepted: boolean; message: string }>(done => served.relay.submit(event, origin, done))

describe('a banned key', () => {
  it('has its events removed, protected ones excepted, and no others taken until it is unbanned', async () => {
    const gone = [alice.sign(), alice.sign({ kind: 0 }), alice.sign({ kind: 30_000, tags: [['d', 'x']] })]
    const kept = [alice.sign({ kind: 2_410 }), bob.sign({ tags: [['p', alice.pubkey]] })]
    for (const event of [...gone, ...kept]) await client.publish(event)
    expect(await call('banpubkey', alice.pubkey, 'spam')).toBe(true)
    await served.writer.idle()
    expect(ids(await client.query({}))).toEqual(ids(kept))
    expect(await client.publish(alice.sign({ content: 'more' }))).toEqual(blocked)
    expect(await client.publish(gone[0] as NostrEvent)).toEqual(blocked)
    expect(await submit(alice.sign({ content: 'imported' }), imported)).toMatchObject({ accepted: false })
    expect(await call('listbannedpubkeys')).toEqual([{ pubkey: alice.pubkey, reason: 'spam' }])
    expect(await client.publish(bob.sign())).toEqual([true, ''])

    expect(await call('unbanpubkey', alice.pubkey)).toBe(true)
    expect(await call('listbannedpubkeys')).toEqual([])
    expect(await client.publish(alice.sign({ content: 'again' }))).toEqual([true, ''])
    await served.writer.idle()
    expect(await client.query({ authors: [alice.pubkey], kinds: [1] })).toHaveLength(1)
  })

  it('may still vanish', async () => {
    await call('banpubkey', alice.pubkey)
    expect(await client.publish(alice.sign({ kind: 62, tags: [['relay', 'ALL_RELAYS']] }))).toEqual([true, ''])
  })

  it('is not an operator’s, nor the relay’s own', async () => {
    expect(await call('banpubkey', second.pubkey)).toEqual({ error: expect.stringContaining('operator') })
    expect(await call('banpubkey', service.pubkey)).toEqual({ error: expect.stringContaining('relay itself') })
    expect(await call('listbannedpubkeys')).toEqual([])
  })

  it('is not overtaken by events that were sent before', async () => {
    const events = Array.from({ length: 600 }, (_, index) => alice.sign({ content: String(index) }))
    for (const event of events) client.send('EVENT', event)
    await client.next()
    await call('banpubkey', alice.pubkey)
    for (let rest = 1; rest < events.length; rest++) await client.next()
    await served.writer.idle()
    expect(served.relay.find({ authors: [alice.pubkey] })).toEqual([])
  })
})

it('bans what a policy program is still thinking about', async () => {
  const asked: ((verdict: { action: 'accept' }) => void)[] = []
  const program: PolicyProgram = {
    ask: (_event, _origin, answer) => void asked.push(answer),
    state: () => ({ isUp: true, waiting: asked.length, timeouts: 0, restarts: 0 }),
    close: async () => undefined,
  }
  const relay = await serveRelay({ host, management, program })
  const sender = await relay.connect()
  const outcome = sender.publish(alice.sign())
  while (asked.length === 0) await new Promise(resolve => setImmediate(resolve))
  await manage(relay, operator, 'banpubkey', [alice.pubkey])
  asked[0]?.({ action: 'accept' })
  expect(await outcome).toEqual(blocked)
  await relay.close()
})

describe('a banned event', () => {
  it('is removed and not taken again, until it is allowed', async () => {
    const [note, other] = [alice.sign(), alice.sign({ content: 'other' })]
    for (const event of [note, other]) await client.publish(event)
    expect(await call('banevent', note.id, 'bad')).toBe(true)
    expect(ids(await client.query({}))).toEqual([other.id])
    expect(await client.publish(note)).toEqual(blocked)
    expect(await submit(note, imported)).toMatchObject({ accepted: false })
    expect(await call('listbannedevents')).toEqual([{ id: note.id, reason: 'bad' }])
    await call('allowevent', note.id)
    expect(await call('listbannedevents')).toEqual([])
    expect(await client.publish(note)).toEqual([true, ''])
  })

  it('is none of the application’s own', async () => {
    const command = alice.sign({ kind: 2_410 })
    await client.publish(command)
    expect(await call('banevent', command.id)).toEqual({ error: expect.stringContaining('service') })
    expect(await client.query({ ids: [command.id] })).toHaveLength(1)
  })

  it('is found among what was reported (NIP-56), until it is judged', async () => {
    const notes = [alice.sign({ content: 'a' }), alice.sign({ content: 'b' }), alice.sign({ content: 'c' })]
    for (const note of notes) await client.publish(note)
    const [a, b, c] = ids(notes)
    const tags = [
      ['e', a, 'spam'],
      ['e', b, 'Other <b>'],
      ['e', c],
      ['e', 'f'.repeat(64), 'spam'],
      ['e', 'x'],
      ['p', alice.pubkey],
    ]
    await client.publish(bob.sign({ kind: 1_984, tags: tags as string[][] }))
    expect(await call('listeventsneedingmoderation')).toEqual([{ id: a, reason: 'spam' }, { id: b }, { id: c }])
    await call('banevent', a)
    await call('allowevent', b)
    expect(await call('listeventsneedingmoderation')).toEqual([{ id: c }])
  })
})

describe('allowed keys', () => {
  it('shut others out as long as there are any', async () => {
    expect(await call('allowpubkey', alice.pubkey, 'a friend')).toBe(true)
    expect(await call('listallowedpubkeys')).toEqual([{ pubkey: alice.pubkey, reason: 'a friend' }])
    expect(await client.publish(alice.sign())).toEqual([true, ''])
    expect(await client.publish(operator.sign())).toEqual([true, ''])
    expect(await client.publish(bob.sign())).toEqual([false, 'restricted: only members may write to this relay'])
    expect(served.relay.document()).toMatchObject({ limitation: { restricted_writes: true } })
    await call('unallowpubkey', alice.pubkey)
    expect(await client.publish(bob.sign())).toEqual([true, ''])
    expect(served.relay.document()).toMatchObject({ limitation: { restricted_writes: false } })
  })
})

describe('kinds', () => {
  it('that are allowed shut others out, deletions excepted', async () => {
    for (const kind of [7, 1]) await call('allowkind', kind)
    expect(await call('listallowedkinds')).toEqual([1, 7])
    expect(await client.publish(alice.sign({ kind: 7 }))).toEqual([true, ''])
    expect(await client.publish(alice.sign({ kind: 5 }))).toEqual([true, ''])
    expect(await client.publish(alice.sign({ kind: 0 }))).toEqual([false, 'blocked: kind 0 is not allowed here'])
    await call('disallowkind', 7)
    expect(await call('listallowedkinds')).toEqual([1])
    expect(await client.publish(alice.sign({ kind: 7, content: '-' }))).toEqual(blocked)
  })

  it('that are disallowed are refused, and the rest is not', async () => {
    await call('disallowkind', 7)
    expect(await client.publish(alice.sign({ kind: 7 }))).toEqual(blocked)
    expect(await client.publish(alice.sign())).toEqual([true, ''])
    await call('allowkind', 7)
    expect(await call('listallowedkinds')).toEqual([])
    for (const kind of [7, 1]) expect(await client.publish(alice.sign({ kind, content: 'b' }))).toEqual([true, ''])
  })
})

describe('a blocked address', () => {
  it('loses its connections and gets no others', async () => {
    const [near, far] = [await served.connect('198.51.100.7'), await served.connect('198.51.101.7')]
    expect(await call('blockip', '198.51.100.9/24', 'floods')).toBe(true)
    expect(await near.closed).toBe(1008)
    await expect(served.connect('198.51.100.200')).rejects.toThrow(/403/)
    expect(await far.publish(alice.sign())).toEqual([true, ''])
    const overHttp: Origin = { source: 'client', ip: '198.51.100.1', authenticated: new Set() }
    expect(await submit(bob.sign(), overHttp)).toMatchObject({ accepted: false })
    expect(served.metrics.connections).toMatchObject({ refused: { 403: 1 }, closed: { operator: 1 } })
    expect(await call('listblockedips')).toEqual([{ ip: '198.51.100.0/24', reason: 'floods' }])
    await call('unblockip', '198.51.100.0/24')
    expect((await served.connect('198.51.100.200')).socket.readyState).toBe(1)
  })

  it('of IPv6 stands for its /64', async () => {
    await call('blockip', '2001:DB8:0:1::5')
    expect(await call('listblockedips')).toEqual([{ ip: '2001:db8:0:1::/64' }])
    await expect(served.connect('2001:db8:0:1:ffff::1')).rejects.toThrow(/403/)
    await served.connect('2001:db8:0:2::1')
  })
})

describe('the relay’s name, description and icon', () => {
  it('are in the information document at once, and the configured ones when they are emptied', async () => {
    const shown = () => served.relay.document() as Record<string, unknown>
    await call('changerelayname', 'New')
    await call('changerelaydescription', 'A new one')
    await call('changerelayicon', 'https://example.com/icon.png')
    expect(shown()).toMatchObject({ name: 'New', description: 'A new one', icon: 'https://example.com/icon.png' })
    for (const method of ['changerelayname', 'changerelayicon']) await call(method, '')
    expect(shown()).toMatchObject({ name: 'test', description: 'A new one' })
    expect(shown()).not.toHaveProperty('icon')
  })
})

it('keeps all of it over a restart', async () => {
  const data = openTemporaryRoot()
  const first = await serveRelay({ host, management, data })
  const note = bob.sign()
  const calls: [string, unknown[]][] = [
    ['banpubkey', [alice.pubkey, 'spam, with spaces']],
    ['banevent', [note.id]],
    ['allowpubkey', [bob.pubkey]],
    ['disallowkind', [7]],
    ['blockip', ['2001:db8::']],
    ['changerelayname', ['New name']],
  ]
  for (const [method, params] of calls) expect(await manage(first, operator, method, params)).toBe(true)
  await first.close()
  const again = await serveRelay({ host, management, data })
  const ask = (method: string) => manage(again, operator, method)
  expect(await ask('listbannedpubkeys')).toEqual([{ pubkey: alice.pubkey, reason: 'spam, with spaces' }])
  expect(await ask('listallowedpubkeys')).toEqual([{ pubkey: bob.pubkey }])
  expect(again.relay.document()).toMatchObject({ name: 'New name' })
  const after = await again.connect()
  for (const event of [note, alice.sign(), bob.sign({ kind: 7 })]) expect(await after.publish(event)).toEqual(blocked)
  await expect(again.connect('2001:db8::1')).rejects.toThrow(/403/)
  await again.close()
  await data.close()
})

it('goes on with a removal that a crash has interrupted', async () => {
  const data = openTemporaryRoot()
  const first = await serveRelay({ host, management, data })
  const writer = await first.connect()
  const events = Array.from({ length: 150 }, (_, index) => alice.sign({ content: String(index) }))
  for (const event of events) await writer.publish(event)
  await manage(first, operator, 'banpubkey', [alice.pubkey])
  await first.close()
  const left = () => [...first.relay.store.databases.ids.getKeys({})].length
  expect(left()).toBeGreaterThan(0)
  const again = await serveRelay({ host, management, data })
  await again.writer.idle()
  expect(left()).toBe(0)
  await again.close()
  await data.close()
})

describe('each change', () => {
  it('is told with who made it and what it is about, and nothing that was said', async () => {
    await call('banpubkey', alice.pubkey, 'because of this and that')
    await call('disallowkind', 7)
    await call('changerelayname', 'Secret')
    await call('banpubkey', 'nobody')
    await call('listbannedpubkeys')
    expect(changes).toEqual([
      { method: 'banpubkey', operator: operator.pubkey, subject: alice.pubkey },
      { method: 'disallowkind', operator: operator.pubkey, subject: 7 },
      { method: 'changerelayname', operator: operator.pubkey, subject: null },
    ])
  })

  it('is made one after the other, however many come at once', async () => {
    const pubkeys = Array.from({ length: 40 }, (_, index) => author(index + 10).pubkey)
    await Promise.all(pubkeys.map(pubkey => call('banpubkey', pubkey)))
    await Promise.all([
      ...pubkeys.slice(0, 20).map(pubkey => call('unbanpubkey', pubkey)),
      ...pubkeys.slice(20).map(pubkey => call('banpubkey', pubkey, 'twice')),
    ])
    const banned = (await call('listbannedpubkeys')) as { pubkey: string; reason?: string }[]
    expect(new Set(banned.map(({ pubkey }) => pubkey))).toEqual(new Set(pubkeys.slice(20)))
    expect(banned.every(({ reason }) => reason === 'twice')).toBe(true)
  })
})

describe('params', () => {
  it.each([
    ['banpubkey', []],
    ['banpubkey', ['npub1xyz']],
    ['banpubkey', [alice.pubkey.toUpperCase()]],
    ['banpubkey', [alice.pubkey, 5]],
    ['banpubkey', [alice.pubkey, 'x'.repeat(257)]],
    ['banpubkey', [alice.pubkey, 'two\nlines']],
    ['banpubkey', [[alice.pubkey]]],
    ['banevent', [{}]],
    ['allowkind', ['1']],
    ['allowkind', [1.5]],
    ['allowkind', [-1]],
    ['allowkind', [65_536]],
    ['blockip', ['0.0.0.0/0']],
    ['blockip', ['::/0']],
    ['blockip', ['192.0.2.1/33']],
    ['blockip', ['192.0.2']],
    ['blockip', ['example.com']],
    ['blockip', ['::ffff:192.0.2.0/120']],
    ['blockip', [null]],
    ['changerelayname', ['x'.repeat(65)]],
    ['changerelayname', [7]],
    ['changerelayicon', ['javascript:alert(1)']],
    ['changerelayicon', ['icon.png']],
  ])('of %s that are wrong change nothing: %j', async (method, params) => {
    expect(await call(method, ...params)).toEqual({ error: expect.stringMatching(/^params\[\d\] has to be /) })
    expect(changes).toEqual([])
  })

  it.each(['createrole', 'constructor', '__proto__', 'toString', '', 'BANPUBKEY'])(
    'of no method that there is: %s',
    async method => expect(await call(method)).toEqual({ error: expect.stringContaining('no such method') }),
  )

  it('are listed by method', async () => {
    expect(await call('supportedmethods')).toEqual([
      ...['banpubkey', 'unbanpubkey', 'listbannedpubkeys', 'allowpubkey', 'unallowpubkey', 'listallowedpubkeys'],
      ...['listeventsneedingmoderation', 'allowevent', 'banevent', 'listbannedevents', 'changerelayname'],
      ...['changerelaydescription', 'changerelayicon', 'allowkind', 'disallowkind', 'listallowedkinds', 'blockip'],
      ...['unblockip', 'listblockedips'],
    ])
  })
})

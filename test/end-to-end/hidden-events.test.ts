import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../relay/event.ts'
import type { Client } from './client.ts'
import { command, type Key, nowSeconds, open, sign } from './envelope.ts'
import { dispatchPanda } from './panda-process.ts'
import { createWorld, type World } from './world.ts'

/**
 * What hides events from readers (deletion, expiry, vanish, management, membership) touches neither the log nor what
 * follows from it: after each, the log gives the tables, the name is still there, and so are the service's events.
 */

let world: World
let client: Client
/** Alice's command for her name, the service's result of it, and the event that says whose the name is. */
let own: { command: NostrEvent; result: NostrEvent; name: NostrEvent }
let entries: number

beforeAll(async () => {
  world = await createWorld({ relay: { policy: 'open' } })
  client = await world.connect()
  await client.authenticate(world.alice)
  const identifier = 'hidden@free.test'
  const asked = command(world.service, world.alice, 'identifier.register', { identifier })
  await world.post('/v1/commands', JSON.stringify(asked))
  const { event: result } = await world.resultOf(asked, world.alice)
  const [name] = (await client.request({ kinds: [32_410], '#d': [identifier] })).events
  if (name === undefined) throw new Error('there is no event of the name')
  own = { command: asked, result, name }
}, 60_000)
afterAll(async () => {
  await world.close()
})

beforeEach(() => {
  entries = world.logLength()
})
afterEach(async () => {
  expect(world.logLength()).toBe(entries)
  expect((await world.askHonestly()).body).toMatchObject({ identifier: 'alice@free.test', status: 'active' })
  for (const event of Object.values(own)) {
    expect((await client.request({ ids: [event.id] })).events).toEqual([event])
  }
  const { exitCode, out } = await dispatchPanda(['verify', '--data', world.directory])
  expect([exitCode, out]).toEqual([0, expect.stringContaining(`verified: ${entries} log entries`)])
})

/** Calls the management API as software of an operator does. */
async function manage(method: string, params: unknown[], by: Key = world.operator): Promise<unknown> {
  const body = JSON.stringify({ method, params })
  const tags = [
    ['u', world.panda.httpUrl],
    ['method', 'POST'],
    ['payload', createHash('sha256').update(body).digest('hex')],
    ['salt', randomBytes(8).toString('hex')],
  ]
  const authorization = `Nostr ${Buffer.from(JSON.stringify(sign(by, { kind: 27_235, tags }))).toString('base64')}`
  const headers = { 'content-type': 'application/nostr+json+rpc', authorization }
  const response = await fetch(world.panda.httpUrl, { method: 'POST', headers, body })
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  return [response.status, await response.json()]
}

/** Waits until a note is gone, which takes the writer a moment. */
async function untilGone(event: NostrEvent): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await client.request({ ids: [event.id] })).events.length === 0) return
    await delay(50)
  }
  throw new Error('the event is still there')
}

const note = async (template: object = {}): Promise<NostrEvent> => {
  const event = sign(world.alice, { kind: 1, content: randomBytes(8).toString('hex'), ...template })
  expect(await client.publish(event)).toEqual({ accepted: true, message: '' })
  return event
}

describe('the log stays as it is', () => {
  it('after a deletion of everything by its author', async () => {
    const gone = await note()
    const tags = [...Object.values(own).map(({ id }) => ['e', id]), ['e', gone.id]]
    const address = ['a', `32410:${world.service}:hidden@free.test`]
    expect(await client.publish(sign(world.alice, { kind: 5, tags: [...tags, address] }))).toMatchObject({
      accepted: true,
    })
    await untilGone(gone)
  })

  it('after an expiry', async () => {
    const expired = await note({ tags: [['expiration', String(nowSeconds() + 1)]] })
    await untilGone(expired)
  })

  it('after a request to vanish, which ends neither names nor balances', async () => {
    const gone = await note()
    const request = sign(world.alice, { kind: 62, tags: [['relay', world.panda.websocketUrl]] })
    expect(await client.publish(request)).toEqual({ accepted: true, message: '' })
    await untilGone(gone)
    expect(await client.publish(gone)).toEqual({ accepted: false, message: expect.stringMatching(/^blocked: /) })
    // A command that was carried out is not carried out again.
    expect(await client.publish(own.command)).toMatchObject({
      accepted: true,
      message: expect.stringMatching(/^duplicate: /),
    })
  })

  it('after a key and its events are banned', async () => {
    const banned = sign(world.bob, { kind: 1, content: 'spam' })
    await client.publish(banned)
    expect(await manage('banpubkey', [world.bob.publicKey])).toEqual([200, { result: true }])
    await untilGone(banned)
    expect(await client.publish(sign(world.bob, { kind: 1 }))).toMatchObject({ accepted: false })
    for (const { id } of Object.values(own)) {
      expect(await manage('banevent', [id])).toEqual([200, { error: expect.stringContaining('service') }])
    }
    expect(await manage('banpubkey', [world.service])).toEqual([200, { error: expect.anything() }])
  })

  it('after strangers have tried to manage the relay', async () => {
    expect(await manage('banpubkey', [world.alice.publicKey], world.stranger)).toEqual([403, expect.anything()])
    expect(await manage('banpubkey', [world.alice.publicKey], world.alice)).toEqual([403, expect.anything()])
    const headers = { 'content-type': 'application/nostr+json+rpc' }
    const bare = await fetch(world.panda.httpUrl, { method: 'POST', headers, body: '{}' })
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Nostr'])
  })

  it('after the relay is closed and given another name', async () => {
    expect(await manage('allowpubkey', [world.operator.publicKey])).toEqual([200, { result: true }])
    expect(await manage('changerelayname', ['Other'])).toEqual([200, { result: true }])
    expect(await client.publish(sign(world.alice, { kind: 1 }))).toMatchObject({ accepted: false })
    const accept = { accept: 'application/nostr+json' }
    expect(await (await fetch(world.panda.httpUrl, { headers: accept })).json()).toMatchObject({ name: 'Other' })
    expect(world.panda.log()).not.toContain('error')
  })
})

it('lets whoever has vanished or is banned use the service all the same', async () => {
  for (const [key, identifier] of [
    [world.alice, 'again@free.test'],
    [world.bob, 'banned@free.test'],
  ] as const) {
    const { event, status } = await world.run(key, 'identifier.register', { identifier })
    expect(status).toBe('ok')
    expect(open(event, world.service, key).body).toBeDefined()
  }
  entries = world.logLength()
})

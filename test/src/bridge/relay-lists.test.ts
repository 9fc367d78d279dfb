import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { keyOf, startTime } from '../service.ts'
import { commandOf, freeName, signed } from './bridged-service.ts'
import { politely, serveScript } from './scripted-relay.ts'
import { setScene } from './scripted-scene.ts'

const scene = setScene()
const { alice, follow, until, state, register, sentTo } = scene

describe('a relay that is asked where a customer reads', () => {
  const list = (by = alice, created_at = startTime) =>
    signed(by, { kind: 10_002, created_at, tags: [['r', 'ws://127.0.0.1:9/']] })
  const asked = () => sentTo('REQ').filter(([, id]) => String(id).startsWith('list-'))
  const telling =
    (...lists: unknown[]) =>
    ([verb, id, filter]: unknown[], say: (...message: unknown[]) => void) => {
      if (verb === 'EVENT') say('OK', (id as NostrEvent).id, true, '')
      if (verb !== 'REQ') return
      if ((filter as { kinds: number[] }).kinds[0] === 10_002) for (const one of lists) say('EVENT', id, one)
      say('EOSE', id)
    }
  const config = () => ({
    relays: [{ url: scene.relay.url, read: true, write: true }],
    customerRelays: 'always' as const,
    privateCustomerRelays: true,
  })

  it.each([
    ['with a forged signature', { ...list(), sig: randomBytes(64).toString('hex') }],
    ['with another id', { ...list(), id: randomBytes(32).toString('hex') }],
    ['of another key', list(keyOf(3))],
    ['of the future', list(alice, startTime + 86_400)],
    ['of another kind', { ...register('x') }],
    ['that is none', { kind: 10_002, pubkey: alice.publicKey, tags: 7 }],
  ])('is not believed a list %s', async (_what, value) => {
    scene.relay = await serveScript(telling(value))
    await follow(scene.relay, { config: config() })
    await until(() => expect(state()?.caughtUp).toBe(true))
    await scene.panda.submit(register('good'))
    await until(() => expect(asked()).toHaveLength(1))
    await until(() => expect(scene.panda.isEmpty()).toBe(true))
    await scene.panda.submit(register('better'))
    await until(() => expect(scene.panda.outbound.parcels('', 0, 1)).toEqual([]))
    expect(scene.panda.stateOf('ws://127.0.0.1:9/')).toBeUndefined()
    expect(scene.panda.errors).toEqual([])
  })

  it('is asked once a day for each who gets something', async () => {
    const clock = { time: startTime }
    scene.relay = await serveScript(politely)
    await follow(scene.relay, { config: config(), clock })
    await until(() => expect(scene.panda.stateOf(scene.relay.url)?.caughtUp).toBe(true))
    for (const name of ['one', 'two']) await scene.panda.submit(register(name))
    await until(() => expect(sentTo('EVENT')).toHaveLength(4))
    expect(asked().map(message => message[2])).toEqual([{ kinds: [10_002], authors: [alice.publicKey], limit: 1 }])
    clock.time += 86_400
    await scene.panda.submit(commandOf(alice, 'identifier.register', freeName('three'), { at: clock.time }))
    await until(() => expect(asked()).toHaveLength(2))
  })

  it('is asked for nothing when customers’ relays are of no account', async () => {
    await follow(await serveScript(politely))
    await until(() => expect(state()?.caughtUp).toBe(true))
    await scene.panda.submit(register('good'))
    await until(() => expect(scene.panda.isEmpty()).toBe(true))
    expect(asked()).toEqual([])
  })
})

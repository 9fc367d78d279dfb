import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { keyOf, startTime } from '../service.ts'
import {
  type BridgedService,
  commandOf,
  freeName,
  makeDirectory,
  openBridgedService,
  signed,
} from './bridged-service.ts'
import { politely, type ScriptedRelay, serveScript } from './scripted-relay.ts'

const alice = keyOf(2)

let data: ReturnType<typeof makeDirectory>
let panda: BridgedService
let relay: ScriptedRelay
beforeEach(() => {
  data = makeDirectory()
})
afterEach(async () => {
  await panda.close()
  await relay.close()
  data.remove()
})

type Options = Partial<Parameters<typeof openBridgedService>[0]>

async function follow(served: ScriptedRelay, options: Options = {}): Promise<void> {
  relay = served
  const config = {
    relays: [{ url: relay.url, read: true, write: true }],
    customerRelays: 'never' as const,
    ...options.config,
  }
  panda = await openBridgedService({ directory: data.directory, ...options, config })
}
const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 10 })
const state = () => panda.stateOf(relay.url)
const register = (name: string) => commandOf(alice, 'identifier.register', freeName(name))
const sentTo = (verb: string) => relay.heard.filter(message => message[0] === verb)

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
    relays: [{ url: relay.url, read: true, write: true }],
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
    relay = await serveScript(telling(value))
    await follow(relay, { config: config() })
    await until(() => expect(state()?.caughtUp).toBe(true))
    await panda.submit(register('good'))
    await until(() => expect(asked()).toHaveLength(1))
    await until(() => expect(panda.isEmpty()).toBe(true))
    await panda.submit(register('better'))
    await until(() => expect(panda.outbound.parcels('', 0, 1)).toEqual([]))
    expect(panda.stateOf('ws://127.0.0.1:9/')).toBeUndefined()
    expect(panda.errors).toEqual([])
  })

  it('is asked once a day for each who gets something', async () => {
    const clock = { time: startTime }
    relay = await serveScript(politely)
    await follow(relay, { config: config(), clock })
    await until(() => expect(panda.stateOf(relay.url)?.caughtUp).toBe(true))
    for (const name of ['one', 'two']) await panda.submit(register(name))
    await until(() => expect(sentTo('EVENT')).toHaveLength(4))
    expect(asked().map(message => message[2])).toEqual([{ kinds: [10_002], authors: [alice.publicKey], limit: 1 }])
    clock.time += 86_400
    await panda.submit(commandOf(alice, 'identifier.register', freeName('three'), { at: clock.time }))
    await until(() => expect(asked()).toHaveLength(2))
  })

  it('is asked for nothing when customers’ relays are of no account', async () => {
    await follow(await serveScript(politely))
    await until(() => expect(state()?.caughtUp).toBe(true))
    await panda.submit(register('good'))
    await until(() => expect(panda.isEmpty()).toBe(true))
    expect(asked()).toEqual([])
  })
})

import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { keyOf } from '../service.ts'
import { type BridgedService, commandOf, freeName, makeDirectory, openBridgedService } from './bridged-service.ts'
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

describe('the operator', () => {
  const refusing =
    (words: string) =>
    ([verb, id]: unknown[], say: (...message: unknown[]) => void) => {
      if (verb === 'REQ') say('EOSE', id)
      if (verb === 'EVENT') say('OK', (id as NostrEvent).id, false, words)
    }

  it('hears once, and not at each attempt, why a relay is not there, and nothing when it stops', async () => {
    relay = await serveScript(politely)
    await relay.close()
    await follow(relay, { config: { relays: [{ url: `${relay.url}?key=secret`, read: true, write: true }] } })
    const reason = `connect ECONNREFUSED ${new URL(relay.url).host}`
    await until(() => expect(panda.news).toEqual([{ kind: 'away', relay: relay.url, reason }]))
    await delay(400)
    panda.bridge.stop()
    expect(panda.news).toHaveLength(1)
  })

  it('hears when a relay that was away works again, and nothing of one that works', async () => {
    await follow(await serveScript(politely))
    await until(() => expect(state()?.caughtUp).toBe(true))
    expect(panda.news).toEqual([])
    relay.script = (_message, _say, socket) => socket.close()
    await panda.submit(register('good'))
    await until(() => expect(panda.news).toMatchObject([{ kind: 'away', reason: 'the connection ended' }]))
    await until(() => expect(relay.opened()).toBeGreaterThan(4))
    expect(panda.news).toHaveLength(1)
    relay.script = politely
    await until(() => expect(panda.news[1]).toEqual({ kind: 'back', relay: relay.url }))
    expect(panda.news).toHaveLength(2)
  })

  it('hears that our signing in was refused', async () => {
    const script = ([verb, id]: unknown[], say: (...message: unknown[]) => void) => {
      if (verb === 'REQ') say('CLOSED', id, 'auth-required: who are you?')
      if (verb === 'AUTH') say('OK', (id as NostrEvent).id, false, 'restricted: we do not know you')
    }
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      await follow(await serveScript(script, socket => socket.send('["AUTH","prove it"]')))
      await vi.waitFor(() => expect(sentTo('AUTH')).toHaveLength(1))
      await vi.waitFor(() => expect(sentTo('REQ')).toHaveLength(2))
      await vi.advanceTimersByTimeAsync(31_000)
      await vi.waitFor(() => expect(panda.news[0]).toMatchObject({ kind: 'away' }))
    } finally {
      vi.useRealTimers()
    }
    expect(panda.news[0]).toMatchObject({
      reason: 'it does not give what it has stored for us (it refused our signing in: restricted: we do not know you)',
    })
  })

  it('hears that we may not read there', async () => {
    await follow(
      await serveScript(([verb, id], say) => void (verb === 'REQ' && say('CLOSED', id, 'restricted: members only'))),
    )
    const reason = 'it ended our subscription: restricted: members only'
    await until(() => expect(panda.news).toEqual([{ kind: 'away', relay: relay.url, reason }]))
  })

  it('hears once for each kind of refusal that a relay does not take our events', async () => {
    await follow(await serveScript(refusing('blocked: not you')))
    for (const name of ['one', 'two']) await panda.submit(register(name))
    await until(() => expect(state()?.dropped).toBe(4))
    expect(panda.news).toEqual([{ kind: 'refused', relay: relay.url, reason: 'blocked: not you' }])
    relay.script = refusing('pow: 30 bits')
    await panda.submit(register('three'))
    await until(() => expect(state()?.dropped).toBe(6))
    expect(panda.news[1]).toEqual({ kind: 'refused', relay: relay.url, reason: 'pow: 30 bits' })
    expect(panda.news).toHaveLength(2)
  })
})

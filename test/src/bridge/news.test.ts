import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { politely, serveScript } from './scripted-relay.ts'
import { setScene } from './scripted-scene.ts'

const scene = setScene()
const { follow, until, state, register, sentTo } = scene

describe('the operator', () => {
  const refusing =
    (words: string) =>
    ([verb, id]: unknown[], say: (...message: unknown[]) => void) => {
      if (verb === 'REQ') say('EOSE', id)
      if (verb === 'EVENT') say('OK', (id as NostrEvent).id, false, words)
    }

  it('hears once, and not at each attempt, why a relay is not there, and nothing when it stops', async () => {
    scene.relay = await serveScript(politely)
    await scene.relay.close()
    await follow(scene.relay, {
      config: { relays: [{ url: `${scene.relay.url}?key=secret`, read: true, write: true }] },
    })
    const reason = `connect ECONNREFUSED ${new URL(scene.relay.url).host}`
    await until(() => expect(scene.panda.news).toEqual([{ kind: 'away', relay: scene.relay.url, reason }]))
    await delay(400)
    scene.panda.bridge.stop()
    expect(scene.panda.news).toHaveLength(1)
  })

  it('hears when a relay that was away works again, and nothing of one that works', async () => {
    await follow(await serveScript(politely))
    await until(() => expect(state()?.caughtUp).toBe(true))
    expect(scene.panda.news).toEqual([])
    scene.relay.script = (_message, _say, socket) => socket.close()
    await scene.panda.submit(register('good'))
    await until(() => expect(scene.panda.news).toMatchObject([{ kind: 'away', reason: 'the connection ended' }]))
    await until(() => expect(scene.relay.opened()).toBeGreaterThan(4))
    expect(scene.panda.news).toHaveLength(1)
    scene.relay.script = politely
    await until(() => expect(scene.panda.news[1]).toEqual({ kind: 'back', relay: scene.relay.url }))
    expect(scene.panda.news).toHaveLength(2)
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
      await vi.waitFor(() => expect(scene.panda.news[0]).toMatchObject({ kind: 'away' }))
    } finally {
      vi.useRealTimers()
    }
    expect(scene.panda.news[0]).toMatchObject({
      reason: 'it does not give what it has stored for us (it refused our signing in: restricted: we do not know you)',
    })
  })

  it('hears that we may not read there', async () => {
    await follow(
      await serveScript(([verb, id], say) => void (verb === 'REQ' && say('CLOSED', id, 'restricted: members only'))),
    )
    const reason = 'it ended our subscription: restricted: members only'
    await until(() => expect(scene.panda.news).toEqual([{ kind: 'away', relay: scene.relay.url, reason }]))
  })

  it('hears once for each kind of refusal that a relay does not take our events', async () => {
    await follow(await serveScript(refusing('blocked: not you')))
    for (const name of ['one', 'two']) await scene.panda.submit(register(name))
    await until(() => expect(state()?.dropped).toBe(4))
    expect(scene.panda.news).toEqual([{ kind: 'refused', relay: scene.relay.url, reason: 'blocked: not you' }])
    scene.relay.script = refusing('pow: 30 bits')
    await scene.panda.submit(register('three'))
    await until(() => expect(state()?.dropped).toBe(6))
    expect(scene.panda.news[1]).toEqual({ kind: 'refused', relay: scene.relay.url, reason: 'pow: 30 bits' })
    expect(scene.panda.news).toHaveLength(2)
  })
})

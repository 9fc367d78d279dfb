import { randomBytes } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { keyOf, startTime } from '../service.ts'
import { commandOf, freeName, openBridgedService } from './bridged-service.ts'
import { politely, serveScript } from './scripted-relay.ts'
import { setScene } from './scripted-scene.ts'

const scene = setScene()
const { alice, follow, until, state, register, sentTo } = scene
const namesOf = () =>
  scene.panda.relay.find({ kinds: [32_410] }).map(event => event.tags.find(tag => tag[0] === 'd')?.[1])

/** Gives these events to whoever subscribes first, whatever is asked for. */
const giving =
  (...values: unknown[]) =>
  ([verb, id, filter]: unknown[], say: (...message: unknown[]) => void) => {
    if (verb === 'EVENT') say('OK', (id as { id: string }).id, true, '')
    if (verb !== 'REQ') return
    if ((filter as { limit?: number }).limit === 1) for (const value of values) say('EVENT', id, value)
    say('EOSE', id)
  }

describe('a relay that lies', () => {
  it('is not believed about signatures, nor what is for us', async () => {
    const good = register('good')
    const forged = { ...register('forged'), sig: randomBytes(64).toString('hex') }
    const altered = { ...register('altered'), content: JSON.stringify(freeName('another')) }
    const elsewhere = { ...register('elsewhere') }
    elsewhere.tags = elsewhere.tags.map(tag => (tag[0] === 'p' ? ['p', keyOf(77).publicKey] : tag))
    const note = { ...register('note'), kind: 1 }
    await follow(await serveScript(giving(forged, altered, elsewhere, note, good)))
    await until(() => expect(namesOf()).toEqual(['good@free.example']))
    await until(() => expect(scene.panda.isEmpty()).toBe(true))
    // Neither is there an answer to what was never signed.
    expect(scene.panda.relay.find({ kinds: [2_411] })).toHaveLength(1)
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'event'],
    ['a list', []],
    ['an empty event', {}],
    ['an event without tags', { ...register('a'), tags: null }],
    ['tags that are no texts', { ...register('a'), tags: [['p', { toString: 1 }]] }],
    ['a time that is no number', { ...register('a'), created_at: '1790000000' }],
    ['a time without end', { ...register('a'), created_at: 1e300 }],
    ['an id that is no hash', { ...register('a'), id: '__proto__' }],
    ['a command of the service', { ...register('a'), pubkey: keyOf(1).publicKey }],
  ])('and sends %s for an event does no harm', async (_what, value) => {
    await follow(await serveScript(giving(value, register('good'))))
    await until(() => expect(namesOf()).toEqual(['good@free.example']))
    expect(scene.panda.errors).toEqual([])
  })

  it.each([
    'nonsense',
    '[]',
    '[1]',
    'null',
    '{"a":1}',
    '["EVENT"]',
    '["EVENT","live"]',
    '["EOSE"]',
    '["EOSE",{}]',
    '["OK"]',
    '["OK",null,true]',
    '["OK",{},false,{}]',
    '["CLOSED"]',
    '["CLOSED","page-9",{}]',
    '["AUTH"]',
    '["AUTH",{}]',
    '["AUTH",""]',
    '["NOTICE",null]',
    '["COUNT","x",null]',
    '["NEG-MSG",1]',
    '["__proto__",1]',
    '["constructor"]',
  ])('and says %s does no harm', async text => {
    await follow(await serveScript(giving(register('good')), socket => socket.send(text)))
    await until(() => expect(namesOf()).toEqual(['good@free.example']))
    expect(scene.panda.errors).toEqual([])
  })

  it('and refuses our signing in, or leaves in the middle of it, does not end the process', async () => {
    const served = await serveScript(politely, socket => socket.send('["AUTH","challenge"]'))
    served.script = (message, say, socket) => {
      if (message[0] !== 'AUTH') return politely(message, say, socket)
      if (served.opened() % 2 === 0) return socket.terminate()
      say('OK', (message[1] as NostrEvent).id, false, 'restricted: not you')
    }
    await follow(served)
    await until(() => expect(sentTo('AUTH').length).toBeGreaterThan(0))
    await scene.panda.submit(register('good'))
    await until(() => expect(scene.panda.isEmpty()).toBe(true))
  })

  it('and asks for signatures without end gets a few', async () => {
    const ask = (say: (...message: unknown[]) => void) => {
      for (let index = 0; index < 50; index++) say('AUTH', `challenge ${index}`)
    }
    await follow(
      await serveScript((message, say, socket) => {
        ask(say)
        politely(message, say, socket)
      }),
    )
    await until(() => expect(state()?.caughtUp).toBe(true))
    expect(sentTo('AUTH').length / scene.relay.opened()).toBeLessThanOrEqual(5)
  })
})

describe('a relay that asks who we are', () => {
  it('is told, for its own URL, and then given what it refused before', async () => {
    let known = false
    const served = await serveScript((message, say, socket) => {
      const [verb, first] = message
      if (verb === 'AUTH') {
        known = true
        return say('OK', (first as NostrEvent).id, true, '')
      }
      if (known) return politely(message, say, socket)
      say('AUTH', 'prove it')
      if (verb === 'REQ') say('CLOSED', first, 'auth-required: who are you?')
      if (verb === 'EVENT') say('OK', (first as NostrEvent).id, false, 'auth-required: who are you?')
    })
    await follow(served)
    await until(() => expect(state()?.caughtUp).toBe(true))
    await scene.panda.submit(register('good'))
    await until(() => expect(scene.panda.isEmpty()).toBe(true))
    expect(state()?.dropped).toBe(0)
    const auth = sentTo('AUTH')[0]?.[1] as NostrEvent
    expect(auth).toMatchObject({ kind: 22_242, pubkey: keyOf(1).publicKey, created_at: startTime })
    expect(auth.tags).toEqual([
      ['relay', scene.relay.url],
      ['challenge', 'prove it'],
    ])
  })
})

describe('a relay that asks who we are only when it is given something', () => {
  it('is given it again on the same connection', async () => {
    let known = false
    const served = await serveScript((message, say, socket) => {
      const [verb, first] = message
      if (verb === 'AUTH') {
        known = true
        return say('OK', (first as NostrEvent).id, true, '')
      }
      if (known || verb !== 'EVENT') return politely(message, say, socket)
      say('AUTH', 'prove it')
      say('OK', (first as NostrEvent).id, false, 'auth-required: who are you?')
    })
    await follow(served)
    await scene.panda.submit(register('good'))
    await until(() => expect(scene.panda.isEmpty()).toBe(true))
    expect(scene.relay.opened()).toBe(1)
  })
})

describe('a relay that floods', () => {
  it('with huge messages is left, and tried again later', async () => {
    const huge = JSON.stringify(['EVENT', 'live', { content: 'x'.repeat(200_000) }])
    await follow(await serveScript(politely, socket => socket.send(huge)))
    await until(() => expect(scene.relay.opened()).toBeGreaterThan(1))
    expect(state()?.lastError).toContain('Max payload size exceeded')
  })

  it('with what was not asked for is left', async () => {
    await follow(
      await serveScript(politely, socket => {
        for (let index = 0; index < 300; index++) socket.send('["EVENT","never",{}]')
      }),
    )
    await until(() => expect(state()?.lastError).toBe('it sends what it was not asked for'))
  })

  it('with forged signatures is left after a few', async () => {
    const forged = Array.from({ length: 200 }, (_, index) => ({
      ...commandOf(keyOf(1_000 + index), 'identifier.register', freeName('a')),
      sig: randomBytes(64).toString('hex'),
    }))
    await follow(await serveScript(giving(...forged)))
    await until(() => expect(scene.relay.opened()).toBeGreaterThan(1))
    expect(scene.panda.relay.find({ kinds: [2_411] })).toEqual([])
  })

  it('with more than we read is read slowly, and others are served meanwhile', async () => {
    const noise = JSON.stringify(['NOTICE', 'x'.repeat(50_000)])
    let sent = 0
    const served = await serveScript(politely, socket => {
      const more = () => {
        if (socket.readyState !== socket.OPEN || sent > 200_000_000) return
        sent += noise.length
        socket.send(noise, more)
      }
      more()
    })
    await follow(served, { config: { bytesPerSecond: 100_000 } })
    await until(() => expect(sent).toBeGreaterThan(800_000))
    const before = sent
    await new Promise(done => setTimeout(done, 500))
    // What is in the buffers of two sockets, and half a second's worth.
    expect(sent - before).toBeLessThan(20_000_000)
    expect(await scene.panda.submit(register('good'))).toMatchObject({ accepted: true })
  })

  it('with one query again and again has it answered once', async () => {
    const query = commandOf(alice, 'identifier.quote', { identifier: 'alice@free.example' }, { kind: 22_410 })
    await follow(await serveScript(giving(...Array.from({ length: 100 }, () => query))))
    await until(() => expect(state()?.caughtUp).toBe(true))
    await until(() => expect(sentTo('EVENT').length).toBeGreaterThan(0))
    const answers = sentTo('EVENT').filter(message => (message[1] as NostrEvent).kind === 22_411)
    expect(answers).toHaveLength(1)
  })
})

describe('a relay that does not answer', () => {
  it('is left, and everything is kept for it', async () => {
    await follow(await serveScript(([verb, id], say) => void (verb === 'REQ' && say('EOSE', id))))
    await scene.panda.submit(register('good'))
    await until(() => expect(scene.relay.opened()).toBeGreaterThan(2))
    expect(scene.panda.outbound.queued(scene.relay.url)).toBe(2)
    scene.relay.script = politely
    await until(() => expect(scene.panda.outbound.queued(scene.relay.url)).toBe(0))
  })

  it.each(['rate-limited: slow down', 'error: try again', '', 'what?'])('but with "%s" is tried again', async words => {
    await follow(
      await serveScript(([verb, id], say) => {
        if (verb === 'REQ') say('EOSE', id)
        if (verb === 'EVENT') say('OK', (id as NostrEvent).id, false, words)
      }),
    )
    await scene.panda.submit(register('good'))
    await until(() => expect(sentTo('EVENT').length).toBeGreaterThan(4))
    expect(scene.panda.outbound.queued(scene.relay.url)).toBe(2)
    expect(scene.relay.opened()).toBe(1)
    scene.relay.script = politely
    await until(() => expect(scene.panda.outbound.queued(scene.relay.url)).toBe(0))
    expect(state()?.dropped).toBe(0)
  })

  it.each(['blocked: no', 'invalid: no', 'pow: 30 bits', 'restricted: members only', 'duplicate: have it'])(
    'but with "%s" is not tried again',
    async words => {
      await follow(
        await serveScript(([verb, id], say) => {
          if (verb === 'REQ') say('EOSE', id)
          if (verb === 'EVENT') say('OK', (id as NostrEvent).id, false, words)
        }),
      )
      await scene.panda.submit(register('good'))
      await until(() => expect(scene.panda.isEmpty()).toBe(true))
      await until(() => expect(state()?.dropped).toBe(words.startsWith('duplicate') ? 0 : 2))
      expect(sentTo('EVENT')).toHaveLength(2)
    },
  )

  it('does not hold up what comes after something that it cannot take', async () => {
    await follow(
      await serveScript(([verb, id], say) => {
        if (verb === 'REQ') say('EOSE', id)
        if (verb === 'EVENT') say('OK', (id as NostrEvent).id, (id as NostrEvent).kind !== 2_411, 'error: not that')
      }),
    )
    // More than are sent at once.
    for (let index = 0; index < 20; index++) await scene.panda.submit(register(`name${index}`))
    const isName = (message: unknown[]) => (message[1] as NostrEvent).kind === 32_410
    await until(() => expect(sentTo('EVENT').filter(isName)).toHaveLength(20))
    await until(() => expect(scene.panda.outbound.queued(scene.relay.url)).toBe(20))
  })

  it('to what it is asked is left', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      await follow(await serveScript(() => undefined))
      await vi.waitFor(() => expect(scene.relay.heard.length).toBeGreaterThan(1))
      await vi.advanceTimersByTimeAsync(31_000)
      await vi.waitFor(() => expect(scene.relay.opened()).toBeGreaterThan(1))
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('stopping', () => {
  it('is quick whatever the relay does, and leaves no connection', async () => {
    await follow(await serveScript(() => undefined))
    await until(() => expect(scene.relay.connections()).toBe(1))
    const begun = performance.now()
    await scene.panda.close()
    expect(performance.now() - begun).toBeLessThan(1_000)
    await until(() => expect(scene.relay.connections()).toBe(0))
    scene.panda = await openBridgedService({ directory: scene.directory(), config: {} })
  })
})

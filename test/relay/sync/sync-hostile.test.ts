import { afterEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { initiate, reconcile } from '../../../relay/negentropy/negentropy-reconcile.ts'
import { createVectorBuilder } from '../../../relay/negentropy/negentropy-vector.ts'
import { author, startTime } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { type Scripted, serveScript } from './scripted-remote.ts'
import { idsIn, store, syncWith } from './sync-relays.ts'

const open: (Served | Scripted)[] = []
afterEach(async () => {
  for (const served of open.splice(0)) await served.close()
})

async function setUp(script: Parameters<typeof serveScript>[0], own = 0): Promise<[Served, Scripted]> {
  const here = await serveRelay()
  const there = await serveScript(script)
  open.push(here, there)
  await store(here, notes(own, 10_000))
  return [here, there]
}

const alice = author(1)
const notes = (count: number, from = 0): NostrEvent[] =>
  Array.from({ length: count }, (_, index) =>
    alice.sign({ content: `note ${from + index}`, created_at: startTime - from - index }),
  )

/** An honest side of NIP-77 that has these events. */
function honest(events: readonly NostrEvent[]): (message: unknown) => string {
  const builder = createVectorBuilder()
  for (const { created_at, id } of [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))) {
    builder.add(created_at, Buffer.from(id, 'hex'), 0)
  }
  const vector = finish(builder.seal())
  return message => {
    const frame = Buffer.from(String(message), 'hex')
    const reconciled = finish(reconcile(vector, frame, { frameBytes: 60_000, differences: null }))
    return reconciled.kind === 'next' ? reconciled.message.toString('hex') : ''
  }
}
function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}
const quick = { answerMs: 300, exchangeMs: 1_500 }

describe('a relay that does not know NIP-77', () => {
  /** Gives `perPage` events of a REQ, newest first, with the hint of NIP-67 that it likes. */
  const paging = (
    events: readonly NostrEvent[],
    perPage: number,
    hint: (more: boolean) => unknown[],
    refusal: unknown[],
  ) =>
    ((message, answer) => {
      const [verb, id, filter] = message as [string, string, { until?: number; since?: number }]
      if (verb === 'NEG-OPEN') answer(...refusal.map(part => (part === 'id' ? id : part)))
      if (verb !== 'REQ') return
      const found = events.filter(
        ({ created_at }) => created_at <= (filter.until ?? Infinity) && created_at >= (filter.since ?? 0),
      )
      for (const event of found.slice(0, perPage)) answer('EVENT', id, event)
      answer('EOSE', id, ...hint(found.length > perPage))
    }) satisfies Parameters<typeof serveScript>[0]

  it.each([
    ['a NOTICE', ['NOTICE', 'ERROR: bad msg: negentropy disabled']],
    ['CLOSED', ['CLOSED', 'id', 'unsupported: NEG-OPEN']],
    ['NEG-ERR', ['NEG-ERR', 'id', 'error: not today']],
  ])('is asked for everything when it says so by %s', async (_how, refusal) => {
    const events = notes(35)
    const [here, there] = await setUp(paging(events, 10, () => [], refusal))
    const report = await syncWith(here, there.url, { direction: 'down' })
    expect(report).toMatchObject({ method: 'pages', received: 35, sent: 0, unsent: null, stopped: null })
    expect(idsIn(here)).toEqual(events.map(({ id }) => id).sort())
  })

  it('is not asked further when it says that this was all', async () => {
    const events = notes(35)
    let asked = 0
    const script = paging(events, 10, more => [[more ? 'more' : 'finish']], ['CLOSED', 'id', 'unsupported:'])
    const [here, there] = await setUp((message, answer, socket) => {
      if (message[0] === 'REQ') asked++
      script(message, answer)
      void socket
    })
    expect(await syncWith(here, there.url)).toMatchObject({ received: 35, stopped: null })
    expect(asked).toBe(4)
  })

  it('is given nothing, which is told of the whole and not as of an event', async () => {
    const [here, there] = await setUp(
      paging(notes(5, 100), 10, () => [], ['CLOSED', 'id', 'unsupported: NEG-OPEN']),
      3,
    )
    const report = await syncWith(here, there.url)
    expect(report).toMatchObject({ received: 5, sent: 0, notSent: 0, reasons: [], stopped: null })
    expect(report.unsent).toBe('unsupported: NEG-OPEN')
  })

  it('says what it cannot give: more events of one second than fit on a page', async () => {
    const events = Array.from({ length: 600 }, (_, index) => alice.sign({ content: `${index}` }))
    const [here, there] = await setUp(paging([...events, ...notes(5, 100)], 500, () => [], ['CLOSED', 'id', 'no']))
    const report = await syncWith(here, there.url, { direction: 'down' })
    expect(report).toMatchObject({ received: 505, notReceived: 1, stopped: null })
    expect(report.reasons[0]?.reason).toMatch(/more events in one second/)
  })

  it('cannot be given anything', async () => {
    const [here, there] = await setUp(
      paging([], 10, () => [], ['CLOSED', 'id', 'no']),
      3,
    )
    expect(await syncWith(here, there.url, { direction: 'up' })).toMatchObject({
      sent: 0,
      stopped: expect.stringMatching(/does not know NIP-77/),
    })
  })

  it('goes on where the connection was lost', async () => {
    const events = notes(40)
    let requests = 0
    const script = paging(events, 10, () => [], ['CLOSED', 'id', 'no'])
    const [here, there] = await setUp((message, answer, socket) => {
      if (message[0] === 'REQ' && ++requests % 2 === 0) socket.terminate()
      else script(message, answer)
    })
    expect(await syncWith(here, there.url, { direction: 'down' })).toMatchObject({ received: 40, stopped: null })
    expect(there.connections()).toBeGreaterThan(2)
  })

  it.each([
    [
      'never comes to the end of a page',
      (events: NostrEvent[], answer: (...m: unknown[]) => void, id: string) => {
        for (const event of events.slice(0, 3)) answer('EVENT', id, event)
      },
      /does not answer/,
      quick,
    ],
    [
      'sends more than was asked for',
      (_: NostrEvent[], answer: (...m: unknown[]) => void, id: string) => {
        for (let index = 0; index < 10_050; index++) answer('EVENT', id, other)
      },
      /not asked for/,
      {},
    ],
  ])('is left when it %s', async (_what, act, reason, times) => {
    const events = notes(5)
    const [here, there] = await setUp((message, answer) => {
      const [verb, id] = message as [string, string]
      if (verb === 'NEG-OPEN') answer('CLOSED', id, 'no')
      if (verb === 'REQ') act(events, answer, id)
    })
    const filter = { authors: [alice.pubkey] }
    const report = await syncWith(here, there.url, { direction: 'down', filter, times })
    expect(report.stopped).toMatch(reason)
    expect(there.connections()).toBeLessThanOrEqual(7)
  })
  const other = author(2).sign({ content: 'not of alice' })
})

describe('a relay that does not keep to NIP-77', () => {
  it.each([
    ['sends garbage', 'garbage', /no negentropy/],
    ['sends nothing', '', /no negentropy/],
    ['sends a cut message', '61ffff', /no negentropy/],
    ['speaks another version', '62', /another version/],
  ])('%s', async (_what, answered, reason) => {
    const [here, there] = await setUp(([verb, id], answer) => {
      if (verb === 'NEG-OPEN') answer('NEG-MSG', id, answered)
    }, 3)
    expect((await syncWith(here, there.url, { times: quick })).stopped).toMatch(reason)
  })

  it('never agrees', async () => {
    const wrong = Buffer.concat([Buffer.from([0x61, 0, 0, 1]), Buffer.alloc(16, 7)]).toString('hex')
    const [here, there] = await setUp(([verb, id], answer) => {
      if (verb === 'NEG-OPEN' || verb === 'NEG-MSG') answer('NEG-MSG', id, wrong)
    }, 40)
    const report = await syncWith(here, there.url)
    expect(report.stopped).toMatch(/comes to no end/)
    expect(report.rounds).toBeLessThan(2_100)
  })

  it('answers more often than it is asked', async () => {
    const [here, there] = await setUp(([verb, id], answer) => {
      if (verb === 'NEG-OPEN') for (let index = 0; index < 20; index++) answer('NEG-MSG', id, '61000200')
    }, 3)
    const report = await syncWith(here, there.url, { times: quick })
    expect(report.received).toBe(0)
    expect(report.sent).toBe(0)
  })

  it('says nothing at all', async () => {
    const [here, there] = await setUp(() => undefined, 3)
    expect((await syncWith(here, there.url, { times: quick })).stopped).toMatch(/does not answer/)
    expect(there.connections()).toBe(5)
  })

  it('sends a frame that is too large', async () => {
    const [here, there] = await setUp(([verb, id], answer) => {
      if (verb === 'NEG-OPEN') answer('NEG-MSG', id, '61'.repeat(2_000_000))
    })
    expect((await syncWith(here, there.url, { times: quick })).stopped).toMatch(/Max payload size exceeded/)
  })

  it('closes every reconciliation', async () => {
    const [here, there] = await setUp(([verb, id], answer) => {
      if (verb === 'NEG-OPEN') answer('NEG-ERR', id, 'closed: you took too long to respond!')
    })
    expect((await syncWith(here, there.url)).stopped).toMatch(/closes every/)
  })

  it('wants to know who asks', async () => {
    const [here, there] = await setUp(([verb, id], answer) => {
      if (verb === 'NEG-OPEN') answer('NEG-ERR', id, 'auth-required: who are you\u001b[31m')
    })
    expect((await syncWith(here, there.url)).stopped).toBe('the other side: auth-required: who are you [31m')
  })

  it('goes away in the middle, and what it had is fetched when it is back', async () => {
    const events = notes(300)
    const answerTo = honest(events)
    let requests = 0
    const [here, there] = await setUp(([verb, id, first, second], answer, socket) => {
      if (verb === 'NEG-OPEN') answer('NEG-MSG', id, answerTo(second))
      if (verb === 'NEG-MSG') answer('NEG-MSG', id, answerTo(first))
      if (verb !== 'REQ') return
      const { ids } = first as { ids: string[] }
      const given = events.filter(event => ids.includes(event.id))
      const isCut = ++requests % 2 === 1
      for (const event of isCut ? given.slice(0, 40) : given) answer('EVENT', id, event)
      if (isCut) setTimeout(() => socket.terminate(), 20)
      else answer('EOSE', id)
    })
    expect(await syncWith(here, there.url, { direction: 'down' })).toMatchObject({ received: 300, stopped: null })
  })
})

describe('a relay that lies', () => {
  const lying = (
    give: (ids: string[], answer: (...message: unknown[]) => void, id: unknown) => void,
    events: NostrEvent[],
  ) => {
    const answerTo = honest(events)
    return (([verb, id, first, second], answer) => {
      if (verb === 'NEG-OPEN') answer('NEG-MSG', id, answerTo(second))
      if (verb === 'NEG-MSG') answer('NEG-MSG', id, answerTo(first))
      if (verb === 'REQ') give((first as { ids: string[] }).ids, answer, id)
    }) satisfies Parameters<typeof serveScript>[0]
  }

  it('about ids that it does not have', async () => {
    const [here, there] = await setUp(lying((_ids, answer, id) => answer('EOSE', id), notes(30)))
    const report = await syncWith(here, there.url)
    expect(report).toMatchObject({ received: 0, notReceived: 30, stopped: null })
    expect(report.reasons[0]?.reason).toBe('the other side does not give it')
  })

  it('and gives other events for those that it was asked for', async () => {
    const forged = notes(30).map(event => ({ ...event, content: 'forged' }))
    const extra = author(2).sign({ content: 'not asked for' })
    const [here, there] = await setUp(
      lying((_ids, answer, id) => {
        answer('EVENT', id, extra)
        for (const event of forged) answer('EVENT', id, event)
        for (const value of [null, 7, {}, [], { id: 7 }]) answer('EVENT', id, value)
        answer('EOSE', id)
      }, notes(30)),
    )
    const report = await syncWith(here, there.url, { direction: 'down' })
    expect(report).toMatchObject({ received: 0, notReceived: 30, stopped: null })
    expect(idsIn(here)).toEqual([])
  })

  it('and gives the same event again and again', async () => {
    const [one, ...rest] = notes(3) as [NostrEvent, ...NostrEvent[]]
    const [here, there] = await setUp(
      lying((_ids, answer, id) => {
        for (let index = 0; index < 200; index++) answer('EVENT', id, one)
        for (const event of rest) answer('EVENT', id, event)
        answer('EOSE', id)
      }, notes(3)),
    )
    expect(await syncWith(here, there.url, { direction: 'down' })).toMatchObject({ received: 3, duplicates: 0 })
  })

  it('and takes events without saying so, or for ever says that it is too busy', async () => {
    for (const answered of [null, [false, 'rate-limited: later']]) {
      const answerTo = honest([])
      const [here, there] = await setUp(([verb, id, first, second], answer) => {
        if (verb === 'NEG-OPEN') answer('NEG-MSG', id, answerTo(second))
        if (verb === 'NEG-MSG') answer('NEG-MSG', id, answerTo(first))
        if (verb === 'EVENT' && answered !== null) answer('OK', (id as NostrEvent).id, ...answered)
      }, 5)
      const report = await syncWith(here, there.url, { direction: 'up', times: quick })
      expect(report.sent).toBe(0)
      if (answered === null) expect(report.stopped).toMatch(/does not answer/)
      else expect(report).toMatchObject({ notSent: 5, stopped: null })
    }
  })

  it('with a new reason each time, which are not all remembered', async () => {
    let count = 0
    const answerTo = honest([])
    const [here, there] = await setUp(([verb, id, first, second], answer) => {
      if (verb === 'NEG-OPEN') answer('NEG-MSG', id, answerTo(second))
      if (verb === 'NEG-MSG') answer('NEG-MSG', id, answerTo(first))
      if (verb === 'EVENT') answer('OK', (id as NostrEvent).id, false, `blocked: ${count++} ${'x'.repeat(9_999)}`)
    }, 120)
    const report = await syncWith(here, there.url, { direction: 'up' })
    expect(report.notSent).toBe(120)
    expect(report.reasons.length).toBeLessThanOrEqual(51)
    expect(Math.max(...report.reasons.map(({ reason }) => reason.length))).toBeLessThan(150)
  })

  it('is not told the ids of private events', async () => {
    const secret = alice.sign({ kind: 4, tags: [['p', author(2).pubkey]] })
    const told: string[] = []
    const empty = honest([])
    const [here, there] = await setUp(([verb, id, first, second], answer) => {
      told.push(JSON.stringify([first, second]))
      if (verb === 'NEG-OPEN') answer('NEG-MSG', id, empty(second))
      if (verb === 'NEG-MSG') answer('NEG-MSG', id, empty(first))
      if (verb === 'EVENT') answer('OK', (id as NostrEvent).id, true, '')
    }, 2)
    await store(here, [secret])
    expect(await syncWith(here, there.url)).toMatchObject({ sent: 2, notSent: 0, stopped: null })
    expect(told.join()).not.toContain(secret.id)
  })
})

it('an honest script is what the tests above think it is', () => {
  const events = notes(5)
  const builder = createVectorBuilder()
  const first = finish(initiate(finish(builder.seal())))
  for (const { id } of events) expect(honest(events)(first.toString('hex'))).toContain(id)
})

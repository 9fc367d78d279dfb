import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import type { Origin } from '../../../relay/host.ts'
import type { Submitted } from '../../../relay/submitted.ts'
import type { Connection, Listener } from '../../../src/bridge/connection.ts'
import { createIntake, type Intake } from '../../../src/bridge/intake.ts'
import { type Key, keyOf, startTime } from '../service.ts'
import { commandOf } from './bridged-service.ts'

const alice = keyOf(2)
const service = keyOf(1).publicKey
const holdMs = 60
const accepted: Submitted = { accepted: true, message: '', delivered: [] }
const tooEarly: Submitted = { accepted: false, message: 'rate-limited: RATE_LIMITED: too many', delivered: [] }

/** What was submitted, with who it was counted as and how to answer it. */
type Call = { event: NostrEvent; origin: Origin; answer(outcome: Submitted): void }

let intake: Intake
let calls: Call[]
let answerAtOnce: ((event: NostrEvent) => Submitted) | null
let asked: { id: string; filter: { since: number; until?: number }; listener: Listener }[]
let closed: number
let seen: number
let noted: number[]
let customers: Set<string>
beforeEach(() => {
  calls = []
  asked = []
  noted = []
  closed = 0
  seen = 0
  answerAtOnce = () => accepted
  customers = new Set()
})
afterEach(() => intake.stop())

function start(options: { commandsPerMinute?: number } = {}): void {
  intake = createIntake({
    service,
    origins: { customers: originOf('customers'), strangers: originOf('strangers') },
    submit: (event, origin, answer) => {
      calls.push({ event: event as NostrEvent, origin, answer })
      if (answerAtOnce !== null) answer(answerAtOnce(event as NostrEvent))
    },
    isKnown: () => false,
    isCustomer: author => customers.has(author),
    refused: () => undefined,
    answered: () => undefined,
    seenUntil: () => seen,
    noteSeen: until => void noted.push(until),
    commandsPerMinute: 60_000,
    now: () => startTime,
    nowMs: () => performance.now(),
    holdMs,
    ...options,
  })
}
const originOf = (ip: string): Origin => ({ source: 'bridge', ip, authenticated: new Set() })

function connect(): Connection {
  const connection: Connection = {
    publish: () => Promise.resolve({ status: 'accepted' }),
    subscribe: (id, filter, listener) => {
      asked.push({ id, filter: filter as { since: number }, listener })
    },
    unsubscribe: () => undefined,
    close: () => {
      closed++
    },
  }
  intake.connected(connection)
  return connection
}
/** Answers the page that was asked for last, and the empty one that follows. */
async function answerPages(...events: NostrEvent[]): Promise<void> {
  for (const page of [events, []]) {
    const { listener } = asked.at(-1) ?? {}
    for (const event of page) listener?.event(event)
    listener?.end()
    await delay(0)
  }
}
const live = (...events: NostrEvent[]) => {
  for (const event of events) asked.find(({ id }) => id === 'live')?.listener.event(event)
}
const made = (at: number, key: Key = alice) => commandOf(key, 'x', {}, { at: startTime + at })
const timesOf = () => calls.map(({ event }) => event.created_at - startTime)
const until = (check: () => void) => vi.waitFor(check, { timeout: 2_000, interval: 5 })

describe('an intake', () => {
  it('handles nothing until it has seen all that is older', async () => {
    start()
    connect()
    live(made(-1))
    expect(calls).toEqual([])
    await answerPages(made(-5), made(-9))
    await until(() => expect(timesOf()).toEqual([-9, -5, -1]))
    expect(intake.isCaughtUp()).toBe(true)
    live(made(0))
    await until(() => expect(timesOf()).toEqual([-9, -5, -1, 0]))
  })

  it.each([
    ['never seen', 0, 86_400 + 600],
    ['seen now', startTime, 86_400 + 600],
    ['seen an hour ago', startTime - 3_600, 3_600 + 86_400 + 600],
    ['seen a month ago', startTime - 30 * 86_400, 3 * 86_400],
    ['seen in times to come', startTime + 9_999, 86_400 + 600],
  ])('asks a relay %s for what may still be executed, and what is late', async (_what, seenUntil, back) => {
    start()
    seen = seenUntil
    connect()
    expect(asked.at(-1)?.filter.since).toBe(startTime - back)
    await answerPages()
    expect(noted).toEqual([startTime])
  })

  it('does not take a relay that went away in the middle for seen', async () => {
    start()
    connect()
    asked.at(-1)?.listener.event(made(-5))
    intake.disconnected()
    await delay(5)
    expect(noted).toEqual([])
    // Something older may still come.
    expect(calls).toEqual([])
    connect()
    await answerPages(made(-9))
    await until(() => expect(timesOf()).toEqual([-9, -5]))
  })

  it('has one command of an author handled at a time, and others beside it', async () => {
    start()
    answerAtOnce = null
    connect()
    await answerPages(made(-3), made(-2), made(-1, keyOf(3)))
    await until(() => expect(timesOf()).toEqual([-3, -1]))
    calls[0]?.answer(accepted)
    await until(() => expect(timesOf()).toEqual([-3, -1, -2]))
  })

  it('tries what came too early again, at leisure, and what its author sent after it not before it', async () => {
    start()
    let left = 3
    answerAtOnce = ({ created_at }) => (created_at === startTime - 3 && left-- > 0 ? tooEarly : accepted)
    connect()
    await answerPages(made(-3), made(-2))
    const begun = performance.now()
    await until(() => expect(timesOf()).toEqual([-3, -3, -3, -3, -2]))
    expect(performance.now() - begun).toBeGreaterThan(2 * holdMs)
  })

  it('counts strangers apart from customers, who get their turn though strangers flood', async () => {
    start({ commandsPerMinute: 20 })
    customers.add(alice.publicKey)
    connect()
    await answerPages()
    live(...Array.from({ length: 500 }, (_, index) => made(-300, keyOf(1_000 + index))))
    live(made(-1))
    await until(() => expect(timesOf()).toContain(-1))
    expect(calls.filter(({ origin }) => origin.ip === 'strangers')).toHaveLength(10)
    expect(calls.filter(({ origin }) => origin.ip === 'customers')).toHaveLength(1)
  })

  it('asks again for what it had no room for', async () => {
    start()
    answerAtOnce = null
    connect()
    // Nobody has more than 120 here.
    await answerPages(...Array.from({ length: 130 }, (_, index) => made(-500 + index)))
    answerAtOnce = () => accepted
    const pages = asked.length
    calls[0]?.answer(accepted)
    await until(() => expect(asked.length).toBeGreaterThan(pages))
    expect(calls).toHaveLength(120)
    expect(asked.at(-1)?.filter.since).toBe(startTime - 500 + 120)
    expect(closed).toBe(0)
  })

  it('leaves a relay that will not tell', () => {
    start()
    connect()
    asked.at(0)?.listener.closed('blocked: no')
    expect(closed).toBe(1)
  })
})

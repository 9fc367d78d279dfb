import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type EventTemplate, kindClass, type NostrEvent } from '../../relay/event.ts'
import { connectInMemory } from './attacks/memory-client.ts'
import { until } from './attacks/stored.ts'
import { type Author, author, startTime } from './authors.ts'
import { asksFor, createNaiveRelay, isExpired, mayRead, newestFirst, type RawFilter } from './naive-relay.ts'
import { relayUrl, type Served, serveRelay } from './serve-relay.ts'

const authors = [author(1), author(2)]
const pubkeys = authors.map(({ pubkey }) => pubkey)
const kinds = [0, 1, 4, 10_002, 20_001, 30_023]
/** Three of these fill a page. */
const largeContent = 'x'.repeat(30_000)
const restricted = new Set([4, 1_059, 21_059])
const limits = {
  eventsBurst: 1_000_000,
  requestsBurst: 1_000_000,
  ephemeralBehindSeconds: 10_000,
  pauseAtBytes: 20_000,
}

function authorOf(index: number): Author {
  const found = authors[index]
  if (found === undefined) throw new Error('there is no such author')
  return found
}

type Template = Partial<EventTemplate> & {
  readonly by: number
  readonly deletes: number | null
  readonly isLarge: boolean
}
/** What happens. A subscription is opened with nothing else under way, beside other things, or by a client that does not read. */
type Step =
  | { readonly what: 'publish'; readonly templates: readonly Template[] }
  | { readonly what: 'publish again'; readonly index: number }
  | { readonly what: 'open'; readonly filters: readonly RawFilter[]; readonly when: 'quiet' | 'busy' | 'stalled' }
  | { readonly what: 'close'; readonly index: number }
  | { readonly what: 'pass'; readonly seconds: number }
  | { readonly what: 'authenticate'; readonly by: number }

const some = <T>(list: readonly T[]) => fc.shuffledSubarray([...list], { minLength: 1 })
const rarely = <T>(field: fc.Arbitrary<T>) => fc.option(field, { nil: undefined, freq: 3 })

const template: fc.Arbitrary<Template> = fc.record({
  by: fc.nat(authors.length - 1),
  kind: fc.constantFrom(...kinds),
  created_at: fc.integer({ min: startTime - 2, max: startTime + 2 }),
  deletes: fc.option(fc.nat(100), { freq: 4 }),
  isLarge: fc.boolean(),
  tags: fc.array(
    fc.oneof(
      fc.tuple(fc.constantFrom('d', 't'), fc.constantFrom('x', 'y', '')),
      fc.tuple(fc.constant('p'), fc.constantFrom(...pubkeys)),
      fc.tuple(fc.constant('expiration'), fc.integer({ min: startTime - 1, max: startTime + 6 }).map(String)),
    ),
    { maxLength: 3 },
  ),
})

const filter: fc.Arbitrary<RawFilter> = fc
  .record({
    authors: rarely(some(pubkeys)),
    kinds: rarely(some([...kinds, 5])),
    '#t': rarely(some(['x', 'y', ''])),
    '#p': rarely(some(pubkeys)),
    since: rarely(fc.integer({ min: startTime - 2, max: startTime + 2 })),
    until: rarely(fc.integer({ min: startTime - 2, max: startTime + 2 })),
    limit: rarely(fc.constantFrom(0, 1, 3)),
  })
  // Only restricted kinds would be asked about, which is refused to who has not authenticated.
  .map(({ kinds, ...fields }) => ({ ...fields, kinds: kinds?.every(kind => kind === 4) ? [1, 4] : kinds }))
  .map(fields => Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)))

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constant('publish' as const),
      templates: fc.array(template, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('publish again' as const), index: fc.nat(100) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('open' as const),
      filters: fc.array(filter, { minLength: 1, maxLength: 3 }),
      when: fc.constantFrom('quiet' as const, 'busy' as const, 'stalled' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('close' as const), index: fc.nat(10) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('authenticate' as const), by: fc.nat(authors.length - 1) }) },
)

/** A subscription, by ids: what has to come before its EOSE, what after it, what on either side, and what may come or not. */
type Open = {
  readonly filters: readonly RawFilter[]
  readonly beforeEose: Set<string>
  readonly afterEose: Set<string>
  readonly anyTime: Set<string>
  readonly maybe: Set<string>
  readonly stored: NostrEvent[]
  readonly live: NostrEvent[]
  eose: boolean
}

/** What is stored and a request gives. What one filter has given does not count in the limit of the next. */
function foundBy(filters: readonly RawFilter[], events: readonly NostrEvent[]): NostrEvent[] {
  const found = new Set<NostrEvent>()
  for (const filter of filters) {
    const asked = events.filter(event => !found.has(event) && asksFor(filter, event)).sort(newestFirst)
    for (const event of asked.slice(0, Number(filter.limit ?? asked.length))) found.add(event)
  }
  return [...found]
}

function deletionOf({ id, kind, pubkey, tags }: NostrEvent, others: string[][]): string[][] {
  const name = kindClass(kind) === 'addressable' ? (tags.find(([name]) => name === 'd')?.[1] ?? '') : ''
  const isAddressed = kindClass(kind) === 'replaceable' || kindClass(kind) === 'addressable'
  return [isAddressed && others.length % 2 === 0 ? ['a', `${kind}:${pubkey}:${name}`] : ['e', id], ...others]
}

/** Plays a history, by one client that publishes and one that reads, beside the naive relay. */
async function play(served: Served, steps: readonly Step[]): Promise<void> {
  const { relay, metrics } = served
  const [publisher, reader] = [connectInMemory(relay), connectInMemory(relay)]
  const naive = createNaiveRelay()
  const keys = new Set<string>()
  const sent: NostrEvent[] = []
  const expected: [id: string, accepted: boolean][] = []
  const answered: [id: string, accepted: boolean][] = []
  const subscriptions = new Map<string, Open>()
  const open = new Set<Open>()
  let asked = 0
  let stalls = false
  /** By what has not been answered. */
  const removed = new Set<string>()
  let challenge: string | null = null

  const isVisible = (event: NostrEvent) => mayRead(event, restricted, keys) && !isExpired(event, served.time)
  const isAskedBy = ({ filters }: Open, event: NostrEvent) =>
    mayRead(event, restricted, keys) && filters.some(filter => asksFor(filter, event))

  /** What a reader asks is with the relay before anything else happens. */
  const ask = async (...message: unknown[]) => {
    reader.send(...message)
    asked++
    await until(() => metrics.messages.REQ + metrics.messages.CLOSE + metrics.messages.AUTH === asked)
  }

  const take = () => {
    for (const [, id, accepted] of publisher.messages.splice(0)) answered.push([String(id), Boolean(accepted)])
    for (const message of reader.messages.splice(0)) takeOne(message)
  }
  const takeOne = (message: readonly unknown[]) => {
    const [verb, id, body] = message
    const subscription = subscriptions.get(String(id))
    if (verb === 'OK') answered.push([String(id), Boolean(body)])
    else if (verb === 'AUTH') challenge = String(id)
    else if (verb === 'EVENT' && subscription !== undefined) {
      const event = body as NostrEvent
      expect(isAskedBy(subscription, event)).toBe(true)
      subscription[subscription.eose ? 'live' : 'stored'].push(event)
    } else if (verb === 'EOSE' && subscription?.eose === false) subscription.eose = true
    else if (id !== 'challenge') throw new Error(JSON.stringify(message))
  }
  /** Until everything is answered. */
  const settle = async () => {
    const takeUntil = (isDone: () => boolean) =>
      until(() => {
        take()
        return isDone()
      })
    // Who does not read has it all come meanwhile.
    await takeUntil(() => answered.length === expected.length)
    reader.read(true)
    stalls = false
    await takeUntil(() => [...open].every(({ eose }) => eose))
    expect([...answered].sort()).toEqual([...expected].sort())
    removed.clear()
  }

  const publish = (event: NostrEvent) => {
    const before = naive.stored()
    const { accepted, isNew } = naive.publish(event, served.time)
    expected.push([event.id, accepted])
    sent.push(event)
    publisher.send('EVENT', event)
    for (const { id } of before.filter(other => !naive.stored().includes(other))) {
      removed.add(id)
      // A query under way gives it or does not.
      for (const subscription of open) {
        if (subscription.eose) continue
        if (subscription.beforeEose.delete(id) || subscription.anyTime.delete(id)) subscription.maybe.add(id)
      }
    }
    if (!isNew) return
    for (const subscription of open) if (isAskedBy(subscription, event)) subscription.afterEose.add(event.id)
  }

  const subscribe = async (wanted: readonly RawFilter[], isStalled: boolean) => {
    // Nothing is read from a client that does not read.
    if (stalls) await settle()
    else take()
    stalls = isStalled
    const done = new Set(answered.map(([id]) => id))
    const underWay = new Set(expected.flatMap(([id]) => (done.has(id) ? [] : [id])))
    // While things change, nothing can be said of what a limit leaves out.
    const isCertain = underWay.size === 0 && !isStalled
    const filters = isCertain ? wanted : wanted.map(({ limit: _limit, ...fields }) => fields)
    const found = foundBy(filters, naive.stored().filter(isVisible)).map(({ id }) => id)
    const subscription: Open = {
      filters,
      beforeEose: new Set(found.filter(id => !underWay.has(id))),
      anyTime: new Set(found.filter(id => underWay.has(id))),
      afterEose: new Set(),
      maybe: new Set([...removed, ...underWay]),
      stored: [],
      live: [],
      eose: false,
    }
    const id = `s${subscriptions.size}`
    subscriptions.set(id, subscription)
    open.add(subscription)
    if (isStalled) reader.read(false)
    await ask('REQ', id, ...filters)
  }

  const authenticate = async (who: Author) => {
    if (challenge === null) await ask('REQ', 'challenge', { kinds: [4] })
    await until(() => {
      take()
      return challenge !== null
    })
    const tags = [
      ['relay', relayUrl],
      ['challenge', String(challenge)],
    ]
    const proof = who.sign({ kind: 22_242, created_at: served.time, tags, content: String(expected.length) })
    expected.push([proof.id, true])
    await ask('AUTH', proof)
    await settle()
    keys.add(who.pubkey)
  }

  for (const step of steps) {
    if (step.what !== 'publish' && !(step.what === 'open' && step.when !== 'quiet')) await settle()
    if (step.what === 'publish') {
      for (const { by, deletes, isLarge, tags = [], ...fields } of step.templates) {
        const content = isLarge ? largeContent : ''
        const target = deletes === null ? undefined : sent[deletes % Math.max(1, sent.length)]
        const numbered = [...tags, ['n', String(sent.length)]]
        const deletion = target === undefined ? {} : { kind: 5, tags: deletionOf(target, numbered) }
        publish(authorOf(by).sign({ ...fields, content, tags: numbered, ...deletion }))
      }
    } else if (step.what === 'publish again') {
      const event = sent[step.index % Math.max(1, sent.length)]
      // What is kept nowhere is as good as new.
      if (event !== undefined && kindClass(event.kind) !== 'ephemeral') publish(event)
    } else if (step.what === 'open') {
      await subscribe(step.filters, step.when === 'stalled')
      if (step.when === 'quiet') await settle()
    } else if (step.what === 'close') {
      const closing = [...open][step.index]
      const [id] = [...subscriptions].find(([, subscription]) => subscription === closing) ?? []
      if (closing !== undefined) open.delete(closing)
      await ask('CLOSE', id)
    } else if (step.what === 'pass') served.time += step.seconds
    else await authenticate(authorOf(step.by))
  }
  await settle()
  // What was delivered before has come when this comes.
  const last = `s${subscriptions.size}`
  await subscribe([{ ids: ['0'.repeat(64)] }], false)
  await settle()
  expect(subscriptions.get(last)).toMatchObject({ eose: true, stored: [] })
  for (const subscription of subscriptions.values()) check(subscription)
}

function check({ filters, beforeEose, afterEose, anyTime, maybe, stored, live }: Open): void {
  const [storedIds, liveIds] = [stored, live].map(events => events.map(({ id }) => id))
  const all = [...(storedIds ?? []), ...(liveIds ?? [])]
  expect(new Set(all).size).toBe(all.length)
  expect(storedIds).toEqual(expect.arrayContaining([...beforeEose]))
  expect(liveIds).toEqual(expect.arrayContaining([...afterEose]))
  expect(all).toEqual(expect.arrayContaining([...anyTime]))
  for (const id of storedIds ?? []) expect(beforeEose.has(id) || anyTime.has(id) || maybe.has(id)).toBe(true)
  for (const id of liveIds ?? []) expect(afterEose.has(id) || anyTime.has(id) || maybe.has(id)).toBe(true)
  if (filters.length === 1) expect(stored).toEqual([...stored].sort(newestFirst))
}

const plain = { by: 0, kind: 0, created_at: startTime, tags: [], isLarge: false, deletes: null }
const large = { ...plain, kind: 1, isLarge: true }

it.each<[string, Step[]]>([
  // An older version is taken when the newer has been deleted, though none of them has been answered.
  [
    'is sent right after a deletion is judged after it',
    [
      {
        what: 'publish',
        templates: [{ ...plain, created_at: startTime + 1 }, { ...plain, deletes: 0 }, plain],
      },
    ],
  ],
  [
    'comes while a query stands still comes after its end, once',
    [
      { what: 'publish', templates: Array.from({ length: 6 }, () => large) },
      { what: 'pass', seconds: 1 },
      { what: 'open', filters: [{ kinds: [1] }, {}], when: 'stalled' },
      { what: 'publish', templates: [large, plain, { ...plain, kind: 20_001 }] },
    ],
  ],
])('what %s', async (_case, steps) => {
  const served = await serveRelay({ limits })
  try {
    await play(served, steps)
  } finally {
    await served.close()
  }
})

it('whatever happens, everything comes that a naive relay would send, once, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async steps => {
      const served = await serveRelay({ limits })
      try {
        await play(served, steps)
        expect(served.errors).toEqual([])
      } finally {
        await served.close()
      }
    }),
    { numRuns: 15, endOnFailure: true },
  )
}, 60_000)

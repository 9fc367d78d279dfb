import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type EventTemplate, kindClass, type NostrEvent } from '../../relay/event.ts'
import { type Author, author, startTime } from './authors.ts'
import { asksFor, createNaiveRelay, isExpired, mayRead, newestFirst, type RawFilter } from './naive-relay.ts'
import { relayUrl, type Served, serveRelay } from './serve-relay.ts'

const authors = [author(1), author(2)]
const pubkeys = authors.map(({ pubkey }) => pubkey)
const kinds = [0, 1, 4, 10_002, 20_001, 30_023]
const restricted = new Set([4, 1_059, 21_059])
const limits = { eventsBurst: 1_000_000, requestsBurst: 1_000_000, ephemeralBehindSeconds: 10_000 }

function authorOf(index: number): Author {
  const found = authors[index]
  if (found === undefined) throw new Error('there is no such author')
  return found
}

type Template = Partial<EventTemplate> & { readonly by: number; readonly deletes: number | null }
/** What happens; `quiet` with nothing else under way. */
type Step =
  | { readonly what: 'publish'; readonly templates: readonly Template[] }
  | { readonly what: 'publish again'; readonly index: number }
  | { readonly what: 'open'; readonly filters: readonly RawFilter[]; readonly quiet: boolean }
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
      quiet: fc.boolean(),
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

/** Plays a history on one connection, whose messages the relay takes in their order, beside the naive relay. */
async function play(served: Served, steps: readonly Step[]): Promise<void> {
  const client = await served.connect()
  const naive = createNaiveRelay()
  const keys = new Set<string>()
  const sent: NostrEvent[] = []
  const expected: [id: string, accepted: boolean][] = []
  const answered: [id: string, accepted: boolean][] = []
  const subscriptions = new Map<string, Open>()
  const open = new Set<Open>()
  /** By what has not been answered. */
  const removed = new Set<string>()
  let challenge: string | null = null

  const isVisible = (event: NostrEvent) => mayRead(event, restricted, keys) && !isExpired(event, served.time)
  const isAskedBy = ({ filters }: Open, event: NostrEvent) =>
    mayRead(event, restricted, keys) && filters.some(filter => asksFor(filter, event))

  const take = async () => {
    const message = await client.next()
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
    while (answered.length < expected.length || [...open].some(({ eose }) => !eose)) await take()
    expect([...answered].sort()).toEqual([...expected].sort())
    removed.clear()
  }

  const publish = (event: NostrEvent) => {
    const before = naive.stored()
    const { accepted, isNew } = naive.publish(event, served.time)
    expected.push([event.id, accepted])
    sent.push(event)
    client.send('EVENT', event)
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

  const subscribe = (asked: readonly RawFilter[]) => {
    const done = new Set(answered.map(([id]) => id))
    const underWay = new Set(expected.flatMap(([id]) => (done.has(id) ? [] : [id])))
    // While things change, nothing can be said of what a limit leaves out.
    const filters = underWay.size === 0 ? asked : asked.map(({ limit: _limit, ...fields }) => fields)
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
    client.send('REQ', id, ...filters)
  }

  const authenticate = async (who: Author) => {
    if (challenge === null) client.send('REQ', 'challenge', { kinds: [4] })
    while (challenge === null) await take()
    const tags = [
      ['relay', relayUrl],
      ['challenge', challenge],
    ]
    const proof = who.sign({ kind: 22_242, created_at: served.time, tags, content: String(expected.length) })
    expected.push([proof.id, true])
    client.send('AUTH', proof)
    await settle()
    keys.add(who.pubkey)
  }

  for (const step of steps) {
    if (step.what !== 'publish' && !(step.what === 'open' && !step.quiet)) await settle()
    if (step.what === 'publish') {
      for (const { by, deletes, tags = [], ...fields } of step.templates) {
        const target = deletes === null ? undefined : sent[deletes % Math.max(1, sent.length)]
        const numbered = [...tags, ['n', String(sent.length)]]
        const deletion = target === undefined ? {} : { kind: 5, tags: deletionOf(target, numbered) }
        publish(authorOf(by).sign({ ...fields, tags: numbered, ...deletion }))
      }
    } else if (step.what === 'publish again') {
      const event = sent[step.index % Math.max(1, sent.length)]
      // What is kept nowhere is as good as new.
      if (event !== undefined && kindClass(event.kind) !== 'ephemeral') publish(event)
    } else if (step.what === 'open') {
      subscribe(step.filters)
      if (step.quiet) await settle()
    } else if (step.what === 'close') {
      const closing = [...open][step.index]
      const [id] = [...subscriptions].find(([, subscription]) => subscription === closing) ?? []
      if (closing !== undefined) open.delete(closing)
      client.send('CLOSE', id)
    } else if (step.what === 'pass') served.time += step.seconds
    else await authenticate(authorOf(step.by))
  }
  await settle()
  // Everything before its answer has come when it comes.
  expect(await client.query({ ids: ['0'.repeat(64)] })).toEqual([])
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
    { numRuns: 25, endOnFailure: true },
  )
}, 60_000)

import { Readable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { EventTemplate, NostrEvent } from '../../../relay/event.ts'
import type { EventStore } from '../../../relay/store/store.ts'
import { openWalk } from '../../../relay/store/walk.ts'
import { countFound, exportLines } from '../../../relay/sync/export.ts'
import { importLines } from '../../../relay/sync/import.ts'
import { author, startTime } from '../authors.ts'
import { beginScan, filterOf } from '../find.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'
import { serveRelay } from '../serve-relay.ts'

const authors = [author(1), author(2), author(3)] as const
const [alice] = authors
const opened: TemporaryStore[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

function open(events: readonly NostrEvent[]): TemporaryStore {
  const temporary = openTemporaryStore()
  opened.push(temporary)
  for (const event of events) temporary.put(event)
  return temporary
}

async function exported(store: EventStore, filter: object = {}, options: { reverse?: boolean; now?: number } = {}) {
  const { now = startTime, reverse = false } = options
  const limit = Number.MAX_SAFE_INTEGER
  const pages: Buffer[] = []
  const walk = openWalk(store, { ...filterOf(filter), limit }, { now, visible: () => true, reverse })
  const count = await exportLines(walk, async page => pages.push(page) > 0)
  const text = Buffer.concat(pages).toString()
  const events = text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as NostrEvent)
  expect(events).toHaveLength(count)
  return { text, events }
}

describe('an export', () => {
  it('gives every event as it was signed, oldest first or newest first, over many pages of keys', async () => {
    const events = Array.from({ length: 1_100 }, (_, index) =>
      alice.sign({ created_at: startTime + (index % 400), content: `${index} ${'ä'.repeat(index % 90)}` }),
    )
    const { store } = open(events)
    const { events: oldestFirst } = await exported(store)
    const times = oldestFirst.map(event => event.created_at)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    const byId = (a: NostrEvent, b: NostrEvent) => (a.id < b.id ? -1 : 1)
    expect([...oldestFirst].sort(byId)).toEqual([...events].sort(byId))
    const { events: newestFirst } = await exported(store, {}, { reverse: true })
    expect(newestFirst).toEqual([...oldestFirst].reverse())
  })

  it.each([
    [{ since: startTime + 3 }, [3, 4, 5]],
    [{ until: startTime + 2 }, [0, 1, 2]],
    [{ since: startTime + 2, until: startTime + 3 }, [2, 3]],
    [{ since: startTime + 6 }, []],
    [{ kinds: [0, 2] }, [0, 2]],
    [{ '#t': ['x'] }, [1]],
    [{ authors: [authors[1].pubkey] }, [5]],
  ])('gives what a filter asks for: %o', async (filter, wanted) => {
    const events = Array.from({ length: 6 }, (_, index) =>
      (index === 5 ? authors[1] : alice).sign({
        created_at: startTime + index,
        kind: index,
        tags: index === 1 ? [['t', 'x']] : [],
      }),
    )
    const { store } = open(events)
    const numbers = (await exported(store, filter)).events.map(({ kind }) => kind)
    expect(numbers).toEqual(wanted)
    expect((await exported(store, filter, { reverse: true })).events.map(({ kind }) => kind)).toEqual(wanted.reverse())
    const ids = events.slice(0, 2).map(({ id }) => id)
    expect((await exported(store, { ids })).events.map(({ id }) => id)).toEqual(ids)
  })

  it('leaves out what has expired, and what the reader may not see', async () => {
    const { store } = open([
      alice.sign({ tags: [['expiration', String(startTime + 5)]] }),
      alice.sign({ content: 'stays' }),
      alice.sign({ kind: 4 }),
    ])
    const filter = { ...filterOf({}), limit: 10 }
    const walk = openWalk(store, filter, { now: startTime + 5, visible: ({ bytes, start }) => bytes[start + 1] !== 4 })
    expect(await countFound(walk)).toBe(1)
  })

  it('gives no more than the limit', async () => {
    const { store } = open([1, 2, 3].map(created_at => alice.sign({ created_at })))
    const walk = openWalk(store, { ...filterOf({}), limit: 2 }, { now: startTime, visible: () => true })
    expect(await countFound(walk)).toBe(2)
    expect(await countFound(beginScan(store, { limit: 1 }))).toBe(1)
  })

  it('ends when nobody reads any more', async () => {
    const { store } = open(Array.from({ length: 400 }, (_, index) => alice.sign({ content: `${index}`.repeat(300) })))
    const walk = openWalk(store, { ...filterOf({}), limit: 1_000 }, { now: startTime, visible: () => true })
    let pages = 0
    await exportLines(walk, async () => ++pages < 2)
    expect(pages).toBe(2)
  })

  it('writes an event that is longer than a page', async () => {
    const { store } = open([
      alice.sign({ content: 'x'.repeat(60_000), tags: [['t', 'y'.repeat(20_000)]] }),
      alice.sign(),
    ])
    expect((await exported(store)).events).toHaveLength(2)
  })

  it('goes on where it was when what it stood on is removed', async () => {
    const events = Array.from({ length: 1_100 }, (_, index) => alice.sign({ created_at: startTime + index }))
    const temporary = open(events)
    const seen: number[] = []
    const walk = openWalk(temporary.store, { ...filterOf({}), limit: 5_000 }, { now: startTime, visible: () => true })
    for (let record = walk.next(() => false); record; record = walk.next(() => false)) {
      seen.push(record.bytes.readUIntBE(record.start + 2, 6))
      if (seen.length !== 512) continue
      temporary.root.transactionSync(() => {
        for (const event of events.slice(500, 520)) {
          const seq = temporary.store.seqOf(Buffer.from(event.id, 'hex'))
          if (seq !== undefined) temporary.store.remove(seq)
        }
      })
      temporary.store.forgetRemoved()
    }
    expect(seen).toEqual(events.map(event => event.created_at).filter((_, index) => index < 512 || index >= 520))
  })
})

const template = fc.record<Partial<EventTemplate> & { by: 0 | 1 | 2; deletes: readonly number[] }>({
  by: fc.constantFrom(0, 1, 2),
  kind: fc.constantFrom(0, 1, 1, 5, 5, 4, 10_002, 30_000),
  created_at: fc.integer({ min: startTime - 5, max: startTime + 5 }),
  content: fc.string({ maxLength: 5 }),
  tags: fc.array(fc.constantFrom(['d', 'a'], ['d', 'b'], ['t', 'x'], ['expiration', String(startTime + 100)], ['-']), {
    maxLength: 2,
  }),
  deletes: fc.array(fc.nat(20), { maxLength: 2 }),
})

function sign(drafts: readonly (Partial<EventTemplate> & { by: 0 | 1 | 2; deletes: readonly number[] })[]) {
  const events: NostrEvent[] = []
  for (const { by, deletes, ...rest } of drafts) {
    const { pubkey } = authors[by]
    const named = deletes.flatMap(index => {
      const event = events[index]
      return event === undefined ? [] : [['e', event.id]]
    })
    const tags = rest.kind === 5 ? [...named, ['a', `30000:${pubkey}:a`]] : (rest.tags ?? [])
    events.push(authors[by].sign({ ...rest, tags }))
  }
  return events
}

it('round trip: what is exported and imported elsewhere is the same store', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(template, { minLength: 1, maxLength: 30 }), async drafts => {
      const { store } = open(sign(drafts))
      const { text, events } = await exported(store)
      const other = await serveRelay()
      try {
        const { submit, stats } = other.relay
        const chunks = Readable.from([Buffer.from(text)])
        const report = await importLines({ chunks, name: 'test', submit, load: stats, maxEventBytes: 65_536 }).done
        expect(report).toMatchObject({ added: events.length, duplicates: 0, skipped: 0 })
        expect((await exported(other.relay.store)).text).toBe(text)
      } finally {
        await other.close()
      }
    }),
    { numRuns: 12 },
  )
})

import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Origin } from '../../../relay/host.ts'
import { removeEvents } from '../../../relay/store/remove-events.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { filterOf } from '../find.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { storeMany, until } from './stored.ts'

const [alice, bob] = [author(1), author(2)]
const later = startTime + 1
const tagsPerEvent = 1_990
const manyEvents = 12

let served: Served
let client: Client
beforeEach(async () => {
  served = await serveRelay({ limits: { eventsBurst: 1_000_000 } })
  client = await served.connect()
})
afterEach(async () => {
  await served.close()
  vi.useRealTimers()
})

const imported: Origin = { source: 'import', ip: 'a file', authenticated: new Set() }
const manyTags = Array.from({ length: tagsPerEvent }, (_, index) => ['t', String(index)])
/** Events that cost as much to remove as they may. */
const storeHeavy = (more: string[][] = []) =>
  storeMany(served, manyEvents, index => ({
    pubkey: alice.pubkey,
    content: String(index),
    tags: [...more, ...manyTags.slice(more.length)],
  }))
const deletionOf = (events: readonly { id: string }[]) =>
  alice.sign({ kind: 5, created_at: later, tags: events.map(({ id }) => ['e', id]) })
const ids = () => [...served.relay.store.databases.ids.getKeys({})].map(key => key.toString('hex'))

/**
 * Rows of tags that each task of the writer removes from now on, in order; those that remove none are left out. `before`
 * may throw instead of the removal of a row.
 */
function watch(before: () => void = () => undefined): number[] {
  const { writer, relay } = served
  const { byTag } = relay.store.positions
  const { remove } = byTag
  const { submit } = writer
  const removed: number[] = []
  let rows = 0
  byTag.remove = key => {
    before()
    rows++
    remove(key)
  }
  writer.submit = task =>
    submit({
      ...task,
      run: () => {
        rows = 0
        const value = task.run()
        if (rows > 0) removed.push(rows)
        return value
      },
    })
  return removed
}

/** How many of the tasks have run when something that somebody else writes now is written. */
const placeOfOther = (removed: readonly number[]) =>
  new Promise<number>(resolve =>
    served.writer.submit({
      lane: 'events',
      run: () => removed.length,
      done: o => resolve(o.ok ? o.value : Number.NaN),
    }),
  )

describe('the removal of events with as many tags as they may have goes one by one, others in between', () => {
  const expectOneByOne = async (removed: readonly number[]) => {
    await until(() => removed.length > 0)
    expect(await placeOfOther(removed)).toBeLessThan(manyEvents)
    await until(() => removed.reduce((sum, rows) => sum + rows, 0) >= manyEvents * (tagsPerEvent - 1))
    expect(Math.max(...removed)).toBeLessThanOrEqual(tagsPerEvent)
    await served.writer.idle()
    expect(served.errors).toEqual([])
    expect([...served.relay.store.databases.byTag.getKeys({ limit: 1 })]).toEqual([])
  }

  it('by a vanish', async () => {
    await storeHeavy()
    const removed = watch()
    const request = alice.sign({ kind: 62, created_at: later, tags: [['relay', 'ALL_RELAYS']] })
    client.send('EVENT', request)
    await expectOneByOne(removed)
    expect(ids()).toEqual([request.id])
    expect(served.metrics.removed).toBe(manyEvents)
  })

  it('by their author’s deletion, which is answered and delivered after the last', async () => {
    const events = await storeHeavy()
    const reader = await served.connect()
    reader.send('REQ', 'x', { kinds: [5] })
    await reader.next()
    const removed = watch()
    const deletion = deletionOf(events)
    client.send('EVENT', deletion)
    client.send('EVENT', deletion)
    await until(() => removed.length > 0)
    expect(await placeOfOther(removed)).toBeLessThan(manyEvents)
    expect([await client.next(), await client.next()]).toEqual([
      ['OK', deletion.id, true, ''],
      ['OK', deletion.id, true, expect.stringMatching(/^duplicate: /)],
    ])
    expect(removed).toEqual(Array.from({ length: manyEvents }, () => tagsPerEvent))
    expect(await reader.next()).toEqual(['EVENT', 'x', deletion])
    expect(ids()).toEqual([deletion.id])
  })

  it('by an operator', async () => {
    await storeHeavy()
    const removed = watch()
    const { store } = served.relay
    const remover = { store, writer: served.writer, isProtected: () => false, now: () => startTime }
    const removing = removeEvents({ ...filterOf({}), limit: 1_000 }, remover)
    await expectOneByOne(removed)
    expect(await removing).toEqual({ removed: manyEvents, protected: 0 })
  })

  it('by their expiry', async () => {
    await served.close()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    served = await serveRelay()
    const expiring = [['expiration', String(later)]]
    await storeHeavy(expiring)
    // Small enough to be at hand in memory.
    await storeMany(served, 1, () => ({ tags: expiring }))
    const lastSeq = manyEvents + 1
    expect(served.relay.store.record(lastSeq) !== undefined).toBe(true)
    const removed = watch()
    served.time = later
    vi.advanceTimersByTime(10_000)
    await expectOneByOne(removed)
    expect(served.metrics.expired).toBe(manyEvents + 1)
    expect(ids()).toEqual([])
    expect(served.relay.store.record(lastSeq) === undefined).toBe(true)
  })
})

describe('a deletion that fails in the middle', () => {
  it('is neither stored nor acknowledged nor delivered, and goes on when it is sent again', async () => {
    const events = await storeHeavy()
    const reader = await served.connect()
    reader.send('REQ', 'x', { kinds: [5] })
    await reader.next()
    let rowsLeft = 3 * tagsPerEvent + 100
    const removed = watch(() => {
      if (rowsLeft-- <= 0) throw new Error('a broken disk')
    })
    const deletion = deletionOf(events)
    expect(await client.publish(deletion)).toEqual([false, expect.stringMatching(/^error: /)])
    expect(ids().sort()).toEqual(
      events
        .slice(3)
        .map(({ id }) => id)
        .sort(),
    )
    expect(removed).toHaveLength(3)
    // What was deleted stays so, since its author wanted that.
    const outcome = new Promise(done => served.relay.submit(bob.sign({ kind: 1 }), imported, done))
    expect(await outcome).toMatchObject({ accepted: true })
    rowsLeft = Number.POSITIVE_INFINITY
    expect(await client.publish(deletion)).toEqual([true, ''])
    expect(served.relay.find({ authors: [alice.pubkey] })).toEqual([deletion])
    expect(await reader.next()).toEqual(['EVENT', 'x', deletion])
    await turn()
    expect(reader.unread).toEqual([])
  })
})

import type { RootDatabase } from 'lmdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWriterMetrics, type WriterMetrics } from '../../../relay/metrics/metrics.ts'
import { relayDatabaseNames } from '../../../relay/store/databases.ts'
import { pendingWrites, type Rows } from '../../../relay/store/pending-writes.ts'
import { createWriter, type Outcome, type Task, type Writer } from '../../../relay/store/writer.ts'
import { openTemporaryRoot } from '../open-temporary.ts'

type Temporary = ReturnType<typeof openTemporaryRoot>
let temporary: Temporary
let database: Rows
let errors: unknown[]
let timeMs: number
let writer: Writer
/** Names in the order in which their tasks ran, and were done. */
let ran: string[]
let done: string[]
let outcomes: Map<string, Outcome<unknown>>

beforeEach(() => {
  temporary = openTemporaryRoot({ isFlushed: true })
  errors = []
  ran = []
  done = []
  outcomes = new Map()
  timeMs = 0
  openWriter(temporary.root)
})
afterEach(async () => {
  await writer.close()
  await temporary.close()
})

function openWriter(root: RootDatabase, options: { stuckMs?: number; metrics?: WriterMetrics } = {}): void {
  database = pendingWrites(root).open('rows')
  writer = createWriter({ root, ...options, nowMs: () => timeMs, onError: error => void errors.push(error) })
}

type Made = Partial<Task<string>> & { ms?: number; fails?: boolean; before?: () => void }

/** Submits a task that writes its name, takes `ms` and then throws if it is to. */
function task(name: string, { ms = 0, fails = false, before, ...rest }: Made = {}): void {
  writer.submit({
    lane: 'events',
    run: () => {
      before?.()
      ran.push(name)
      timeMs += ms
      database.putSync(Buffer.from(name), Buffer.from(name))
      if (fails) throw new Error(`${name} failed`)
      return name
    },
    done: outcome => {
      done.push(name)
      outcomes.set(name, outcome)
    },
    ...rest,
  })
}

const rows = () => [...database.getKeys({})].map(String)

describe('the writer', () => {
  it('runs tasks in order, those of the first lane before others, and answers in that order', async () => {
    for (const name of ['a', 'b']) task(name)
    for (const name of ['c', 'd']) task(name, { lane: 'first' })
    expect(writer.queued()).toBe(4)
    await writer.idle()
    expect(ran).toEqual(['c', 'd', 'a', 'b'])
    expect(done).toEqual(ran)
    expect(rows()).toEqual(['a', 'b', 'c', 'd'])
    expect([...outcomes.values()]).toEqual(ran.map(value => ({ ok: true, value })))
  })

  it('ends a slice after 2 ms of work, so that a later task of the first lane does not wait', async () => {
    task('a', { ms: 1, before: () => task('z', { lane: 'first' }) })
    for (const name of ['b', 'c']) task(name, { ms: 1 })
    await writer.idle()
    expect(ran).toEqual(['a', 'b', 'z', 'c'])
    expect(rows()).toEqual(['a', 'b', 'c', 'z'])
  })

  it('runs several slices in one transaction, each on a turn of its own, and shows nothing of it between them', async () => {
    const { root } = temporary
    const transactions = () => (root.getStats() as { lastTxnId: number }).lastTxnId
    let turn = 0
    const seen = new Set<number>()
    const look = () => {
      turn++
      seen.add(rows().length)
      if (done.length < 41) setImmediate(look)
    }
    const tasksOfTurn = new Map<number, number>()
    const count = () => void tasksOfTurn.set(turn, (tasksOfTurn.get(turn) ?? 0) + 1)
    // The others wait while the first transaction, which has but one slice, is under way.
    task('first', { ms: 5 })
    for (let index = 0; index < 40; index++) task(`t${index}`, { ms: 1, before: count })
    const before = transactions()
    look()
    await writer.idle()
    expect(Math.max(...tasksOfTurn.values())).toBe(2)
    expect(tasksOfTurn.size).toBeGreaterThan(transactions() - before)
    expect(seen.size).toBeLessThanOrEqual(1 + transactions() - before)
    expect(rows()).toHaveLength(41)
  })

  it.each([
    ['half of many makes a transaction, while the rest runs', 40, 20],
    ['few make one together', 14, 14],
  ])('%s', async (_what, tasks, first) => {
    const metrics = createWriterMetrics()
    const sizes: unknown[] = []
    metrics.tasks.observe = size => void sizes.push(size)
    openWriter(temporary.root, { metrics })
    for (let index = 0; index < tasks; index++) task(`t${index}`, { lane: 'first', ms: 1 })
    await writer.idle()
    expect(sizes[0]).toBe(first)
    expect(rows()).toHaveLength(tasks)
  })

  it('fails a transaction that was committed after one whose flush failed', async () => {
    const { root } = temporary
    const failure = new Error('the disk is gone')
    let flushes = 0
    const gated = new Proxy(root, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'flushed') return typeof value === 'function' ? value.bind(target) : value
        flushes++
        // The first fails late, while the second is under way; the second itself is well.
        return flushes === 1 ? new Promise((_resolve, reject) => setTimeout(() => reject(failure), 30)) : laterFlush
      },
    })
    let flushLater: () => void = () => undefined
    const laterFlush = new Promise<void>(resolve => {
      flushLater = resolve
    })
    openWriter(gated)
    task('a')
    while (rows().length === 0) await new Promise(setImmediate)
    // Fewer would wait for the flush.
    for (let index = 0; index < 8; index++) task(`b${index}`)
    while (rows().length === 1) await new Promise(setImmediate)
    while (!writer.isBroken()) await new Promise(setImmediate)
    flushLater()
    await writer.idle()
    expect(outcomes.get('a')).toEqual({ ok: false, error: failure })
    expect(outcomes.size).toBe(9)
    expect([...outcomes.values()].every(({ ok }) => !ok)).toBe(true)
  })

  it('ends a transaction after 1,000 tasks, and each slice has a turn of its own', async () => {
    const turns = new Map<number, number>()
    let turn = 0
    const count = () => {
      turn++
      if (done.length < 2_500) setImmediate(count)
    }
    count()
    const before = () => void turns.set(turn, (turns.get(turn) ?? 0) + 1)
    for (let index = 0; index < 2_500; index++) task(`t${index}`, { before })
    await writer.idle()
    expect([...turns.values()].every(tasks => tasks <= 1_000)).toBe(true)
    expect(turns.size).toBeGreaterThanOrEqual(3)
    expect(rows()).toHaveLength(2_500)
  })

  it('has any task that throws fail alone, leave nothing, and be answered in its place', async () => {
    task('a')
    task('f', { lane: 'first' })
    task('b', { fails: true })
    task('c')
    task('d', { fails: true })
    await writer.idle()
    await writer.idle()
    expect(rows()).toEqual(['a', 'c', 'f'])
    expect(done).toEqual(['f', 'a', 'b', 'c', 'd'])
    for (const name of ['a', 'c', 'f']) expect(outcomes.get(name)).toEqual({ ok: true, value: name })
    for (const name of ['b', 'd']) expect(outcomes.get(name)).toEqual({ ok: false, error: new Error(`${name} failed`) })
  })

  it.each([
    ['answers after the flush and not before', null],
    ['fails what could not be flushed', new Error('the disk is gone')],
  ])('%s', async (_case, failure) => {
    let flush: () => void = () => undefined
    const flushed = new Promise<void>((resolve, reject) => {
      flush = () => (failure === null ? resolve() : reject(failure))
    })
    const gated = new Proxy(temporary.root, {
      get: (root, name) => {
        const value: unknown = Reflect.get(root, name)
        if (name === 'flushed') return flushed
        return typeof value === 'function' ? value.bind(root) : value
      },
    })
    openWriter(gated)
    task('a')
    await temporary.root.committed
    while (rows().length === 0) await new Promise(setImmediate)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(done).toEqual([])
    flush()
    await writer.idle()
    expect(outcomes.get('a')).toEqual(failure === null ? { ok: true, value: 'a' } : { ok: false, error: failure })
    expect(errors).toEqual(failure === null ? [] : [failure])
  })

  it('shows a task what those before it have written, whether it is committed or not', async () => {
    let seen: string | undefined
    const look = () => {
      seen = [...database.getKeys({})].map(String).join('')
    }
    task('a')
    task('b')
    task('c', { before: look })
    await writer.idle()
    expect(seen).toBe('ab')
  })

  it('runs again what ran on a transaction that failed, once what that would have left is forgotten', async () => {
    const { root } = temporary
    const { batch } = root
    const failure = new Error('no room')
    let failNow: () => void = () => undefined
    root.batch = () => {
      root.batch = batch
      return new Promise((_resolve, reject) => {
        failNow = () => reject(failure)
      })
    }
    const seen: string[] = []
    const look = () => void seen.push([...database.getKeys({})].map(String).join(''))
    task('a')
    while (ran.length < 1) await new Promise(setImmediate)
    task('b', { lane: 'first', before: look })
    task('c', { before: look })
    while (ran.length < 3) await new Promise(setImmediate)
    failNow()
    await writer.idle()
    expect(seen).toEqual(['a', 'ab', '', 'b'])
    expect(ran).toEqual(['a', 'b', 'c', 'b', 'c'])
    expect(done).toEqual(['a', 'b', 'c'])
    expect(outcomes.get('a')).toEqual({ ok: false, error: failure })
    expect(outcomes.get('c')).toEqual({ ok: true, value: 'c' })
    expect(rows()).toEqual(['b', 'c'])
    expect(writer.isBroken()).toBe(false)
  })

  it('leaves nothing of a task that submits others and then throws, however full its transaction is', async () => {
    for (let index = 0; index < 1_000; index++) {
      const before = () => {
        database.putSync(Buffer.from('half'), Buffer.from('half'))
        if (index === 999) task('late')
      }
      task(`t${index}`, { ms: index < 960 ? 0 : 1, fails: index >= 960, before })
    }
    await writer.idle()
    await writer.idle()
    expect(outcomes.get('late')).toMatchObject({ ok: true })
    expect(rows()).toHaveLength(960 + 2)
    expect(rows().filter(name => Number(name.slice(1)) >= 960)).toEqual([])
  })

  it('tells everybody, and ends, when a commit does not', async () => {
    const { root } = temporary
    const { batch } = root
    root.batch = () => new Promise(() => undefined)
    openWriter(root, { stuckMs: 20 })
    task('a')
    while (ran.length < 1) await new Promise(setImmediate)
    task('b')
    await writer.close()
    root.batch = batch
    expect(done).toEqual(['a', 'b'])
    expect([...outcomes.values()].every(({ ok }) => !ok)).toBe(true)
    expect(writer.isBroken()).toBe(true)
  })

  it('writes nothing more when what was durable is gone', async () => {
    task('a')
    await writer.idle()
    // As when the next transaction has been begun from what was before it.
    pendingWrites(temporary.root).open(relayDatabaseNames.writer).removeSync(Buffer.from('transaction-2'))
    task('b')
    task('c')
    await writer.idle()
    task('d')
    await writer.idle()
    expect(outcomes.get('a')).toEqual({ ok: true, value: 'a' })
    expect(['b', 'c', 'd'].map(name => outcomes.get(name)?.ok)).toEqual([false, false, false])
    expect(writer.isBroken()).toBe(true)
    expect(String(errors[0])).toContain('another program has opened the data')
  })

  it.each([1, 8])('sees what is gone before another transaction hides it: %i tasks', async count => {
    const { root } = temporary
    let flush: () => void = () => undefined
    const late = new Promise<void>(resolve => {
      flush = resolve
    })
    let flushes = 0
    const gated = new Proxy(root, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (name === 'flushed') return ++flushes === 2 ? late : value
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    openWriter(gated)
    task('a')
    await writer.idle()
    pendingWrites(gated).open(relayDatabaseNames.writer).removeSync(Buffer.from('transaction-2'))
    task('b')
    while (rows().length === 1) await new Promise(setImmediate)
    // One would wait for the flush, and eight would write where the number was.
    for (let index = 0; index < count; index++) task(`c${index}`)
    for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate)
    flush()
    await writer.idle()
    expect(rows()).toEqual(['a', 'b'])
    expect([...outcomes.values()].filter(({ ok }) => ok)).toEqual([{ ok: true, value: 'a' }])
    expect(writer.isBroken()).toBe(true)
  })

  it('reports an answer that throws and gives the others', async () => {
    task('a', {
      done: () => {
        throw new Error('the answer failed')
      },
    })
    task('b')
    await writer.idle()
    expect(done).toEqual(['b'])
    expect(errors).toEqual([new Error('the answer failed')])
  })

  it('takes tasks from an answer', async () => {
    task('a', { done: () => task('b') })
    await writer.idle()
    await writer.idle()
    expect(rows()).toEqual(['a', 'b'])
  })

  it('finishes what is queued when it closes, and fails what comes later', async () => {
    for (const name of ['a', 'b', 'c']) task(name, { ms: 5 })
    const closed = writer.close()
    task('late')
    await closed
    await Promise.resolve()
    expect(rows()).toEqual(['a', 'b', 'c'])
    expect(outcomes.get('late')).toEqual({ ok: false, error: new Error('the writer is closed') })
    expect(writer.queued()).toBe(0)
  })

  it('is idle at once when it has nothing to do', async () => {
    await writer.idle()
    await writer.close()
    expect(done).toEqual([])
  })

  it('fails all tasks, once, when no transaction can begin', async () => {
    await temporary.root.close()
    task('a')
    task('b', { lane: 'first' })
    await writer.idle()
    expect(done.sort()).toEqual(['a', 'b'])
    expect([...outcomes.values()].every(({ ok }) => !ok)).toBe(true)
    expect(errors.length).toBeLessThanOrEqual(2)
    temporary = openTemporaryRoot()
  })
})

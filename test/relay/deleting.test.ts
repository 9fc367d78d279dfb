import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDeleting, type Deleted } from '../../relay/deleting.ts'
import type { NostrEvent } from '../../relay/event.ts'
import { ownWireEvent } from '../../relay/signatures/wire-event.ts'
import { prepare } from '../../relay/store/prepared.ts'
import { rowsPerTask } from '../../relay/store/rows-per-task.ts'
import type { Outcome, Task, Writer } from '../../relay/store/writer.ts'
import { author, startTime } from './authors.ts'
import { find } from './find.ts'
import { openTemporaryStore, type TemporaryStore } from './open-temporary.ts'

const [alice, bob] = [author(1), author(2)]
const later = startTime + 10
const deleting = (tags: string[][], created_at = later) => alice.sign({ kind: 5, created_at, tags })
const targets = (count: number) =>
  Array.from({ length: count }, (_, index) => ['e', (index + 1).toString(16).padStart(64, '0')])

let temporary: TemporaryStore
/** Tasks that the writer has not come to. */
let tasks: Task<unknown>[]
let outcomes: Outcome<Deleted>[]
let bar: string | null
beforeEach(() => {
  temporary = openTemporaryStore()
  tasks = []
  outcomes = []
  bar = null
})
afterEach(() => temporary.close())

const submit = (event: NostrEvent) => {
  const writer = { submit: (task: Task<unknown>) => void tasks.push(task) } as unknown as Writer
  const { store } = temporary
  const deleteAll = createDeleting({ store, writer, isProtected: () => false, barred: () => bar })
  deleteAll(prepare(ownWireEvent(event), store.searchedKinds()), outcome => outcomes.push(outcome))
}
/** Runs the next task; says how many rows it wrote into `deletions`, and how many into `ids`. */
const run = (): [tombstones: number, events: number] => {
  const { deletions, ids } = temporary.store.databases
  const before = [deletions.getKeysCount({}), ids.getKeysCount({})] as const
  const task = tasks.shift()
  task?.done({ ok: true, value: temporary.root.transactionSync(task.run) })
  return [deletions.getKeysCount({}) - before[0], ids.getKeysCount({}) - before[1]]
}
const statuses = () => outcomes.map(outcome => (outcome.ok ? outcome.value.status : outcome.error))

describe('a deletion request', () => {
  it('of a few events takes one task', () => {
    submit(deleting(targets(20)))
    expect(run()).toEqual([20, 1])
    expect(statuses()).toEqual(['stored'])
    expect(tasks).toEqual([])
  })

  it('of many events that are still to come takes several, the last for what it has itself', () => {
    submit(deleting([...targets(2 * rowsPerTask), ['k', '1'], ['a', `0:${alice.pubkey}:`]]))
    expect([run(), run(), run()]).toEqual([
      [rowsPerTask, 0],
      [rowsPerTask, 0],
      [1, 0],
    ])
    expect(statuses()).toEqual([])
    expect(run()).toEqual([0, 1])
    expect(statuses()).toEqual(['stored'])
  })

  it('of others’ events costs as much as it has to look at', () => {
    const theirs = bob.sign()
    temporary.put(theirs)
    submit(deleting(Array.from({ length: rowsPerTask + 1 }, () => ['e', theirs.id])))
    expect([run(), run(), run()].map(([, events]) => events)).toEqual([0, 0, 1])
    expect(find(temporary.store, { ids: [theirs.id] })).toEqual([theirs])
  })

  it('reaches what comes between its tasks, whether it has been at it or not', () => {
    const [first, last] = [alice.sign({ content: 'first' }), alice.sign({ content: 'last' })]
    submit(deleting([['e', first.id], ...targets(rowsPerTask), ['e', last.id]]))
    run()
    expect([temporary.put(first), temporary.put(last)]).toEqual(['deleted', 'stored'])
    while (tasks.length > 0) run()
    expect(find(temporary.store, { kinds: [1] })).toEqual([])
    expect(statuses()).toEqual(['stored'])
  })

  it('that is refused deletes nothing', () => {
    const note = alice.sign({ created_at: later + 2 })
    const request = deleting([['e', note.id]])
    temporary.put(note)
    temporary.root.transactionSync(() => temporary.store.vanished.add(Buffer.from(alice.pubkey, 'hex'), later))
    submit(request)
    expect(run()).toEqual([0, 0])
    expect(statuses()).toEqual(['vanished'])
    expect(find(temporary.store, {})).toEqual([note])
  })

  it('that is here already deletes nothing', () => {
    const wrapped = bob.sign({ kind: 1_059, tags: [['p', alice.pubkey]] })
    const request = deleting([['e', wrapped.id]])
    temporary.root.transactionSync(() => temporary.store.put(request))
    temporary.put(wrapped)
    submit(request)
    expect(run()).toEqual([0, 0])
    expect(statuses()).toEqual(['duplicate'])
    expect(find(temporary.store, { kinds: [1_059] })).toEqual([wrapped])
  })

  it.each<[string, () => void, string]>([
    ['vanishes', () => temporary.store.vanished.add(Buffer.from(alice.pubkey, 'hex'), later), 'vanished'],
    [
      'is banned',
      () => {
        bar = 'blocked: by an operator'
      },
      'barred',
    ],
  ])('is not stored when its author %s between its tasks', (_case, happens, status) => {
    submit(deleting(targets(3 * rowsPerTask)))
    run()
    temporary.root.transactionSync(happens)
    while (tasks.length > 0) run()
    expect(statuses()).toEqual([status])
    expect(find(temporary.store, {})).toEqual([])
  })

  it('ends with the first task that fails', () => {
    submit(deleting(targets(3 * rowsPerTask)))
    run()
    const failure = new Error('a broken disk')
    tasks.shift()?.done({ ok: false, error: failure })
    expect(statuses()).toEqual([failure])
    expect(tasks).toEqual([])
  })

  it('has what is removed forgotten as soon as that is durable', () => {
    const note = alice.sign()
    temporary.put(note)
    const { store } = temporary
    const seq = store.seqOf(Buffer.from(note.id, 'hex')) ?? 0
    submit(deleting([['e', note.id], ...targets(2 * rowsPerTask)]))
    run()
    expect(statuses()).toEqual([])
    expect(store.record(seq) === undefined).toBe(true)
  })
})

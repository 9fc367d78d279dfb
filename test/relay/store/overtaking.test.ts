import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NostrEvent, VerifiedEvent } from '../../../relay/event.ts'
import { createFairShare } from '../../../relay/fair-share.ts'
import { createIngester, type Ingester } from '../../../relay/ingest.ts'
import { defaultLimits } from '../../../relay/limits.ts'
import { createManaged, type Managed } from '../../../relay/management/managed.ts'
import { createManagedRules } from '../../../relay/management/managed-rules.ts'
import { createRelayMetrics } from '../../../relay/metrics/metrics.ts'
import { openHost } from '../../../relay/open-host.ts'
import type { WireEvent } from '../../../relay/signatures/wire-event.ts'
import type { Removals } from '../../../relay/store/removals.ts'
import type { Task, Writer } from '../../../relay/store/writer.ts'
import { createSubscriptions } from '../../../relay/subscriptions.ts'
import { createVanishing } from '../../../relay/vanish.ts'
import { author, startTime } from '../authors.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

const [alice, sender] = [author(1), author(2)]

let temporary: TemporaryStore
let removals: Removals
let ingester: Ingester
let managed: Managed
/** Tasks that the writer has not come to. */
let tasks: Task<unknown>[]

beforeEach(() => {
  temporary = openTemporaryStore()
  const { store } = temporary
  removals = store.removals
  tasks = []
  const writer: Writer = {
    submit: task => void tasks.push(task as Task<unknown>),
    queued: () => 0,
    isBroken: () => false,
    idle: async () => undefined,
    close: async () => undefined,
  }
  managed = createManaged(store.databases.management, writer)
  const room = createFairShare(100)
  ingester = createIngester({
    store,
    barred: createManagedRules(managed).barred,
    subscriptions: createSubscriptions({ room, onError: rethrow, nowMs: () => 0 }),
    room,
    writer,
    verifier: {
      pending: () => 0,
      verify: (wire, done) => done(wire as WireEvent<VerifiedEvent>),
      close: async () => undefined,
    },
    host: openHost,
    limits: defaultLimits,
    vanishing: createVanishing({ vanished: store.vanished, removals, urls: [] }),
    onVanish: () => undefined,
    metrics: createRelayMetrics(),
    now: () => startTime,
    onError: error => {
      throw error
    },
  })
})
afterEach(() => temporary.close())

const submit = (event: NostrEvent) =>
  ingester.submit(event, { source: 'client', ip: '', authenticated: new Set() }, () => undefined)
const runAll = () => {
  for (let task = tasks.shift(); task; task = tasks.shift()) {
    const { run, done } = task
    done({ ok: true, value: temporary.root.transactionSync(run) })
  }
  temporary.root.transactionSync(() => {
    while (removals.step() !== null);
  })
}
const storedKinds = () => {
  const { events } = temporary.store.databases
  return [...events.getRange({})].map(({ value }) => value.readUInt16BE(0))
}

const note = alice.sign()
const wrap = sender.sign({ kind: 1_059, tags: [['p', alice.pubkey]] })
const vanish = alice.sign({ kind: 62, tags: [['relay', 'ALL_RELAYS']] })

it.each([
  ['a request to vanish', vanish, note, 62],
  ['a request of the recipient to vanish', vanish, wrap, 62],
  ['a deletion', alice.sign({ kind: 5, tags: [['e', note.id]] }), note, 5],
  ['a deletion by the recipient', alice.sign({ kind: 5, tags: [['e', wrap.id]] }), wrap, 5],
])('%s reaches what was sent before it, and what comes while it is under way', (_case, request, event, kind) => {
  submit(event)
  submit(request)
  runAll()
  expect(storedKinds()).toEqual([kind])
  submit(event)
  runAll()
  expect(storedKinds()).toEqual([kind])
})

it.each([
  ['a request to vanish', vanish, note, 62],
  ['a request of the recipient to vanish', vanish, wrap, 62],
  ['a deletion', alice.sign({ kind: 5, tags: [['e', note.id]] }), note, 5],
  ['a deletion by the recipient', alice.sign({ kind: 5, tags: [['e', wrap.id]] }), wrap, 5],
])('%s is not overtaken by what is sent after it', (_case, request, event, kind) => {
  submit(request)
  submit(event)
  runAll()
  expect(storedKinds()).toEqual([kind])
})

it('a ban reaches what was sent before it, and what is sent after it', async () => {
  submit(note)
  const made = managed.change([{ list: 'banned-keys', subject: alice.pubkey, note: '' }], () =>
    removals.request('ban', Buffer.from(alice.pubkey, 'hex'), startTime),
  )
  // It is in force as soon as it is under way.
  await Promise.resolve()
  submit(alice.sign({ content: 'after' }))
  runAll()
  await made
  submit(alice.sign({ content: 'later' }))
  runAll()
  expect(storedKinds()).toEqual([])
})

function rethrow(error: unknown): never {
  throw error
}

import { indexKey, kindPrefix, seqOfKey } from '../store/keys.ts'
import type { Rows } from '../store/pending-writes.ts'
import { recordCreatedAt, recordEvent, recordId } from '../store/record.ts'
import type { EventStore } from '../store/store.ts'
import type { Writer } from '../store/writer.ts'
import { searchRows } from './searched-text.ts'

/** What `relay.words` is made of, or being made of; it is kept there itself, before all rows. */
type State = {
  readonly version: number
  readonly kinds: readonly number[]
  /** Before `filled`, former rows are taken out, and then those of events that were here before are put in. */
  readonly phase: 'clearing' | 'filling' | 'filled'
  /** Filling has come to here: the last key done in `by-kind`, as hex. */
  readonly after: string
}

/** To be raised when words are told apart in another way: rows made before would not be found. */
const version = 2

const stateKey = Buffer.alloc(1)
const firstRow = Buffer.from([1])
const nothing = Buffer.alloc(0)

/** So much takes a few milliseconds of a transaction. */
const rowsAtOnce = 500
const eventsAtOnce = 100
const pauseMs = 5
const retryMs = 60_000

/** The kinds whose words are indexed in this database, whoever opens it. */
export function indexedKinds(words: Rows): ReadonlySet<number> {
  return new Set(readState(words)?.kinds)
}

/** Whether everything stored is in the index, and not only what has come since it was begun. */
export function isIndexFilled(words: Rows): boolean {
  return readState(words)?.phase === 'filled'
}

/** An index that is brought up to what it should be of. */
export type Indexing = {
  /** Resolves when it is, or when it was stopped. */
  readonly done: Promise<void>
  isUnderWay(): boolean
  stop(): void
}

/**
 * Makes the index of words be of these kinds, in the background: when it was of others, or of none, it is emptied and
 * filled again from what is stored, in small transactions, and goes on where it was when the relay is started again.
 */
export function startIndexing(options: {
  store: EventStore
  writer: Writer
  kinds: readonly number[]
  onError(error: unknown): void
}): Indexing {
  const { store, writer, onError } = options
  const kinds = [...new Set(options.kinds)].sort((a, b) => a - b)
  store.searchKinds(kinds)
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let isUnderWay = true
  let resolveDone = () => {}
  const done = new Promise<void>(resolve => {
    resolveDone = resolve
  })
  const finish = () => {
    isUnderWay = false
    resolveDone()
  }

  const step = () => {
    writer.submit({
      lane: 'events',
      run: () => proceed(store, kinds),
      done: outcome => {
        if (isStopped) return
        if (!outcome.ok) onError(outcome.error)
        if (outcome.ok ? outcome.value.phase === 'filled' : writer.isBroken()) return finish()
        timer = setTimeout(step, outcome.ok ? pauseMs : retryMs)
        timer.unref()
      },
    })
  }

  if (isFilledWith(readState(store.databases.words), kinds)) finish()
  else step()
  return {
    done,
    isUnderWay: () => isUnderWay,
    stop: () => {
      isStopped = true
      clearTimeout(timer)
      finish()
    },
  }
}

/** Does the next part of the work. */
function proceed(store: EventStore, kinds: readonly number[]): State {
  const { words } = store.databases
  const former = readState(words)
  const state: State = isOf(former, kinds) ? former : { version, kinds, phase: 'clearing', after: '' }
  const next = state.phase === 'clearing' ? clearSome(words, state) : fillSome(store, state)
  words.putSync(stateKey, Buffer.from(JSON.stringify(next)))
  return next
}

function clearSome(words: Rows, state: State): State {
  const keys = [...words.getKeys({ start: firstRow, limit: rowsAtOnce })].map(key => Buffer.from(key))
  for (const key of keys) words.removeSync(key)
  if (keys.length === rowsAtOnce) return state
  return { ...state, phase: state.kinds.length === 0 ? 'filled' : 'filling' }
}

/** What comes meanwhile is indexed as it comes, and at most written twice. */
function fillSome(store: EventStore, state: State): State {
  const { byKind, words } = store.databases
  let after = Buffer.from(state.after, 'hex')
  let rows = 0
  for (const kind of state.kinds) {
    const prefix = kindPrefix(kind)
    // The last key of a kind is longer than its prefix, and so behind it.
    if (after.length > 0 && after.compare(prefix) > 0 && !after.subarray(0, 2).equals(prefix)) continue
    const start = after.subarray(0, 2).equals(prefix) ? after : prefix
    const end = Buffer.concat([prefix, Buffer.alloc(32, 0xff)])
    const keys = [...byKind.getKeys({ start, end, exclusiveStart: true, limit: eventsAtOnce })]
    for (const key of keys.map(key => Buffer.from(key))) {
      const record = store.record(seqOfKey(key))
      after = key
      if (record === undefined) continue
      const [createdAt, id] = [recordCreatedAt(record), recordId(record)]
      for (const row of searchRows(recordEvent(record))) {
        words.putSync(indexKey(row, createdAt, id, seqOfKey(key)), nothing)
        rows++
      }
      if (rows >= rowsAtOnce) return { ...state, after: after.toString('hex') }
    }
    if (keys.length === eventsAtOnce) return { ...state, after: after.toString('hex') }
  }
  return { ...state, phase: 'filled', after: '' }
}

function readState(words: Rows): State | undefined {
  const value = words.get(stateKey)
  return value === undefined ? undefined : (JSON.parse(value.toString()) as State)
}

function isOf(state: State | undefined, kinds: readonly number[]): state is State {
  return state?.version === version && state.kinds.join() === kinds.join()
}

/** Where nothing was ever indexed and nothing is to be, nothing is missing. */
function isFilledWith(state: State | undefined, kinds: readonly number[]): boolean {
  if (state === undefined) return kinds.length === 0
  return isOf(state, kinds) && state.phase === 'filled'
}

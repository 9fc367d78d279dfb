import { setTimeout as delay } from 'node:timers/promises'
import type { IsProtected } from '../host.ts'
import { createPace } from '../pace.ts'
import type { Filter } from '../query/filter.ts'
import { openScan } from '../query/query.ts'
import { protectable, recordId } from './record.ts'
import { rowsPerTask } from './rows-per-task.ts'
import type { EventStore } from './store.ts'
import type { Outcome, Writer } from './writer.ts'

/** What came of a removal. */
export type Removed = {
  readonly removed: number
  /** What the filter asks for as well, but may not be removed. */
  readonly protected: number
}

/** What is needed to remove events beside whatever else goes on. */
export type Remover = {
  readonly store: EventStore
  readonly writer: Writer
  readonly isProtected: IsProtected
  now(): number
}

/** Of a turn of the event loop. */
const turnMs = 2
/** Looked for before they are removed, by one task or, if they have many rows, by several. */
const batchSize = 50
/** Batches; a transaction takes tasks of several, since its flush costs more than they do. */
const maxUnderWay = 8
/** With more than this in the writer's queue, others go first. */
const maxQueued = 100
const restMs = 5

/**
 * Removes what a filter asks for, a few in each task of the writer, as an operator may: it can come again, and nothing is
 * remembered. What is protected stays. With `dryRun` it only counts. Throws when the storage fails.
 */
export async function removeEvents(
  filter: Filter,
  { store, writer, isProtected, now }: Remover,
  options: { dryRun?: boolean; signal?: AbortSignal; progress?(removed: Removed): void } = {},
): Promise<Removed> {
  const { dryRun = false, signal, progress } = options
  const isOver = createPace(turnMs)
  const count = { removed: 0, protected: 0 }
  const underWay: Promise<void>[] = []
  let ids: Buffer[] = []

  const removeAll = async (batch: readonly Buffer[]): Promise<void> => {
    let next = 0
    do {
      while (writer.queued() > maxQueued && !signal?.aborted) await delay(restMs)
      const part = await inTransaction(writer, () => removeSome(store, batch, next))
      next = part.next
      // Only now: others have counted meanwhile.
      count.removed += part.removed
      store.forgetRemoved()
      progress?.(count)
    } while (next < batch.length && !signal?.aborted)
  }

  /** Resolves when more may be looked for. */
  const begin = async (): Promise<void> => {
    const removing = removeAll(ids)
    ids = []
    // Its failure is for whoever waits for it below.
    removing.catch(() => undefined)
    underWay.push(removing)
    if (underWay.length >= maxUnderWay) await underWay.shift()
  }

  const scan = openScan(store, filter, { now: now(), latest: store.latestSeq(), visible: () => true, seen: null })
  while (!signal?.aborted) {
    if (isOver()) await new Promise(setImmediate)
    const record = scan.next(isOver)
    if (record === null) break
    if (record === undefined) continue
    if (isProtected(protectable(record))) count.protected++
    else if (dryRun) count.removed++
    else if (ids.push(recordId(record)) === batchSize) await begin()
  }
  if (ids.length > 0 && !signal?.aborted) await begin()
  await Promise.all(underWay)
  return count
}

/** Removes those that are still there, from one on: at least one, and more up to about so many rows. */
function removeSome(store: EventStore, ids: readonly Buffer[], from: number): { removed: number; next: number } {
  let [removed, rows, next] = [0, 0, from]
  for (const id of ids.slice(from)) {
    if (rows >= rowsPerTask) break
    next++
    const seq = store.seqOf(id)
    if (seq === undefined) continue
    rows += store.remove(seq)
    removed++
  }
  return { removed, next }
}

function inTransaction<T>(writer: Writer, run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (outcome: Outcome<T>) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error))
    writer.submit({ lane: 'events', run, done })
  })
}

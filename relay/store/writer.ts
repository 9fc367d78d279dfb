import type { RootDatabase } from 'lmdb'
import { createWriterMetrics, type WriterMetrics } from '../metrics/metrics.ts'
import { createPacedQueue } from '../paced-queue.ts'
import { causeOf, createCommits, maxCommits } from './commits.ts'
import { pendingWrites } from './pending-writes.ts'
import { openGate, type WriteGate } from './write-gate.ts'

/** Something to do in the writer's next transaction. `done` is called once, when its outcome is durable or known to have failed. */
export type Task<T> = {
  /** Tasks of `first` (commands, facts) run before all of `events`. */
  readonly lane: 'first' | 'events'
  /** Is called again when a transaction fails that it does not belong to, but stands on: what the first call wrote is undone. */
  run(): T
  done(outcome: Outcome<T>): void
}

/** What became of a task. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }

/** The one writer of an environment: group commit, in slices that leave others their turn. */
export type Writer = {
  submit<T>(task: Task<T>): void
  /** How many tasks wait. */
  queued(): number
  /**
   * Whether a transaction became visible that could not be made durable. What the disk holds is then unknown (a kernel may
   * count pages as clean whose sync failed), so nothing more is written until the process is started again. So it is, too,
   * when one that was durable is gone.
   */
  isBroken(): boolean
  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void>
  /** Finishes what is queued; what comes later fails. */
  close(): Promise<void>
}

/** A slice ends after so much work, so that reads are never late by more. */
const sliceMs = 2
/** Of one transaction: a commit costs as much as several commands, so many slices share one; larger ones leave a long free list. */
const maxTasks = 1_000
const maxSlices = 40
/** They are handed over on one turn, which takes about a microsecond for each. */
const maxRows = 5_000
/** Under load events wait for others, since a transaction writes the same upper pages for one as for fifty. */
const gatherMs = 15
/** So many in one transaction are a load: one client that waits for each OK need not wait longer. */
const loadTasks = 4
/** Of telling what came of tasks, on one turn. */
const settleMs = 1

const afterFault = 'the disk failed, nothing more is written'
const afterLoss = 'what was on disk is gone: another program has opened the data meanwhile; nothing more is written'
/** For fewer tasks it is cheaper to wait for the flush and let more of them share a transaction, and hardly slower. */
const worthOverlap = 8
/** LMDB may never end a commit, and then begins no other. */
const defaultStuckMs = 60_000
/** LMDB does not say when a transaction is visible and only waits for its flush, so it is looked for. */
const lookMs = 1

type Ran = { readonly task: Task<unknown>; readonly outcome: Outcome<unknown> }
/** What is left of a task whose transaction has begun: it is not run again, and what it ran on may be let go. */
type Told = { readonly done: Task<unknown>['done']; readonly outcome: Outcome<unknown> }
/** Tasks that have run and are to share a transaction. */
type Batch = { readonly ran: Ran[]; slices: number; isUrgent: boolean; beganMs: number }

/**
 * Makes the writer. Tasks run a slice on each turn of the event loop, whether LMDB is committing or not: what they write is
 * seen by those that follow, and by nobody else until it is committed. All that has run while one transaction was being
 * committed and flushed makes the next. A task that throws fails alone and leaves nothing behind. When a transaction or its
 * flush fails, all its tasks fail, and those that ran since are run again.
 */
export function createWriter(options: {
  root: RootDatabase
  nowMs?: () => number
  /** After so long a commit that has not ended counts as one whose outcome nobody knows. */
  stuckMs?: number
  /** For data that other processes open, too. */
  gate?: WriteGate | undefined
  onError(error: unknown): void
  metrics?: WriterMetrics
}): Writer {
  const { root, nowMs = () => performance.now(), stuckMs = defaultStuckMs, gate = openGate, onError } = options
  const { metrics = createWriterMetrics() } = options
  const lanes: Record<Task<unknown>['lane'], Task<unknown>[]> = { first: [], events: [] }
  const pending = pendingWrites(root)
  const commits = createCommits(root, stuckMs)
  let batch = newBatch()
  let isSliceAsked = false
  let isSliceRunning = false
  /** The transaction that is not visible yet, and how many are not settled. */
  let committing: number | null = null
  let underWay = 0
  let isLooking = false
  let gatherUntilMs = 0
  let gathering: NodeJS.Timeout | undefined
  let closed = false
  let broken = false
  let isLost = false
  const waiters: (() => void)[] = []

  const queued = () => lanes.first.length + lanes.events.length
  const isFull = () => batch.ran.length >= maxTasks || batch.slices >= maxSlices || pending.uncommittedRows() >= maxRows
  /** Half of what is to be done is worth a transaction, which is flushed while the other half runs. */
  const isHalf = () => queued() >= worthOverlap && batch.ran.length >= queued()
  const isIdle = () => queued() === 0 && batch.ran.length === 0 && underWay === 0 && settling.length() === 0

  const settling = createPacedQueue<Told>({
    budgetMs: settleMs,
    handle: ({ done, outcome }) => {
      try {
        done(outcome)
      } catch (error) {
        onError(error)
      }
    },
    emptied: () => wakeWhenIdle(),
  })

  const wakeWhenIdle = () => {
    if (isIdle()) for (const wake of waiters.splice(0)) wake()
  }

  /** Has what has run committed, when nothing more is to share its transaction, and asks for the next slice. */
  const pump = (): void => {
    // A task may submit others; what it writes belongs to it until it ends.
    if (isSliceRunning) return
    if (isReady()) void commit()
    if (broken || isSliceAsked || queued() === 0 || isFull()) return
    isSliceAsked = true
    setImmediate(() => {
      isSliceAsked = false
      isSliceRunning = true
      runSlice()
      isSliceRunning = false
      pump()
    })
  }

  const isReady = (): boolean => {
    if (batch.ran.length === 0 || (queued() > 0 && !isHalf() && !isFull())) return false
    if (underWay === maxCommits || (underWay > 0 && batch.ran.length < worthOverlap) || !isLastVisible()) return false
    const waitMs = batch.isUrgent || batch.ran.length >= maxTasks ? 0 : gatherUntilMs - performance.now()
    if (waitMs > 0) gathering ??= setTimeout(gathered, waitMs)
    return waitMs <= 0 && mayEnter()
  }

  const mayEnter = (): boolean => {
    const isEntered = gate.enter()
    if (!isEntered) lookLater()
    return isEntered
  }

  /** Whether the next transaction may begin; if not, it is looked for again. */
  const isLastVisible = (): boolean => {
    if (committing === null) return true
    if (commits.isVisible(committing)) {
      leave()
      // The next may write its number where one sees what is gone.
      lookForLoss()
      return !broken
    }
    lookLater()
    return false
  }

  const lookForLoss = () => {
    if (broken || !commits.isAnyLost()) return
    isLost = true
    broken = true
    runAgain()
  }

  const leave = () => {
    committing = null
    gate.leave()
  }

  const lookLater = () => {
    if (!isLooking) setTimeout(lookAgain, lookMs)
    isLooking = true
  }

  const lookAgain = () => {
    isLooking = false
    pump()
  }

  const gathered = () => {
    gathering = undefined
    gatherUntilMs = 0
    pump()
  }

  const runSlice = (): void => {
    if (broken || isFull()) return
    if (batch.ran.length === 0) batch.beganMs = performance.now()
    batch.slices++
    const endMs = nowMs() + sliceMs
    for (const name of ['first', 'events'] as const) {
      const lane = lanes[name]
      let taken = 0
      while (taken < lane.length && batch.ran.length < maxTasks && nowMs() < endMs) {
        const task = lane[taken++]
        if (task === undefined) break
        if (name === 'first') batch.isUrgent = true
        batch.ran.push({ task, outcome: outcomeOf(() => pending.run(() => task.run())) })
      }
      lane.splice(0, taken)
    }
  }

  const commit = async (): Promise<void> => {
    const { beganMs } = batch
    const ran = batch.ran.map(({ task: { done }, outcome }): Told => ({ done, outcome }))
    batch = newBatch()
    clearTimeout(gathering)
    gathering = undefined
    underWay++
    let fault: { error: unknown } | undefined
    const startMs = performance.now()
    gatherUntilMs = ran.length < loadTasks ? 0 : startMs + gatherMs
    const { number, flushed } = commits.begin()
    committing = number
    try {
      await flushed
    } catch (error) {
      fault = { error }
      causeOf(error)?.catch(onError)
      if (!broken) runAgain()
      if (commits.isUnknown(number, error)) broken = true
    }
    if (committing === number) leave()
    if (fault === undefined) lookForLoss()
    // What follows a transaction that was lost may stand on its pages.
    if (broken) fault ??= { error: new Error(isLost ? afterLoss : afterFault) }
    if (fault === undefined) {
      metrics.tasks.observe(ran.length)
      metrics.runSeconds.observe((startMs - beganMs) / 1_000)
      metrics.flushSeconds.observe((performance.now() - startMs) / 1_000)
    } else {
      metrics.failures++
      onError(fault.error)
    }
    settle(ran, fault)
    if (broken) failQueued()
    // Not before: the answers may be given in several turns.
    underWay--
    wakeWhenIdle()
    pump()
  }

  /** What has run since a transaction was begun that failed, or is gone, stands on what is not there. */
  const runAgain = () => {
    pending.forget()
    for (const { task } of batch.ran.reverse()) lanes[task.lane].unshift(task)
    batch = newBatch()
  }

  /** In the order of their numbers across transactions, since readers are shown everything up to the last. */
  const settle = (ran: readonly Told[], failure?: { error: unknown }) => {
    for (const { done, outcome } of ran) {
      settling.push({ done, outcome: failure === undefined ? outcome : { ok: false, error: failure.error } })
    }
  }

  /** Tells what waits that nothing is written any more. */
  const failQueued = () => {
    const outcome = refusal()
    for (const lane of [lanes.first, lanes.events]) {
      settle(lane.splice(0).map(({ done }) => ({ done, outcome })))
    }
  }

  const refusal = (): Outcome<never> => ({
    ok: false,
    error: new Error(broken ? afterFault : 'the writer is closed'),
  })

  return {
    submit: task => {
      if (closed || broken) return void queueMicrotask(() => task.done(refusal()))
      lanes[task.lane].push(task as Task<unknown>)
      pump()
    },
    queued,
    isBroken: () => broken,
    idle: () => {
      if (isIdle()) return Promise.resolve()
      return new Promise(resolve => waiters.push(resolve))
    },
    close: async () => {
      closed = true
      if (!isIdle()) await new Promise<void>(resolve => waiters.push(resolve))
    },
  }
}

function newBatch(): Batch {
  return { ran: [], slices: 0, isUrgent: false, beganMs: 0 }
}

function outcomeOf<T>(run: () => T): Outcome<T> {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    return { ok: false, error }
  }
}

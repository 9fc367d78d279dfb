import type { RootDatabase } from 'lmdb'
import { createWriterMetrics, type WriterMetrics } from '../metrics/metrics.ts'
import { createPacedQueue } from '../paced-queue.ts'
import { openWriterDatabase } from './databases.ts'

/** Something to do in the writer's next transaction. `done` is called once, when its outcome is durable or known to have failed. */
export type Task<T> = {
  /** Tasks of `first` (commands, facts) run before all of `events`. */
  readonly lane: 'first' | 'events'
  /** May be called again after another task of its slice has thrown: what the first call wrote is undone. */
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
   * count pages as clean whose sync failed), so nothing more is written until the process is started again.
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
const maxSlices = 32
/** LMDB may call for several slices on one turn, and all but the first then pass. */
const callsPerSlice = 4
const maxTasks = 1_000
/** Under load events wait for others, since a transaction writes the same upper pages for one as for fifty. */
const gatherMs = 15
/** So many in one transaction are a load: one client that waits for each OK need not wait longer. */
const loadTasks = 4
/** Of telling what came of tasks, on one turn. */
const settleMs = 1

const afterFault = 'a sync of the disk failed, nothing more is written'

/** One runs its tasks while the former is being committed and flushed. */
const maxUnderWay = 2
/** Where each of those under way leaves its number. */
const visibleKeys = ['transaction', 'transaction-2'].map(name => Buffer.from(name))

type Ran = { task: Task<unknown>; outcome: Outcome<unknown> }

/**
 * Makes the writer. A slice of tasks runs on one turn of the event loop, and a transaction has as many slices as what is
 * queued needs; between them, readers see nothing of it. The next transaction is asked for as soon as all tasks of the
 * former have run, and begins while that is still being flushed. A task that throws fails alone and leaves nothing behind:
 * the whole slice is undone and its tasks are run again, each in a child transaction of its own, which would cost too much
 * to do always. When the transaction or its flush fails, all its tasks fail. The environment has to be open with
 * `strictAsyncOrder`.
 */
export function createWriter(options: {
  root: RootDatabase
  nowMs?: () => number
  onError(error: unknown): void
  metrics?: WriterMetrics
}): Writer {
  const { root, nowMs = () => performance.now(), onError, metrics = createWriterMetrics() } = options
  const lanes: Record<Task<unknown>['lane'], Task<unknown>[]> = { first: [], events: [] }
  /** The transaction that takes tasks, and how many are not settled yet. */
  let taking: number | null = null
  let underWay = 0
  let gatherUntilMs = 0
  let gathering: NodeJS.Timeout | undefined
  let closed = false
  let broken = false
  const visible = openWriterDatabase(root)
  const visibleAt = (key: Buffer) => visible.get(key)?.readUIntBE(0, 6) ?? 0
  let lastTransaction = Math.max(...visibleKeys.map(visibleAt))
  const waiters: (() => void)[] = []
  /** As many as the last full slice took. */
  let tasksPerSlice = 16
  /** Whether a slice has had this turn of the event loop. */
  let turnTaken = false

  const queued = () => lanes.first.length + lanes.events.length

  const runSlice = (ran: Ran[]): void => {
    if (turnTaken || queued() === 0) return
    turnTaken = true
    setImmediate(() => {
      turnTaken = false
    })
    const begun = ran.length
    try {
      void root.childTransaction(() => takeTasks(ran))
    } catch {
      const undone = ran.slice(begun)
      dropTaken(lanes, undone)
      for (const entry of undone) entry.outcome = runAlone(root, entry.task)
    }
    const taken = ran.length - begun
    if (queued() > 0 && taken > 0) tasksPerSlice = taken
  }

  const takeTasks = (ran: Ran[]): void => {
    const endMs = nowMs() + sliceMs
    for (const lane of [lanes.first, lanes.events]) {
      let taken = 0
      while (taken < lane.length && ran.length < maxTasks && nowMs() < endMs) {
        const task = lane[taken++]
        if (task === undefined) break
        const entry = notRun(task)
        ran.push(entry)
        entry.outcome = { ok: true, value: task.run() }
      }
      lane.splice(0, taken)
    }
  }

  /** Runs slices in one transaction, and calls `taken` after the last; resolves once it is flushed. */
  const runTransaction = async (number: number, ran: Ran[], taken: () => void): Promise<void> => {
    const slices = Math.min(maxSlices, Math.ceil(queued() / tasksPerSlice))
    const calls = slices < 2 ? slices : slices * callsPerSlice
    const mark = numberValue(number)
    const parts: Promise<unknown>[] = []
    for (let call = 0; call < calls; call++) {
      // Callbacks that follow each other are one call; with a put between them LMDB's thread calls for each.
      if (call > 0) parts.push(visible.put(keyOf(number), mark))
      const runPart = () => {
        if (call === 0) visible.putSync(keyOf(number), mark)
        runSlice(ran)
        if (call === calls - 1) taken()
      }
      parts.push(root.transaction(runPart))
    }
    // As of now this means these writes; later it would mean the next transaction's.
    const flushed = root.flushed.then(() => undefined)
    flushed.catch(() => undefined)
    const failed = (await Promise.allSettled(parts)).find(part => part.status === 'rejected')
    // Of a transaction that failed nobody is told that it was flushed.
    if (failed !== undefined) throw failed.reason
    await flushed
  }

  const isIdle = () => queued() === 0 && underWay === 0 && settling.length() === 0

  /** In the order of their numbers across transactions, since readers are shown everything up to the last. */
  const settling = createPacedQueue<Ran>({
    budgetMs: settleMs,
    handle: ({ task, outcome }) => {
      try {
        task.done(outcome)
      } catch (error) {
        onError(error)
      }
    },
    emptied: () => wakeWhenIdle(),
  })

  const wakeWhenIdle = () => {
    if (isIdle()) for (const wake of waiters.splice(0)) wake()
  }

  const settle = (ran: readonly Ran[], failure?: { error: unknown }) => {
    for (const { task, outcome } of ran) {
      settling.push({ task, outcome: failure === undefined ? outcome : { ok: false, error: failure.error } })
    }
    wakeWhenIdle()
  }

  /** Begins a transaction, or lets events wait for more of them. What is first never waits. */
  const pump = (): void => {
    if (taking !== null || underWay === maxUnderWay || queued() === 0) return
    const waitMs = lanes.first.length > 0 || queued() >= maxTasks ? 0 : gatherUntilMs - performance.now()
    if (waitMs > 0) {
      gathering ??= setTimeout(gathered, waitMs)
      return
    }
    clearTimeout(gathering)
    gathering = undefined
    void transact()
  }

  const gathered = () => {
    gathering = undefined
    gatherUntilMs = 0
    pump()
  }

  const transact = async (): Promise<void> => {
    const number = ++lastTransaction
    taking = number
    underWay++
    const ran: Ran[] = []
    let fault: { error: unknown } | undefined
    const startMs = performance.now()
    let takenMs = startMs
    const taken = () => {
      taking = null
      takenMs = performance.now()
      gatherUntilMs = ran.length < loadTasks ? 0 : startMs + gatherMs
      setImmediate(pump)
    }
    try {
      await runTransaction(number, ran, taken)
    } catch (error) {
      fault = { error }
      causeOf(error)?.catch(onError)
      // Where no transaction can begin, tasks that wait for one would wait for ever.
      if (ran.length === 0) ran.push(...[...lanes.first, ...lanes.events].map(notRun))
      dropTaken(lanes, ran)
      // Not all of its parts need have been called.
      if (taking === number) taking = null
    }
    underWay--
    setImmediate(pump)
    // What follows a slice that was lost may stand on its pages.
    if (broken) fault ??= { error: new Error(afterFault) }
    if (fault === undefined) {
      metrics.tasks.observe(ran.length)
      metrics.runSeconds.observe((takenMs - startMs) / 1_000)
      metrics.flushSeconds.observe((performance.now() - takenMs) / 1_000)
    } else {
      metrics.failures++
      onError(fault.error)
      if (isVisible(number)) fail()
    }
    settle(ran, fault)
  }

  /** Whether readers see a transaction whose commit or sync has failed. Where nothing can be read, there is nothing to see. */
  const isVisible = (number: number): boolean => {
    try {
      return visibleAt(keyOf(number)) === number
    } catch {
      return false
    }
  }

  /** Stops for good; what waits is told. */
  const fail = () => {
    broken = true
    settle([...lanes.first.splice(0), ...lanes.events.splice(0)].map(notRun))
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

function keyOf(number: number): Buffer {
  return visibleKeys[number % maxUnderWay] ?? Buffer.alloc(0)
}

function numberValue(number: number): Buffer {
  const value = Buffer.alloc(6)
  value.writeUIntBE(number, 0, 6)
  return value
}

/** One error for all: making one for each task, with its stack, would cost more than many tasks. */
const wasNotRun: Outcome<never> = { ok: false, error: new Error('the task was not run') }

function notRun(task: Task<unknown>): Ran {
  return { task, outcome: wasNotRun }
}

/**
 * Why a commit failed (no space, a broken disk), which LMDB gives as a promise of its own that is rejected with it: one
 * that nobody looks at would end the process.
 */
function causeOf(error: unknown): Promise<unknown> | undefined {
  if (!(error instanceof Error) || !('commitError' in error)) return undefined
  return error.commitError instanceof Promise ? error.commitError : undefined
}

function runAlone(root: RootDatabase, task: Task<unknown>): Outcome<unknown> {
  let value: unknown
  try {
    void root.childTransaction(() => {
      value = task.run()
    })
  } catch (error) {
    return { ok: false, error }
  }
  return { ok: true, value }
}

/** Takes tasks that have begun off their lanes: each has its failure and is not run again. */
function dropTaken(lanes: Record<Task<unknown>['lane'], Task<unknown>[]>, ran: Ran[]): void {
  const begun = new Set(ran.map(({ task }) => task))
  for (const name of ['first', 'events'] as const) lanes[name] = lanes[name].filter(task => !begun.has(task))
}

import { setMaxListeners } from 'node:events'
import type { AppendFact, Fact } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { Job, JobWorker, JobWorkers } from './job.ts'
import { lanes, pauseMsOf } from './lanes.ts'
import { machineWaits, type Waits } from './pause.ts'
import { createJobQueue } from './queue.ts'
import { unlessAborted } from './unless-aborted.ts'

/** Runs the jobs in the table until stopped. */
export type JobRunner = { wake(): void; stop(): Promise<void> }

const attemptTimeoutMs = 15_000
const types = Object.keys(lanes) as readonly Job['type'][]

/**
 * Starts the runner. `wake` tells it that a durable transaction may have asked for work; it also looks by itself on retries.
 * What there is to do is begun on a later turn of the event loop, however often it is woken, and a try that ends makes room
 * for the next on a later one still: so many jobs as there may be, they leave room for all else.
 */
export function startJobRunner(options: {
  environment: Environment
  appendFact: AppendFact
  workers: JobWorkers
  /** Log time, Unix seconds. */
  now(): number
  /** How long a job is tried before it is given up, in seconds from its creation. */
  tryForSeconds(): number
  onError(error: unknown, job: { id: string; type: string }): void
  /** Hears of each try: `done`, `given-up`, `no-answer` or `failed`. */
  counted?: (type: Job['type'], outcome: string) => void
  waits?: Waits | undefined
}): JobRunner {
  const { environment, appendFact, now, tryForSeconds, onError } = options
  const { counted = () => undefined, waits = machineWaits } = options
  const { reader } = environment
  // Which job a worker gets is decided by its key; the types of the pairs do not survive the look-up.
  const workers = options.workers as Readonly<Record<Job['type'], JobWorker>>
  const queue = createJobQueue(reader)
  const running = new Map<string, Promise<void>>()
  const underWay = new Map<Job['type'], number>()
  /** The tries that have not ended, so that all can be told to. */
  const tries = new Set<AbortController>()
  const stopping = new AbortController()
  // Each job that waits for its next try listens.
  setMaxListeners(0, stopping.signal)
  let mayHaveNew = false
  let isLooking = false
  let isPassing = false

  const wake = () => {
    mayHaveNew = true
    passLater()
  }

  const passLater = () => {
    if (isPassing || stopping.signal.aborted) return
    isPassing = true
    void waits.turn().then(pass)
  }

  const pass = () => {
    isPassing = false
    if (stopping.signal.aborted) return
    look()
    for (const type of types) {
      while (placesTaken(type) < lanes[type].places) {
        const job = queue.next(type)
        if (job === undefined) break
        start(job)
      }
    }
    if (mayHaveNew || isLooking) passLater()
  }

  /** A piece of the table at a time; whatever comes meanwhile may stand before the piece. */
  const look = () => {
    if (!isLooking && !mayHaveNew) return
    if (!isLooking) mayHaveNew = false
    isLooking = !queue.look()
  }

  const placesTaken = (type: Job['type']) => underWay.get(type) ?? 0

  const start = (job: Job) => {
    const { id, type } = job
    underWay.set(type, placesTaken(type) + 1)
    const run = work(job).finally(() => {
      running.delete(id)
      underWay.set(type, placesTaken(type) - 1)
      passLater()
    })
    running.set(id, run)
  }

  const work = async (job: Job): Promise<void> => {
    try {
      const answer = await attempt(job)
      // What was cut short is done again by the next process, which may get an answer.
      if (answer === null && stopping.signal.aborted) return
      const fact = answer ?? (isOver(job) ? workers[job.type].giveUp(job) : null)
      if (fact === null) {
        counted(job.type, 'no-answer')
        return retryLater(job)
      }
      await appendFact(fact)
      counted(job.type, answer === null ? 'given-up' : 'done')
      if (reader.has(tables.jobs, [job.id])) return retryLater(job)
      queue.forget(job.id)
    } catch (error) {
      counted(job.type, 'failed')
      onError(error, job)
      retryLater(job)
    }
  }

  /**
   * One try, which ends in time or when all stops, whether its worker hears that or not. A fault of the worker is reported and
   * counts as no answer, so that it too comes to an end.
   */
  const attempt = async (job: Job): Promise<Fact | null> => {
    const ended = new AbortController()
    tries.add(ended)
    const limit = waits.timeout(attemptTimeoutMs)
    limit.addEventListener('abort', () => ended.abort(limit.reason), { once: true })
    try {
      return await unlessAborted(workers[job.type].attempt(job, ended.signal), ended.signal, null)
    } catch (error) {
      onError(error, job)
      return null
    } finally {
      tries.delete(ended)
    }
  }

  const isOver = (job: Job) => now() >= job.createdAt + tryForSeconds()

  const retryLater = ({ id, type, createdAt }: Job) => {
    if (stopping.signal.aborted) return
    const pauseMs = pauseMsOf(type, { tries: queue.failed(id), ageSeconds: now() - createdAt })
    void waits.pause(pauseMs, stopping.signal).then(() => {
      queue.again(id, type)
      passLater()
    })
  }

  return {
    wake,
    stop: async () => {
      stopping.abort()
      for (const one of tries) one.abort(stopping.signal.reason)
      await Promise.allSettled(running.values())
    },
  }
}

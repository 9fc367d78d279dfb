import { setMaxListeners } from 'node:events'
import type { JobRequest } from '../domain/jobs.ts'
import type { AppendFact, Fact } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import { machineWaits, type Waits } from './pause.ts'

/** A job as it stands in its table. */
export type Job = JobRequest & { readonly id: string; readonly createdAt: number }

/** Work that a transaction asked for: does the I/O, idempotently, and says what came of it. */
export type JobWorker<Type extends JobRequest['type'] = JobRequest['type']> = {
  /** Tries once. `null`: no answer yet, try again later. */
  attempt(job: Job & { type: Type }, signal: AbortSignal): Promise<Fact | null>
  /** What to record when the time for tries is over, or `null` to go on trying. */
  giveUp(job: Job & { type: Type }): Fact | null
}

/** One worker for every type of job. */
export type JobWorkers = { readonly [Type in JobRequest['type']]: JobWorker<Type> }

/** Runs the jobs in the table until stopped. */
export type JobRunner = { wake(): void; stop(): Promise<void> }

const walletType = 'pay-by-wallet'
const maxAtOnce = 16
/** How many jobs are looked at in one piece. */
const jobsAtOnce = 64
/** Customers' own wallets answer when they like: ours must not wait for them. */
const maxWalletsAtOnce = 64
const attemptTimeoutMs = 15_000
const firstRetryMs = 250
const longestRetryMs = 10_000

/** Starts the runner. `wake` tells it that a durable transaction may have asked for work; it also looks by itself on retries. */
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
  const {
    environment,
    appendFact,
    now,
    tryForSeconds,
    onError,
    counted = () => undefined,
    waits = machineWaits,
  } = options
  // Which job a worker gets is decided by its key; the types of the pairs do not survive the look-up.
  const workers = options.workers as Readonly<Record<Job['type'], JobWorker>>
  const running = new Map<string, Promise<void>>()
  /** Of those, how many are with customers' wallets, and which others wait for one of these to end. */
  let wallets = 0
  const parked = new Set<string>()
  const retries = new Map<string, number>()
  const waiting = new Set<string>()
  const stopping = new AbortController()
  // Each job that waits for its next try listens.
  setMaxListeners(0, stopping.signal)

  const wake = () => {
    if (stopping.signal.aborted) return
    for (const id of parked) {
      if (wallets >= maxWalletsAtOnce) break
      parked.delete(id)
      const row = environment.reader.get(tables.jobs, [id])
      if (row !== undefined) start({ id, ...row } as Job)
    }
    for (let after: readonly string[] | null = []; after !== null && ours() < maxAtOnce; ) after = startAfter(after)
  }

  /** Starts what may be started of some jobs; gives where to go on, or `null` after the last. */
  const startAfter = (after: readonly string[]): readonly string[] | null => {
    const from = after.length === 0 ? {} : { after }
    const page = environment.reader.range(tables.jobs, [], { limit: jobsAtOnce, ...from })
    for (const { key, row } of page) {
      const [id] = key
      if (running.has(id) || waiting.has(id) || parked.has(id)) continue
      const job = { id, ...row } as Job
      if (row.type !== walletType) {
        if (ours() < maxAtOnce) start(job)
      } else if (wallets < maxWalletsAtOnce) start(job)
      else parked.add(id)
    }
    return page.length < jobsAtOnce ? null : (page.at(-1)?.key ?? null)
  }

  const ours = () => running.size - wallets

  const start = (job: Job) => {
    const isWallet = job.type === walletType
    if (isWallet) wallets++
    const run = work(job).finally(() => {
      running.delete(job.id)
      if (isWallet) wallets--
      wake()
    })
    running.set(job.id, run)
  }

  const work = async (job: Job): Promise<void> => {
    try {
      const answer = await attempt(job)
      const fact = answer ?? (isOver(job) ? workers[job.type].giveUp(job) : null)
      if (fact === null) {
        counted(job.type, 'no-answer')
        return retryLater(job.id)
      }
      await appendFact(fact)
      counted(job.type, answer === null ? 'given-up' : 'done')
      retries.delete(job.id)
    } catch (error) {
      counted(job.type, 'failed')
      onError(error, job)
      retryLater(job.id)
    }
  }

  /** One try; a fault of the worker is reported and counts as no answer, so that it too comes to an end. */
  const attempt = async (job: Job): Promise<Fact | null> => {
    const signal = AbortSignal.any([stopping.signal, waits.timeout(attemptTimeoutMs)])
    try {
      return await workers[job.type].attempt(job, signal)
    } catch (error) {
      onError(error, job)
      return null
    }
  }

  const isOver = (job: Job) => now() >= job.createdAt + tryForSeconds()

  const retryLater = (id: string) => {
    if (stopping.signal.aborted) return
    const tries = retries.get(id) ?? 0
    retries.set(id, tries + 1)
    waiting.add(id)
    const pauseMs = Math.min(longestRetryMs, firstRetryMs * 2 ** tries)
    void waits.pause(pauseMs, stopping.signal).then(() => {
      waiting.delete(id)
      wake()
    })
  }

  return {
    wake,
    stop: async () => {
      stopping.abort()
      await Promise.allSettled(running.values())
    },
  }
}

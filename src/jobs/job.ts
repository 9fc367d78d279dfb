import type { JobRequest } from '../domain/jobs.ts'
import type { Fact } from '../pipeline/facts.ts'

/** A job as it stands in its table. */
export type Job = JobRequest & { readonly id: string; readonly createdAt: number }

/** Work that a transaction asked for: does the I/O, idempotently, and says what came of it. */
export type JobWorker<Type extends JobRequest['type'] = JobRequest['type']> = {
  /**
   * Tries once. `null`: no answer yet, try again later. What comes after the signal has aborted is not heard, and another
   * try may be under way then: nothing that must not be done twice may begin.
   */
  attempt(job: Job & { type: Type }, signal: AbortSignal): Promise<Fact | null>
  /** What to record when the time for tries is over, or `null` to go on trying. */
  giveUp(job: Job & { type: Type }): Fact | null
}

/** One worker for every type of job. */
export type JobWorkers = { readonly [Type in JobRequest['type']]: JobWorker<Type> }

import { clockAdvance, maxDuePerFact } from '../domain/clock.ts'
import { type AppendFact, FactRefused } from '../pipeline/facts.ts'
import type { LogClock } from '../pipeline/log-clock.ts'
import type { Environment } from '../store/environment.ts'
import { readHead } from '../store/log.ts'
import { tables } from '../store/tables.ts'
import { machineWaits, type Waits } from './pause.ts'

const lookEveryMs = 1_000

type Options = {
  environment: Environment
  appendFact: AppendFact
  clock: LogClock
  /** Told of each thing that could not be handled and was put off by a day. */
  onPostponed(due: { kind: string; id: string }): void
}

/** Looks at the next due thing and, when its time has come, has it handled. Stands still while a clock jump is unconfirmed. */
export async function runDueTimer(
  options: Options & { signal: AbortSignal; onError(error: unknown): void; waits?: Waits | undefined },
): Promise<void> {
  const { signal, onError, waits = machineWaits } = options
  let limit = maxDuePerFact
  while (!signal.aborted) {
    try {
      for (let next = await advanceOnce(options, limit); next !== null && !signal.aborted; ) {
        limit = next
        next = await advanceOnce(options, limit)
      }
    } catch (error) {
      onError(error)
    }
    await waits.pause(lookEveryMs, signal)
  }
}

/**
 * Has what is due now handled by one fact, `limit` things at most; says with which limit to go on, or `null` when nothing
 * was due. A fact that is refused is tried again with half as many, until the one thing that cannot be handled is alone.
 */
export async function advanceOnce(options: Options, limit: number): Promise<number | null> {
  const { environment, appendFact, clock, onPostponed } = options
  const to = clock.now()
  if (clock.unconfirmedJumpSeconds() !== null) return null
  const [next] = environment.reader.range(tables.due, [], { limit: 1, upTo: [to] })
  if (next === undefined) return null
  const { seq } = readHead(environment)
  const advance = (params: object) => appendFact({ method: clockAdvance, params, dedupeKey: `clock:${to}:${seq}` })
  try {
    await advance({ to, limit })
    return Math.min(limit * 2, maxDuePerFact)
  } catch (error) {
    // The applier has reported what went wrong. Anything else is no fault of what is due.
    if (!(error instanceof FactRefused)) throw error
    if (limit > 1) return Math.floor(limit / 2)
  }
  const [at, kind, id] = next.key
  await advance({ to, postpone: { at, kind, id } })
  onPostponed({ kind, id })
  return 1
}

import { clockAdvance } from '../domain/clock.ts'
import type { AppendFact } from '../pipeline/facts.ts'
import type { LogClock } from '../pipeline/log-clock.ts'
import type { Environment } from '../store/environment.ts'
import { readHead } from '../store/log.ts'
import { tables } from '../store/tables.ts'
import { pause } from './pause.ts'

const lookEveryMs = 1_000

/** Looks at the next due thing and, when its time has come, has it handled. Stands still while a clock jump is unconfirmed. */
export async function runDueTimer(options: {
  environment: Environment
  appendFact: AppendFact
  clock: LogClock
  signal: AbortSignal
  onError(error: unknown): void
}): Promise<void> {
  const { signal, onError } = options
  while (!signal.aborted) {
    try {
      while (!signal.aborted && (await advanceOnce(options)));
    } catch (error) {
      onError(error)
    }
    await pause(lookEveryMs, signal)
  }
}

/** Has what is due now handled by one fact; `false` when nothing was. */
export async function advanceOnce(options: {
  environment: Environment
  appendFact: AppendFact
  clock: LogClock
}): Promise<boolean> {
  const { environment, appendFact, clock } = options
  const to = clock.now()
  if (clock.unconfirmedJumpSeconds() !== null) return false
  const [next] = environment.reader.range(tables.due, [], { limit: 1, upTo: [to] })
  if (next === undefined) return false
  const { seq } = readHead(environment)
  await appendFact({ method: clockAdvance, params: { to }, dedupeKey: `clock:${to}:${seq}` })
  return true
}

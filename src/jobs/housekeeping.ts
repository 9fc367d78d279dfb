import type { ApplyLocally } from '../pipeline/facts.ts'
import type { LogClock } from '../pipeline/log-clock.ts'
import { forgetRefusals } from '../pipeline/refusals.ts'
import type { Environment } from '../store/environment.ts'
import { readHead } from '../store/log.ts'
import { tables } from '../store/tables.ts'
import { pause } from './pause.ts'

const everyMs = 60_000
const forgetAtOnce = 500

/** Once a minute: leaves a heartbeat, by which the next start judges the clock, and forgets refusals that are over. */
export async function keepHouse(options: {
  environment: Environment
  applyLocally: ApplyLocally
  clock: LogClock
  signal: AbortSignal
  onError(error: unknown): void
}): Promise<void> {
  const { environment, applyLocally, clock, signal, onError } = options
  while (!signal.aborted) {
    applyLocally(
      () => {
        const now = clock.now()
        if (clock.unconfirmedJumpSeconds() === null) {
          environment.transactor(() => undefined).put(tables.local, ['heartbeat'], { value: now })
        }
        forgetRefusals(environment, now, forgetAtOnce)
        return { accepted: true, message: '', store: [], deliver: [] }
      },
      outcome => {
        if (!outcome.ok) onError(outcome.error)
      },
    )
    await pause(everyMs, signal)
  }
}

/** When the service was last seen running, by its log and its heartbeat; `null` before its first start. */
export function lastSeen(environment: Environment): number | null {
  const seen = Math.max(readHead(environment).time, environment.reader.get(tables.local, ['heartbeat'])?.value ?? 0)
  return seen === 0 ? null : seen
}

import type { ApplyLocally } from '../pipeline/facts.ts'
import type { LogClock } from '../pipeline/log-clock.ts'
import { forgetRefusals } from '../pipeline/refusals.ts'
import type { Environment } from '../store/environment.ts'
import { readHead } from '../store/log.ts'
import { tables } from '../store/tables.ts'
import { machineWaits, type Waits } from './pause.ts'

const everyMs = 60_000
const forgetAtOnce = 100

type HouseOptions = {
  environment: Environment
  applyLocally: ApplyLocally
  clock: LogClock
  signal: AbortSignal
  onError(error: unknown): void
  waits?: Waits | undefined
}

/** Once a minute: leaves a heartbeat, by which the next start judges the clock, and forgets refusals that are over. */
export async function keepHouse(options: HouseOptions): Promise<void> {
  const { signal, waits = machineWaits } = options
  while (!signal.aborted) {
    tidy(options)
    await waits.pause(everyMs, signal)
  }
}

/** Leaves the heartbeat and forgets some refusals, and some more as long as there are. */
function tidy(options: HouseOptions): void {
  const { environment, applyLocally, clock, onError } = options
  let forgotten = 0
  applyLocally(
    () => {
      const now = clock.now()
      if (clock.unconfirmedJumpSeconds() === null) {
        environment.transactor.put(tables.local, ['heartbeat'], { value: now })
      }
      forgotten = forgetRefusals(environment, now, forgetAtOnce)
      return { accepted: true, message: '', store: [], deliver: [] }
    },
    outcome => {
      if (!outcome.ok) onError(outcome.error)
      else if (forgotten === forgetAtOnce) tidy(options)
    },
  )
}

/** When the service was last seen running, by its log and its heartbeat; `null` before its first start. */
export function lastSeen(environment: Environment): number | null {
  const seen = Math.max(readHead(environment).time, environment.reader.get(tables.local, ['heartbeat'])?.value ?? 0)
  return seen === 0 ? null : seen
}

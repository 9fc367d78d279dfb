import type { LightningBackend } from '../adapters/lightning/port.ts'
import { walletReconciled } from '../domain/billing/reconcile.ts'
import type { AppendFact } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import { machineWaits, type Waits } from './pause.ts'
import { isUnavailable } from './unless-unavailable.ts'

const everySeconds = 86_400
const lookEveryMs = 60_000
const askTimeoutMs = 15_000

type Options = {
  environment: Environment
  backend: LightningBackend
  /** What tells the wallet from others, which have other balances. */
  walletId: string
  appendFact: AppendFact
  /** Log time, Unix seconds. */
  now(): number
  signal: AbortSignal
  onError(error: unknown): void
  waits?: Waits | undefined
}

/** Once a day has the wallet's balance compared with the ledger, until the signal aborts. */
export async function reconcileRegularly(options: Options): Promise<void> {
  const { signal, onError, waits = machineWaits } = options
  while (!signal.aborted) {
    try {
      await reconcileIfDue(options)
    } catch (error) {
      // A wallet that is away, or may not tell what it has, is asked again.
      if (!signal.aborted && !isUnavailable(error)) onError(error)
    }
    await waits.pause(lookEveryMs, signal)
  }
}

/** Compares them if a day has passed since; says whether it has. Throws `LightningUnavailable`. */
export async function reconcileIfDue(options: Options): Promise<boolean> {
  const { environment, backend, walletId, appendFact, now, signal, waits = machineWaits } = options
  const [last] = environment.reader.range(tables.reconciliations, [walletId], { limit: 1, reverse: true })
  const time = now()
  if (last !== undefined && time < last.key[1] + everySeconds) return false
  const inTime = AbortSignal.any([signal, waits.timeout(askTimeoutMs)])
  const params = { backend: walletId, balanceMsat: await backend.balanceMsat(inTime) }
  return appendFact({ method: walletReconciled, params, dedupeKey: `${walletId}:${time}:reconciled` })
}

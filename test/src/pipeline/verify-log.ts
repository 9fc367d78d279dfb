import { verifyEvent } from 'nostr-tools'
import { compareTables, type Difference, foldLog } from '../../../src/pipeline/fold.ts'
import type { Signer } from '../../../src/protocol/signer.ts'
import type { Environment } from '../../../src/store/environment.ts'
import { openTemporary } from '../store/open-environment.ts'

/** Folds the log of an environment anew and gives every difference to its tables. `prepare` puts what no log says. */
export async function differences(
  environment: Environment,
  signer: Signer,
  prepare?: (empty: Environment) => void,
): Promise<Difference[]> {
  const folded = openTemporary()
  prepare?.(folded.environment)
  const found: Difference[] = []
  const report = (difference: Difference) => found.push(difference)
  foldLog(environment, folded.environment, { signer, isSigned: event => verifyEvent(event), report })
  const rows = compareTables(environment, folded.environment, report)
  await folded.close()
  if (rows === 0) throw new Error('nothing was compared')
  return found
}

import type { LightningBackend } from '../adapters/lightning/port.ts'
import { balanceOf, feesAccount, walletAccount, withdrawalsAccount } from '../domain/billing/ledger.ts'
import { walletReconciled } from '../domain/billing/reconcile.ts'
import type { AppendFact } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'
import { machineWaits, type Waits } from './pause.ts'
import { isUnavailable } from './unless-unavailable.ts'

const everySeconds = 86_400
const lookEveryMs = 60_000
const askTimeoutMs = 15_000
/** Of what was in the wallet when it was asked we have heard by then: the stream tells at once, and sweeps find what it missed. */
const heardWithinMs = 900_000
const postingsAtOnce = 256
/** So long may a posting be on its way to where it is seen: its transaction gathers, is committed, and waits for readers. */
const unseenForSeconds = 5

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

/** What the ledger had when it was read: all postings up to an id, which has been a while, and these after it. */
type Reading = { readonly after: string; readonly counted: ReadonlySet<string> }

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

/** Compares them, which takes a while, if a day has passed since; says whether it has. Throws `LightningUnavailable`. */
export async function reconcileIfDue(options: Options): Promise<boolean> {
  const { environment, backend, walletId, appendFact, now, signal, waits = machineWaits } = options
  const [last] = environment.reader.range(tables.reconciliations, [walletId], { limit: 1, reverse: true })
  const time = now()
  if (last !== undefined && time < last.key[1] + everySeconds) return false
  const inTime = AbortSignal.any([signal, waits.timeout(askTimeoutMs)])
  const ledgerMsat = -balanceOf(environment.reader, walletAccount)
  const underWayMsat = balanceOf(environment.reader, withdrawalsAccount)
  const read = readingOf(environment.reader, time)
  // Who counts whole satoshis leaves the rest of the last one out.
  const { resolutionMsat } = await backend.capabilities(inTime)
  const balanceMsat = await backend.balanceMsat(inTime)
  const answeredAt = now()
  await waits.pause(heardWithinMs, signal)
  if (signal.aborted) return false
  const { arrivedMsat, leftMsat } = await bookedSince(options, read, answeredAt)
  const known = { balanceMsat, leftOutMsat: resolutionMsat - 1, ledgerMsat }
  const params = { backend: walletId, ...known, underWayMsat: underWayMsat + leftMsat, arrivedMsat }
  return appendFact({ method: walletReconciled, params, dedupeKey: `${walletId}:${time}:reconciled` })
}

/**
 * Up to where the ledger was read in a second. Ids begin with log time, and have no order within a second; those of the
 * seconds before may still be to come.
 */
function readingOf(reader: Reader, time: number): Reading {
  const after = Math.max(0, time - unseenForSeconds)
    .toString(16)
    .padStart(10, '0')
    .padEnd(32, '0')
  return { after, counted: new Set(reader.range(tables.postings, [], { after: [after] }).map(({ key }) => key[0])) }
}

/**
 * What was booked as received since the ledger was read, and what else may have left than had been set aside by then: for
 * payments begun until a second, and what payments have cost over that, in millisatoshi.
 */
async function bookedSince(
  { environment, waits = machineWaits }: Options,
  read: Reading,
  answeredAt: number,
): Promise<{ arrivedMsat: number; leftMsat: number }> {
  let [arrivedMsat, leftMsat] = [0, 0]
  let { after } = read
  for (let isOver = false; !isOver; ) {
    const page = environment.reader.range(tables.postings, [], { after: [after], limit: postingsAtOnce })
    for (const { key, row } of page) {
      after = key[0]
      if (read.counted.has(after)) continue
      if (row.debit === walletAccount) arrivedMsat += row.amountMsat
      if (row.credit === withdrawalsAccount && row.time <= answeredAt) leftMsat += row.amountMsat
      if (row.debit === feesAccount) leftMsat += row.amountMsat
    }
    isOver = page.length < postingsAtOnce
    await waits.turn()
  }
  return { arrivedMsat, leftMsat }
}

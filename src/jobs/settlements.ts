import { CircuitOpen } from '../adapters/lightning/circuit-breaker.ts'
import { type InvoiceState, type LightningBackend, LightningUnavailable } from '../adapters/lightning/port.ts'
import { invoiceAccepted } from '../domain/billing/hold-facts.ts'
import { invoiceSettled, maxCursorCharacters } from '../domain/billing/invoice-facts.ts'
import { type AppendFact, type Fact, FactRefused } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { RangeOptions } from '../store/transaction.ts'
import { machineWaits, type Waits } from './pause.ts'

/** How far back a sweep looks at invoices that have expired: a payment under way may still land. */
const recentSeconds = 2 * 86_400
const pageLength = 100
/** Of invoices that have expired, one sweep looks at so many pages: of those there may be two days' worth. */
const expiredPages = 10
/** Between pages: of ever so many open invoices, a sweep looks at sixteen a second. */
const pagePauseMs = 6_000
const longestPauseMs = 30_000
/** A look-up that is never answered must not end all others. */
const lookUpTimeoutMs = 15_000
/** So many that fail one after the other say that the wallet is away. */
const failuresToStop = 5

type Options = {
  environment: Environment
  backend: LightningBackend
  /** What tells the wallet from others: the cursor of one means nothing to another. */
  walletId: string
  appendFact: AppendFact
  signal: AbortSignal
  onError(error: unknown): void
  waits?: Waits | undefined
}

/** Follows the wallet's settlements from the cursor in the tables and records each, until the signal aborts. */
export async function followSettlements(options: Options): Promise<void> {
  const { environment, backend, walletId, appendFact, signal, onError, waits = machineWaits } = options
  let pauseMs = 250
  while (!signal.aborted) {
    try {
      const from = environment.reader.get(tables.walletCursors, [walletId])?.cursor ?? null
      for await (const { paymentHash, status, receivedMsat, at, cursor } of backend.incoming(from, signal)) {
        const fact =
          status === 'accepted'
            ? acceptedFact(walletId, { paymentHash, receivedMsat })
            : settledFact(walletId, { paymentHash, receivedMsat, settledAt: at, cursor })
        await appendUnlessRefused({ appendFact, onError }, fact)
        pauseMs = 250
      }
    } catch (error) {
      if (!signal.aborted) onError(error)
    }
    await waits.pause(pauseMs, signal)
    pauseMs = Math.min(longestPauseMs, pauseMs * 2)
  }
}

/** Where the next sweep goes on among invoices that have expired; `null`: from the oldest on. */
export type SweepPlace = { after: readonly (string | number)[] | null }

/**
 * Asks the wallet about every invoice that can still be paid, and about some that expired not long ago, each time others:
 * what the stream missed. One at a time and a page now and then, so that a sweep never gets in the way. A look-up that fails
 * does not keep the others from being made; several in a row do, and the wallet is left alone. Says how many were paid.
 * Throws the last `LightningUnavailable` in both cases.
 */
export async function sweepInvoices(
  options: Options,
  now: number,
  place: SweepPlace = { after: null },
): Promise<number> {
  const { environment, signal, waits = machineWaits } = options
  const { reader } = environment
  const oldest = [Math.max(0, now - recentSeconds), '0'.repeat(32)] as const
  const youngest = [now, 'f'.repeat(32)] as const
  let found = 0
  let failures = 0
  let failure: LightningUnavailable | null = null
  const sweepPage = async (range: RangeOptions): Promise<readonly (string | number)[] | null> => {
    const page = reader.range(tables.unsettledInvoices, [], { ...range, limit: pageLength })
    for (const { key } of page) {
      if (signal.aborted) return null
      const paymentHash = reader.get(tables.invoices, [key[1]])?.paymentHash
      if (!paymentHash) continue
      try {
        if (await lookAt(options, paymentHash)) found++
        failures = 0
      } catch (error) {
        if (signal.aborted || !(error instanceof LightningUnavailable)) throw error
        failure = error
        if (error instanceof CircuitOpen || ++failures === failuresToStop) throw error
      }
    }
    const last = page.length < pageLength ? undefined : page.at(-1)
    if (last === undefined) return null
    await waits.pause(pagePauseMs, signal)
    return last.key
  }
  for (let after: SweepPlace['after'] = youngest; after !== null; ) after = await sweepPage({ after })
  for (let pages = 0; pages < expiredPages; pages++) {
    place.after = await sweepPage({ after: place.after ?? oldest, upTo: [now] })
    if (place.after === null) break
  }
  if (failure !== null) throw failure
  return found
}

/** Asks the wallet about one invoice, and records what arrived; says whether that was news. */
async function lookAt(options: Options, paymentHash: string): Promise<boolean> {
  const { walletId, appendFact, onError } = options
  const state = await lookUp(options, paymentHash)
  if (state?.status !== 'settled' && state?.status !== 'accepted') return false
  const { receivedMsat, at } = state
  const fact =
    state.status === 'accepted'
      ? acceptedFact(walletId, { paymentHash, receivedMsat })
      : settledFact(walletId, { paymentHash, receivedMsat, settledAt: at, cursor: null })
  return appendUnlessRefused({ appendFact, onError }, fact)
}

/** Somebody says that an invoice was paid: the wallet is asked, if it is one of ours that waits for that. */
export async function followHint(options: Options, paymentHash: string): Promise<void> {
  const { reader } = options.environment
  const invoiceId = reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
  const status = invoiceId === undefined ? undefined : reader.get(tables.invoices, [invoiceId])?.status
  if (status !== 'open' && status !== 'expired') return
  await lookAt(options, paymentHash).catch(options.onError)
}

/** One invoice that the wallet cannot answer for does not end the sweep; a wallet that is away does. */
async function lookUp(
  { backend, signal, onError, waits = machineWaits }: Options,
  paymentHash: string,
): Promise<InvoiceState | null> {
  try {
    return await backend.lookUpInvoice(paymentHash, AbortSignal.any([signal, waits.timeout(lookUpTimeoutMs)]))
  } catch (error) {
    if (signal.aborted || error instanceof LightningUnavailable) throw error
    onError(error)
    return null
  }
}

/**
 * The stream and a sweep that report the same settlement make one fact. A cursor that names all of many settlements can be
 * too long for one: then the stream goes on from the last that was not, and tells some again.
 */
function settledFact(
  backend: string,
  settlement: { paymentHash: string; receivedMsat: number; settledAt: number; cursor: string | null },
): Fact {
  const cursor = (settlement.cursor?.length ?? 0) > maxCursorCharacters ? null : settlement.cursor
  const params = { backend, ...settlement, cursor }
  return { method: invoiceSettled, params, dedupeKey: `${backend}:${settlement.paymentHash}:settled` }
}

function acceptedFact(backend: string, payment: { paymentHash: string; receivedMsat: number }): Fact {
  const params = { backend, ...payment }
  return { method: invoiceAccepted, params, dedupeKey: `${backend}:${payment.paymentHash}:accepted` }
}

/** Appends a fact; one that meets a bug is reported and passed over, so that it does not hold up the money behind it. */
async function appendUnlessRefused({ appendFact, onError }: Pick<Options, 'appendFact' | 'onError'>, fact: Fact) {
  try {
    return await appendFact(fact)
  } catch (error) {
    if (!(error instanceof FactRefused)) throw error
    onError(error)
    return false
  }
}

/** Sweeps at once and then at intervals, until the signal aborts: what was settled while we were down must be found. */
export async function sweepRegularly(options: Options & { now(): number; everyMs: number }): Promise<void> {
  const { now, everyMs, signal, onError, waits = machineWaits } = options
  const place: SweepPlace = { after: null }
  while (!signal.aborted) {
    try {
      await sweepInvoices(options, now(), place)
    } catch (error) {
      if (!signal.aborted) onError(error)
    }
    await waits.pause(everyMs, signal)
  }
}

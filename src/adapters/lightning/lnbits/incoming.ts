import { timeLimit } from '../../time-limit.ts'
import type { IncomingPayment } from '../port.ts'
import type { LnbitsApi, Payment } from './api.ts'
import { fromTheFirst, markOf, type Progress, readCursor, writeCursor } from './cursor.ts'
import { arrivalOf } from './invoices.ts'
import type { WakeUp } from './wake-up.ts'

const pageSize = 200
/** A call of the stream itself that takes longer has no answer to wait for. */
const callMs = 30_000
/** Versions differ in the time zone that they search by; more than any zone is off. */
const zoneSeconds = 86_400
/** LNbits' clock may be set back meanwhile. */
const clockSeconds = 600
/** A node takes no payment of an invoice that expired so long ago, in whatever time zone; if one does, look-ups find it. */
const lateSeconds = 86_400

type Source = {
  api: LnbitsApi
  openWakeUp: (signal: AbortSignal) => Promise<WakeUp>
  now: () => number
  /** How long without news until the history is read all the same: news can get lost. */
  pollMs: number
}

/** What was settled after a cursor, then what is settled from now on, until the signal aborts. */
export async function* streamIncoming(
  { api, openWakeUp, now, pollMs }: Source,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  if (signal.aborted) return
  const wakeUp = await openWakeUp(signal)
  const untilLate = () => AbortSignal.any([signal, timeLimit(callMs)])
  try {
    let progress = cursor === null ? fromTheFirst : readCursor(cursor, await walletIdOf(api, untilLate()))
    for (;;) {
      if (signal.aborted) return
      const history = await readHistory(api, progress.since, untilLate)
      const steps = stepsOf(progress, history, now())
      for (const { row, after } of steps.each) {
        const cursor = writeCursor(row.wallet_id, after)
        yield { paymentHash: row.payment_hash, status: 'settled', ...arrivalOf(row), cursor }
        if (signal.aborted) return
      }
      progress = steps.end
      await wakeUp.next(pollMs)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    wakeUp.close()
  }
}

async function walletIdOf(api: LnbitsApi, signal: AbortSignal): Promise<string | null> {
  const { payments } = await api.payments({ limit: '1' }, signal)
  return payments[0]?.wallet_id ?? null
}

/** What came in or may still come in, of invoices made since; not whole when the pages moved while they were read. */
async function readHistory(
  api: LnbitsApi,
  since: number,
  untilLate: () => AbortSignal,
): Promise<{ rows: Payment[]; isWhole: boolean }> {
  const filters: Record<string, string> = { 'amount[gt]': '0', sortby: 'time', direction: 'asc', limit: `${pageSize}` }
  if (since > 0) filters['time[ge]'] = new Date((since - zoneSeconds) * 1_000).toISOString()
  const rows: Payment[] = []
  for (let offset = 0, first: number | null = null; ; offset += pageSize) {
    const { payments, total, isEmpty } = await api.payments({ ...filters, offset: `${offset}` }, untilLate())
    first ??= total
    rows.push(...payments.filter(({ amount }) => amount > 0))
    const isLast = offset + pageSize >= total
    if (isLast || isEmpty) return { rows, isWhole: isLast && total === first }
  }
}

/** What is to be told, in order, and how far the stream has come with each and with all of it. */
function stepsOf(
  progress: Progress,
  { rows, isWhole }: { rows: readonly Payment[]; isWhole: boolean },
  now: number,
): { each: { row: Payment; after: Progress }[]; end: Progress } {
  const settled = rows.filter(({ status, time }) => status === 'success' && time >= progress.since)
  const isTold = (row: Payment) => progress.told.has(markOf(row))
  // As they were settled, as far as LNbits knows; else as they were made.
  const news = settled.filter(row => !isTold(row)).sort((one, other) => arrivalOf(one).at - arrivalOf(other).at)
  // Nothing is given up as long as it is to be told, or may still be settled.
  const floor = isWhole ? Math.max(progress.since, floorOf(rows, progress.since, now)) : progress.since
  const floors: number[] = []
  for (let index = news.length - 1, least = floor; index >= 0; index--) {
    floors[index] = least
    least = Math.min(least, news[index]?.time ?? least)
  }
  let told = settled.filter(isTold).map(row => ({ mark: markOf(row), time: row.time }))
  // What is not in a history with gaps may be in a gap.
  if (!isWhole) told = [...progress.told].map(mark => ({ mark, time: Number.POSITIVE_INFINITY }))
  const reach = (since: number): Progress => {
    told = told.filter(({ time }) => time >= since)
    return { since, told: new Set(told.map(({ mark }) => mark)) }
  }
  const each = news.map((row, index) => {
    told.push({ mark: markOf(row), time: row.time })
    return { row, after: reach(Math.max(progress.since, floors[index] ?? progress.since)) }
  })
  return { each, end: reach(floor) }
}

/** A time such that no invoice made before it is going to be settled, as a whole history shows. */
function floorOf(rows: readonly Payment[], since: number, now: number): number {
  const isOpen = ({ status, expiry, time }: Payment) => status === 'pending' && (expiry ?? time) + lateSeconds > now
  const newest = rows.reduce((latest, { time }) => Math.max(latest, time), since)
  return rows.reduce((oldest, row) => (isOpen(row) ? Math.min(oldest, row.time) : oldest), newest) - clockSeconds
}

import { setTimeout as delay } from 'node:timers/promises'
import { timeLimit } from '../../time-limit.ts'
import type { IncomingPayment } from '../port.ts'
import { pageSize, type Receive, type StrikeApi } from './api.ts'
import { markOf, readCursor, writeCursor } from './cursor.ts'
import { arrivalOf } from './invoices.ts'

/** A call of the stream itself that takes longer has no answer to wait for. */
const callMs = 30_000
/** What was completed may show up this much later, behind what was completed after it. */
const disorderSeconds = 600
/** How long a receive may take from when it is seen until it is completed; what takes longer, look-ups find. */
const pendingSeconds = 3_600

type Source = {
  api: StrikeApi
  /** Resolves when a webhook told of something; `until` ends the waiting. */
  nextHint: (until: AbortSignal) => Promise<void>
  pollMs: number
}

/** What was completed after a cursor, then what is completed from now on, until the signal aborts. */
export async function* streamIncoming(
  { api, nextHint, pollMs }: Source,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  const untilLate = () => AbortSignal.any([signal, timeLimit(callMs)])
  let progress = readCursor(cursor)
  let rest = new AbortController()
  try {
    for (;;) {
      if (signal.aborted) return
      // Asked for before reading: what is hinted at meanwhile is read next.
      const until = AbortSignal.any([signal, rest.signal])
      const hinted = nextHint(until)
      const receives = await readReceives(api, progress.since, untilLate)
      let told = receives.filter(({ receiveId }) => progress.told.has(markOf(receiveId)))
      for (const receive of receives) {
        if (progress.told.has(markOf(receive.receiveId)) || completedAt(receive) < progress.since) continue
        const payment = await paymentOf(api, receive, untilLate)
        // They come in order: what was completed long before this one has been told.
        const since = Math.max(progress.since, Math.floor(completedAt(receive)) - disorderSeconds)
        told = [...told, receive].filter(one => completedAt(one) >= since)
        progress = { since, told: new Set(told.map(({ receiveId }) => markOf(receiveId))) }
        if (payment !== null) yield { ...payment, status: 'settled', cursor: writeCursor(progress) }
        if (signal.aborted) return
      }
      // An abort ends the waiting, as a hint does.
      await Promise.race([hinted, delay(pollMs, undefined, { signal: until }).catch(() => undefined)])
      rest.abort()
      rest = new AbortController()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    rest.abort()
  }
}

/**
 * What was completed since, oldest first. In which order Strike lists is not documented: either end may be the newest, so
 * the page at the start tells, and pages are read from the newest until they are old.
 */
async function readReceives(api: StrikeApi, since: number, untilLate: () => AbortSignal): Promise<Receive[]> {
  const isOld = (receive: Receive | undefined) => receive !== undefined && receive.created < since - pendingSeconds
  const first = await api.receives(0, untilLate())
  const isNewestFirst = (first.items[0]?.created ?? 0) >= (first.items.at(-1)?.created ?? 0)
  const pages = [first.items]
  if (isNewestFirst) {
    for (let skip = pageSize; skip < first.count && !isOld(pages.at(-1)?.at(-1)); skip += pageSize) {
      const { items } = await api.receives(skip, untilLate())
      if (items.length === 0) break
      pages.push(items)
    }
  } else {
    for (let skip = first.count - pageSize; skip > 0 && !isOld(pages[1]?.[0]); skip -= pageSize) {
      const { items } = await api.receives(skip, untilLate())
      if (items.length === 0) break
      pages.splice(1, 0, items)
    }
  }
  const listed = pages.flat()
  const oldestFirst = isNewestFirst ? listed.reverse() : listed
  const byId = new Map(oldestFirst.map(receive => [receive.receiveId, receive]))
  return [...byId.values()]
    .filter(({ state }) => state === 'COMPLETED')
    .sort((one, other) => completedAt(one) - completedAt(other))
}

/** `null` for what did not come in by one of the account's Lightning invoices. */
async function paymentOf(api: StrikeApi, receive: Receive, untilLate: () => AbortSignal) {
  const { type, lightning, receiveRequestId, amountReceived, amountCredited } = receive
  if (type === 'ONCHAIN' || ![amountReceived, amountCredited].some(money => money?.currency === 'BTC')) return null
  // Another Strike user pays within Strike: then only the request knows the invoice.
  const paymentHash =
    lightning?.paymentHash ?? (await api.receiveRequest(receiveRequestId, untilLate())).bolt11?.paymentHash
  return paymentHash === undefined ? null : { paymentHash, ...arrivalOf(receive) }
}

function completedAt({ completed, created }: Receive): number {
  return completed ?? created
}

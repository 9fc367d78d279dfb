import { type IncomingPayment, LightningUnavailable } from '../port.ts'
import { advance, isTold, type Position, readCursor, start, writeCursor } from './cursor.ts'
import type { Session } from './session.ts'
import { type Ask, arrivalOf, listIncoming, lookUp, type Transaction } from './transactions.ts'

type Options = {
  readonly session: Session
  readonly ask: Ask
  readonly walletPubkey: string
  /** Unix seconds. */
  now(): number
  readonly sweepMs: number
}

/** How long before its settlement an invoice that a replay must find may have been made. */
const replaySeconds = 86_400
/** The same for what a notification was lost of. */
const sweepSeconds = 3_600
/** Payments that are known to have been told. */
const maxKnown = 20_000

type Arrived = Omit<IncomingPayment, 'cursor'>

/**
 * Settlements after a cursor and those that come, over a session of its own. Notifications may get lost: each is a reason
 * to look one invoice up, and from time to time the list of transactions is gone through for what none told of. What was
 * made longer before than that finds, look-ups find.
 */
export async function* streamIncoming(
  { session, ask, walletPubkey, now, sweepMs }: Options,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  let position = readCursor(walletPubkey, cursor)
  const known = new Set<string>()
  const know = (name: string) => {
    known.add(name)
    const [oldest] = known
    if (known.size > maxKnown && oldest !== undefined) known.delete(oldest)
  }

  const tell = (arrived: Arrived): IncomingPayment => {
    if (arrived.status === 'settled') position = advance(position, arrived.paymentHash, arrived.at)
    return { ...arrived, cursor: writeCursor(walletPubkey, position) }
  }

  const isNew = (arrived: Arrived) => {
    const name = nameOf(arrived)
    if (known.has(name)) return false
    know(name)
    return true
  }

  // In this order nothing is missed: what arrives meanwhile is notified.
  await session.connect(signal)
  let since: Position = position
  let from = position.at === null ? null : position.at - replaySeconds
  for (;;) {
    const found = await arrivalsSince(ask, from, now)
    for (const arrived of found) {
      const wasTold = arrived.status === 'settled' && isTold(since, arrived.paymentHash, arrived.at)
      if (isNew(arrived) && !wasTold) yield tell(arrived)
    }
    const sweepAt = performance.now() + sweepMs
    for (let leftMs = sweepMs; leftMs > 0; leftMs = sweepAt - performance.now()) {
      await session.waitForNews(leftMs, signal)
      if (signal.aborted) return
      for (let hash = session.takeNews(); hash !== undefined; hash = session.takeNews()) {
        const row = await lookUp(ask, hash)
        const arrived = row === null ? null : arrivedOf(row, now())
        if (arrived !== null && isNew(arrived)) yield tell(arrived)
      }
      if (session.isClosed()) throw new LightningUnavailable('the connection to the wallet is lost')
    }
    since = start
    from = now() - sweepSeconds
  }
}

/** What has arrived, in the order of arrival; of one second in the order in which the invoices were made. */
async function arrivalsSince(ask: Ask, from: number | null, now: () => number): Promise<Arrived[]> {
  const found: Arrived[] = []
  // Payments that wait are listed among the unpaid.
  for await (const row of listIncoming(ask, { from, unpaid: true })) {
    const arrived = arrivedOf(row, now())
    if (arrived !== null) found.push(arrived)
  }
  return found.reverse().sort((one, other) => one.at - other.at)
}

function arrivedOf(row: Transaction, now: number): Arrived | null {
  const arrival = row.type === 'incoming' ? arrivalOf(row, now) : null
  return arrival === null ? null : { paymentHash: row.payment_hash, ...arrival }
}

function nameOf({ paymentHash, status }: Arrived): string {
  return `${status}:${paymentHash}`
}

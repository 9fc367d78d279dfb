import type { IncomingPayment } from '../port.ts'
import { checkLnd, type Following, followForATurn } from './following.ts'
import { listInvoices } from './invoice-list.ts'
import { findInvoice } from './invoices.ts'
import type { Invoice } from './messages.ts'

/** How long to listen while nothing was ever settled, before looking again for the settlement that cannot be replayed. */
const firstTurnMs = 1_000

/**
 * Settlements after a cursor, then new ones, until the signal aborts. LND numbers them from 1 and repeats those after a
 * given number (LND REST, subscribeinvoices). The first cannot be had that way, since "after 0" means "no repetition" (lnd
 * issue 2469): until there was one, it is looked for in the list. Throws `LightningUnavailable`.
 */
export async function* followSettlements(
  following: Following,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  const { connection, quietMs } = following
  let index = await indexOf(following, cursor, signal)
  for (let turn = 0; !signal.aborted; turn++) {
    if (index === 0) {
      const { first, hasAny } = await findFirst(following, signal)
      if (hasAny) index = 1
      if (first !== null) yield* settlementOf(first)
    } else if (turn > 0) {
      await checkLnd(connection, signal)
    }
    const turnMs = index === 0 ? Math.min(firstTurnMs, quietMs) : quietMs
    const query: Record<string, string> = index === 0 ? {} : { settle_index: String(index) }
    const subscription = { path: '/v1/invoices/subscribe', query }
    for await (const invoice of followForATurn({ connection, quietMs: turnMs }, subscription, signal)) {
      // New invoices are told as well, and after a reconnection settlements that are known.
      if (invoice.state !== 'SETTLED' || invoice.settle_index <= index) continue
      if (index === 0 && invoice.settle_index !== 1) break
      index = invoice.settle_index
      yield* settlementOf(invoice)
    }
  }
}

/** Nothing for a payment that is not of one hash: keysend without an invoice, or AMP, whose preimages are the payer's. */
function* settlementOf(invoice: Invoice): Generator<IncomingPayment, void, void> {
  const { r_hash: paymentHash, settle_index, amt_paid_msat: receivedMsat, settle_date: at } = invoice
  if (paymentHash === null || invoice.is_amp) return
  yield { paymentHash, status: 'settled', receivedMsat, at, cursor: `${settle_index}:${paymentHash}` }
}

/**
 * The number that a cursor stands for. It names its invoice too: a node that is another one, or was restored to an earlier
 * state, has other numbers, and would skip what it receives; then all are told from the first.
 */
async function indexOf({ connection }: Following, cursor: string | null, signal: AbortSignal): Promise<number> {
  const [, index, paymentHash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(cursor ?? '') ?? []
  if (index === undefined || paymentHash === undefined) return 0
  const invoice = await findInvoice(connection, paymentHash, signal)
  return invoice?.settle_index === Number(index) ? Number(index) : 0
}

async function findFirst({ connection }: Following, signal: AbortSignal) {
  let hasAny = false
  for await (const invoice of listInvoices(connection, { pendingOnly: false, signal })) {
    if (invoice.settle_index === 1) return { first: invoice, hasAny: true }
    if (invoice.settle_index > 1) hasAny = true
  }
  return { first: null, hasAny }
}

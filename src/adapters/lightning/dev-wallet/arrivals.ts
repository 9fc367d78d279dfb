import { parseBolt11 } from '../../../bolt11.ts'
import { isHash } from '../invoice-request.ts'
import type { Changes, DevWalletStore, InvoiceRow } from './store.ts'

/** What became of a payment to one of the wallet's invoices; a refusal changed nothing. */
export type ReceiveOutcome =
  | { readonly status: 'settled' | 'accepted'; readonly paymentHash: string; readonly receivedMsat: number }
  | { readonly status: 'refused'; readonly reason: 'unknown' | 'already settled' | 'cancelled' | 'expired' }

type Payment = { readonly receivedMsat: number | null; readonly late: boolean; readonly now: number }

/** The wallet's invoice as BOLT 11 or payment hash; `null` when it is not one of the wallet's. */
export function ownInvoice(store: DevWalletStore, invoice: string): { paymentHash: string; row: InvoiceRow } | null {
  const paymentHash = isHash(invoice) ? invoice : (parseBolt11(invoice)?.paymentHash ?? null)
  const row = paymentHash === null ? undefined : store.invoices.get(paymentHash)
  if (paymentHash === null || row === undefined) return null
  return isHash(invoice) || row.bolt11 === invoice.toLowerCase() ? { paymentHash, row } : null
}

/** Takes a payment to an open invoice, or to an expired one if `late`; `receivedMsat` is what was asked unless given. */
export function receive(store: DevWalletStore, invoice: string, payment: Payment): Promise<ReceiveOutcome> {
  return store.write(changes => receiveInside(store, changes, invoice, payment))
}

/** The same inside a change that is under way. */
export function receiveInside(
  store: DevWalletStore,
  changes: Changes,
  invoice: string,
  payment: Payment,
): ReceiveOutcome {
  const own = ownInvoice(store, invoice)
  if (own === null) return { status: 'refused', reason: 'unknown' }
  const { paymentHash, row } = own
  if (row.status === 'cancelled') return { status: 'refused', reason: 'cancelled' }
  if (row.status !== 'open') return { status: 'refused', reason: 'already settled' }
  if (payment.now >= row.expiresAt && !payment.late) return { status: 'refused', reason: 'expired' }
  const arrival = { receivedMsat: payment.receivedMsat ?? row.amountMsat, at: payment.now }
  if (row.hold) changes.putInvoice(paymentHash, { ...row, status: 'accepted', arrival })
  else settleInside(changes, paymentHash, row, arrival)
  return { status: row.hold ? 'accepted' : 'settled', paymentHash, receivedMsat: arrival.receivedMsat }
}

/** Takes an accepted payment; `lost` when there is none to take. */
export function settleHeld(store: DevWalletStore, paymentHash: string, now: number): Promise<'settled' | 'lost'> {
  return store.write(changes => {
    const row = store.invoices.get(paymentHash)
    if (row?.status === 'settled') return 'settled'
    if (row?.status !== 'accepted' || row.arrival === null) return 'lost'
    settleInside(changes, paymentHash, row, { ...row.arrival, at: now })
    return 'settled'
  })
}

/** Gives an accepted payment back, or ends an invoice that nobody has paid. */
export function cancelHeld(store: DevWalletStore, paymentHash: string): Promise<'cancelled' | 'settled'> {
  return store.write(changes => {
    const row = store.invoices.get(paymentHash)
    if (row?.status === 'settled') return 'settled'
    if (row !== undefined) changes.putInvoice(paymentHash, { ...row, status: 'cancelled', arrival: null })
    return 'cancelled'
  })
}

function settleInside(
  changes: Changes,
  paymentHash: string,
  row: InvoiceRow,
  arrival: NonNullable<InvoiceRow['arrival']>,
): void {
  changes.putInvoice(paymentHash, { ...row, status: 'settled', arrival })
  changes.addSettlement({ paymentHash, ...arrival })
  changes.addToBalance(arrival.receivedMsat)
}

import { type Bolt11, parseBolt11 } from '../../../bolt11.ts'
import type { PaymentOutcome, PaymentRequest } from '../port.ts'
import { receiveInside } from './arrivals.ts'
import type { Changes, DevWalletStore, PaymentRow } from './store.ts'

/** Pays once: an invoice of the wallet itself, or one that it made for somebody outside; nobody else can be reached. */
export function payInvoice(store: DevWalletStore, request: PaymentRequest, now: number): Promise<PaymentOutcome> {
  const { idempotencyKey, bolt11, maxFeeMsat } = request
  const invoice = parseBolt11(bolt11)
  if (invoice === null) return Promise.resolve({ status: 'failed', reason: 'this is no invoice' })
  const { paymentHash } = invoice
  return store.write(changes => {
    const before = store.payments.get(paymentHash)
    if (before?.idempotencyKey === idempotencyKey) return outcomeOf(before)
    if (before !== undefined && before.status !== 'failed') {
      return { status: 'failed', reason: 'this invoice was paid before' }
    }
    const made = tryToPay(store, changes, { bolt11, invoice, maxFeeMsat, now })
    const row = { idempotencyKey, ...made }
    changes.putPayment(paymentHash, row)
    if (row.status !== 'failed') changes.addToBalance(-row.amountMsat - row.feeMsat)
    return outcomeOf(row)
  })
}

/** Decides a payment that is stuck. Returns whether it was. */
export function decidePayment(store: DevWalletStore, paymentHash: string, status: 'paid' | 'failed'): Promise<boolean> {
  return store.write(changes => {
    const row = store.payments.get(paymentHash)
    if (row?.status !== 'stuck') return false
    changes.putPayment(paymentHash, { ...row, status, reason: 'no route' })
    if (status === 'failed') changes.addToBalance(row.amountMsat + row.feeMsat)
    return true
  })
}

/** A payment as the port tells it. */
export function outcomeOf({ status, preimage, feeMsat, reason }: PaymentRow): PaymentOutcome {
  if (status === 'paid') return { status, preimage, feeMsat }
  return status === 'failed' ? { status, reason } : { status: 'unknown' }
}

function tryToPay(
  store: DevWalletStore,
  changes: Changes,
  asked: { bolt11: string; invoice: Bolt11; maxFeeMsat: number; now: number },
): Omit<PaymentRow, 'idempotencyKey'> {
  const { bolt11, invoice, maxFeeMsat, now } = asked
  const { paymentHash, amountMsat, expiresAt, currency } = invoice
  const failed = (reason: string) => ({
    status: 'failed' as const,
    amountMsat: amountMsat ?? 0,
    feeMsat: 0,
    preimage: '',
    reason,
  })
  if (currency !== 'bcrt') return failed('this invoice is of another network')
  if (amountMsat === null) return failed('this invoice names no amount')
  if (now >= expiresAt) return failed('this invoice has expired')
  const outside = store.outside.get(paymentHash)
  const { feeMsat, fate } = outside ?? { feeMsat: 0, fate: 'paid' as const }
  if (feeMsat > maxFeeMsat) return failed('no route within the fee limit')
  if (store.balanceMsat() < amountMsat + feeMsat) return failed('insufficient balance')
  if (outside !== undefined) {
    return {
      status: fate,
      amountMsat,
      feeMsat,
      preimage: outside.preimage,
      reason: fate === 'failed' ? 'no route' : '',
    }
  }
  // A payer whose own payment waited for itself to be taken would wait for ever.
  if (store.invoices.get(paymentHash)?.hold === true) return failed('no route')
  const received = receiveInside(store, changes, bolt11, { receivedMsat: null, late: false, now })
  if (received.status !== 'settled') return failed('no route')
  const preimage = store.invoices.get(paymentHash)?.preimage ?? ''
  return { status: 'paid', amountMsat, feeMsat, preimage, reason: '' }
}

import { type Bolt11, parseBolt11 } from '../../bolt11.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import type { Reader, Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { enqueueJob } from '../jobs.ts'
import { feeReserveMsat } from './fee-reserve.ts'
import { balanceOf, customerAccount } from './ledger.ts'
import { endWithdrawal, type Made, openWithdrawal } from './withdrawals.ts'

/** A payment needs some time on its way: of an invoice that expires sooner nobody would know what became. */
const leastSecondsLeft = 30

/** Has the wallet pay an invoice from the author's balance. What is refused changed nothing. */
export function withdrawToInvoice(
  tx: Transactor,
  context: Context,
  { bolt11, maxFeeMsat }: { bolt11: string; maxFeeMsat: number | undefined },
): Made | Rejection {
  const { author, settings } = context
  const invoice = readPayable(context, bolt11)
  if (isRejection(invoice)) return invoice
  const { amountMsat } = invoice
  const conflict = conflictOf(tx, invoice.paymentHash)
  if (conflict !== null) return conflict
  const reserveMsat = maxFeeMsat ?? feeReserveMsat(settings, amountMsat)
  const lack = lackOf(tx, author, amountMsat, reserveMsat)
  if (lack !== null) return lack
  const made = openWithdrawal(tx, context, {
    status: 'paying',
    account: author,
    bolt11,
    paymentHash: invoice.paymentHash,
    amountMsat,
    maxFeeMsat: reserveMsat,
    expiresAt: invoice.expiresAt,
    lightningAddress: null,
    orderId: null,
  })
  pay(tx, context, made, { ...invoice, bolt11 })
  return made
}

/** Has a Lightning address asked for an invoice, which is then paid from a balance. What is refused changed nothing. */
export function withdrawToAddress(
  tx: Transactor,
  context: Context,
  wanted: {
    account: string
    lightningAddress: string
    amountMsat: number
    maxFeeMsat: number | undefined
    comment: string | undefined
    orderId: string | null
  },
): Made | Rejection {
  const { account, lightningAddress, amountMsat, comment = null, orderId } = wanted
  const maxFeeMsat = wanted.maxFeeMsat ?? feeReserveMsat(context.settings, amountMsat)
  const lack = lackOf(tx, account, amountMsat, maxFeeMsat)
  if (lack !== null) return lack
  const unknown = { bolt11: null, paymentHash: null, expiresAt: null }
  const made = openWithdrawal(tx, context, {
    status: 'resolving',
    account,
    ...unknown,
    amountMsat,
    maxFeeMsat,
    lightningAddress,
    orderId,
  })
  const { withdrawalId } = made
  const { currency } = context.settings.payments
  const payload = { withdrawalId, lightningAddress, amountMsat, comment, currency }
  enqueueJob(tx, context, { type: 'resolve-address', payload }, withdrawalId)
  return made
}

/** An address has given an invoice: pays it if it is what was asked for, and otherwise gives the money back. */
export function payResolved(tx: Transactor, context: Context, withdrawalId: string, bolt11: string): void {
  const withdrawal = tx.get(tables.withdrawals, [withdrawalId])
  if (withdrawal === undefined) throw new Error(`no withdrawal ${withdrawalId} was asked for`)
  if (withdrawal.status !== 'resolving') return
  const invoice = readResolved(tx, context, withdrawal.amountMsat, bolt11)
  if (isRejection(invoice)) {
    const reason = `the address gave an invoice that is not paid: ${invoice.message}`
    endWithdrawal(tx, context, withdrawalId, { status: 'failed', reason })
    return
  }
  const { paymentHash, expiresAt } = invoice
  const paying = { ...withdrawal, status: 'paying' as const, bolt11, paymentHash, expiresAt }
  tx.put(tables.withdrawals, [withdrawalId], paying)
  pay(tx, context, { withdrawalId, withdrawal: paying }, { ...invoice, bolt11 })
}

/** The customer has not seen it: it must be of exactly the amount, and one that nobody has ever shown here. */
function readResolved(reader: Reader, context: Context, amountMsat: number, bolt11: string): Bolt11 | Rejection {
  const invoice = readPayable(context, bolt11)
  if (isRejection(invoice)) return invoice
  if (invoice.amountMsat !== amountMsat) return reject('PAYMENT_FAILED', 'it asks for another amount')
  const conflict = conflictOf(reader, invoice.paymentHash)
  if (conflict !== null) return conflict
  const isKnown = reader.has(tables.withdrawalsByHash, [invoice.paymentHash])
  return isKnown ? reject('PAYMENT_FAILED', 'it was used before') : invoice
}

function pay(
  tx: Transactor,
  context: Context,
  { withdrawalId, withdrawal: { amountMsat, maxFeeMsat } }: Made,
  { bolt11, paymentHash, expiresAt }: Pick<Bolt11, 'paymentHash' | 'expiresAt'> & { bolt11: string },
): void {
  tx.put(tables.withdrawalsByHash, [paymentHash], { withdrawalId })
  const reserveMsat = feeReserveMsat(context.settings, amountMsat)
  const payload = { withdrawalId, bolt11, paymentHash, maxFeeMsat, reserveMsat, expiresAt }
  enqueueJob(tx, context, { type: 'pay-invoice', payload }, withdrawalId)
}

/** An invoice of an amount, for this network, with time to pay it. */
function readPayable(context: Context, bolt11: string): (Bolt11 & { amountMsat: number }) | Rejection {
  const invoice = parseBolt11(bolt11)
  if (invoice === null) return reject('PAYMENT_FAILED', 'this is no Lightning invoice')
  const { amountMsat, currency, expiresAt } = invoice
  if (currency !== context.settings.payments.currency) {
    return reject('PAYMENT_FAILED', `this invoice is for another network (ln${currency})`)
  }
  if (amountMsat === null) return reject('PAYMENT_FAILED', 'this invoice names no amount')
  if (expiresAt < context.time + leastSecondsLeft) {
    return reject('INVOICE_EXPIRED', 'the invoice has expired, or is about to')
  }
  return { ...invoice, amountMsat }
}

function lackOf(reader: Reader, account: string, amountMsat: number, maxFeeMsat: number): Rejection | null {
  const balanceMsat = balanceOf(reader, customerAccount(account))
  if (balanceMsat >= amountMsat + maxFeeMsat) return null
  const details = { balanceMsat, amountMsat, maxFeeMsat }
  return reject('INSUFFICIENT_BALANCE', 'the balance does not cover the amount and what the fee may be', details)
}

/** An invoice is paid once; one of ours is paid on the books. */
function conflictOf(reader: Reader, paymentHash: string): Rejection | null {
  if (reader.has(tables.invoicesByHash, [paymentHash])) {
    return reject('CONFLICT', 'this invoice is one of this service: it can be paid with invoice.pay')
  }
  const before = reader.get(tables.withdrawalsByHash, [paymentHash])?.withdrawalId
  if (before === undefined || reader.get(tables.withdrawals, [before])?.status === 'failed') return null
  return reject('ALREADY_PAID', 'this invoice has been paid, or is being paid')
}

import { type Rejection, reject } from '../../rejections.ts'

/** The answer when a wallet does not say whether it was paid, or has paid. */
export function outcomeUnknown(who = 'the Lightning wallet'): Rejection {
  return reject('PAYMENT_UNAVAILABLE', `${who} does not answer; a payment that was made is booked when it does`)
}

/** The answer when the wallet cannot be had; nothing is held and nothing has moved. */
export function paymentUnavailable(): Rejection {
  return reject('PAYMENT_UNAVAILABLE', 'the Lightning wallet does not answer; nothing was charged, try again later')
}

/** The answer when the wallet does not make an invoice that was asked for; nothing is held and nothing has moved. */
export function invoiceRefused(): Rejection {
  const message = 'the Lightning wallet does not make this invoice; nothing was charged, another amount may do'
  return reject('PAYMENT_FAILED', message)
}

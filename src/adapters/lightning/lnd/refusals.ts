import { z } from 'zod'
import { InvoiceRefused, LightningUnavailable } from '../port.ts'

/** An error that LND itself answers with: a gRPC status (google.rpc.Status), in JSON. */
export const refusalSchema = z.object({ code: z.int(), message: z.string() })

export type Refusal = z.infer<typeof refusalSchema>

/** Why LND refuses, where that is not about what was asked. */
type Trouble = 'credential' | 'right' | 'not ready'

/** gRPC: cancelled, deadline exceeded, resource exhausted, aborted, internal, unavailable. */
const passingCodes: readonly number[] = [1, 4, 8, 10, 13, 14]

/**
 * LND gives nearly all its errors the code 2 (unknown), so that only their texts tell them apart: macaroons/service.go and
 * rpcperms/interceptor.go of LND, and the macaroon bakery that it uses.
 */
const texts: readonly [Trouble, RegExp][] = [
  ['right', /permission denied/],
  ['credential', /macaroon|verification failed|encoding\/hex|root key|invalid ID/],
  ['not ready', /process of starting|waiting to start|wallet (locked|not created)|shutting down|not yet ready/],
]

/** Why LND refused, unless for what was asked. */
export function troubleOf({ code, message }: Refusal): Trouble | null {
  if (code === 7) return 'right'
  if (code === 16) return 'credential'
  if (passingCodes.includes(code)) return 'not ready'
  return texts.find(([, pattern]) => pattern.test(message))?.[0] ?? null
}

/** A refusal that nobody expected. Says nothing of LND's own words, which may quote what was sent. */
export function unexpected(refusal: Refusal): LightningUnavailable {
  switch (troubleOf(refusal)) {
    case 'right':
      return new LightningUnavailable('the macaroon does not give the right to this call')
    case 'credential':
      return new LightningUnavailable('lnd does not accept the macaroon')
    case 'not ready':
      return new LightningUnavailable('lnd is not ready')
    case null:
      return new LightningUnavailable(`lnd refuses (code ${refusal.code})`)
  }
}

/** gRPC: unknown, invalid argument, failed precondition, out of range. */
const codesAboutInvoices: readonly number[] = [2, 3, 9, 11]

/** What LND says instead of making an invoice. */
export function refusedInvoice(refusal: Refusal): InvoiceRefused | LightningUnavailable {
  const isAboutInvoice = codesAboutInvoices.includes(refusal.code) && troubleOf(refusal) === null
  return isAboutInvoice ? new InvoiceRefused(`lnd refuses the invoice (code ${refusal.code})`) : unexpected(refusal)
}

/** LND does not know the invoice; by the text, since a path that does not exist has the same code. */
export function isUnknownInvoice({ message }: Refusal): boolean {
  return /unable to locate invoice|there are no existing invoices/.test(message)
}

/** LND has an invoice of this payment hash already (`ErrDuplicateInvoice`). */
export function isDuplicateInvoice({ message }: Refusal): boolean {
  return message.includes('invoice with payment hash already exists')
}

/** LND was never asked to pay this (`ErrPaymentNotInitiated`). */
export function isUnknownPayment({ message }: Refusal): boolean {
  return message.includes("payment isn't initiated")
}

import { z } from 'zod'
import { amount, hash, instant } from './api.ts'

const common = { paymentHash: hash, preimage: hash }

/** An entry of `/payments/incoming`: an invoice, or a payment to one. `fees` are millisatoshi. */
export const incomingPayment = z.discriminatedUnion('isPaid', [
  z.object({ ...common, isPaid: z.literal(false), isExpired: z.boolean().optional() }),
  z.object({ ...common, isPaid: z.literal(true), receivedSat: amount, fees: amount, completedAt: instant }),
])

export type Received = Extract<z.output<typeof incomingPayment>, { isPaid: true }>

/**
 * What the payer sent, and when. phoenixd tells what is left of it after the price of a channel that it had to open
 * (lightning-kmp, LightningIncomingPayment), without parts of a satoshi; the price is not the payer's.
 */
export function arrivalOf({ receivedSat, fees, completedAt }: Received): { receivedMsat: number; at: number } {
  return { receivedMsat: (receivedSat + Math.ceil(fees / 1_000)) * 1_000, at: Math.floor(completedAt / 1_000) }
}

import { tables } from '../store/tables.ts'
import type { Transactor } from '../store/transaction.ts'
import { type Context, deriveRef } from './context.ts'

/** Work with the outside world. Each comes back as a fact that calls `completeJob`. */
export type JobRequest =
  | {
      type: 'create-invoice'
      payload: {
        invoiceId: string
        amountMsat: number
        description: string
        expirySeconds: number
        /** Its payment shall wait until we take it, if the wallet can have it wait. */
        hold: boolean
      }
    }
  /** Take a payment that waits, or give it back. */
  | { type: 'settle-hold' | 'cancel-hold'; payload: { invoiceId: string; paymentHash: string } }
  | {
      type: 'pay-invoice'
      payload: {
        withdrawalId: string
        bolt11: string
        paymentHash: string
        maxFeeMsat: number
        /** A wallet that cannot limit fees pays only for who allows this much, which the operator reckons with. */
        reserveMsat: number
        expiresAt: number
      }
    }
  /** Ask a Lightning address for an invoice of exactly this amount. */
  | {
      type: 'resolve-address'
      payload: {
        withdrawalId: string
        lightningAddress: string
        amountMsat: number
        comment: string | null
        /** As invoices of the network begin, after `ln`. */
        currency: string
      }
    }
  /** Have a customer's own wallet pay an invoice of ours. */
  | {
      type: 'pay-by-wallet'
      payload: {
        invoiceId: string
        account: string
        /** Of the secret, which only the secret store has. */
        handle: string
        /** Whether the secret is erased afterwards. */
        forget: boolean
        bolt11: string
        paymentHash: string
        expiresAt: number
      }
    }
  | { type: 'look-up-invoice'; payload: { invoiceId: string; paymentHash: string; commandId: string } }

/** Asks for work, to begin once this transaction is durable; `about` is what it is for when one command may ask for several. */
export function enqueueJob(tx: Transactor, context: Context, request: JobRequest, about = context.commandId): void {
  const id = deriveRef({ time: context.time, commandId: about }, `job:${request.type}`)
  tx.put(tables.jobs, [id], { type: request.type, payload: request.payload, createdAt: context.time })
}

/** Takes a job off the list; its outcome has come back as a fact. */
export function completeJob(tx: Transactor, jobId: string): void {
  tx.delete(tables.jobs, [jobId])
}

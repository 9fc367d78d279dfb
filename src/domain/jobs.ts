import { tables } from '../store/tables.ts'
import type { Transactor } from '../store/transaction.ts'
import { type Context, deriveRef } from './context.ts'

/** Work with the outside world. Each comes back as a fact that calls `completeJob`. */
export type JobRequest =
  | {
      type: 'create-invoice'
      payload: { invoiceId: string; amountMsat: number; description: string; expirySeconds: number }
    }
  | { type: 'look-up-invoice'; payload: { invoiceId: string; paymentHash: string; commandId: string } }

/** Asks for work, to begin once this transaction is durable. */
export function enqueueJob(tx: Transactor, context: Context, request: JobRequest): void {
  const id = deriveRef(context, `job:${request.type}`)
  tx.put(tables.jobs, [id], { type: request.type, payload: request.payload, createdAt: context.time })
}

/** Takes a job off the list; its outcome has come back as a fact. */
export function completeJob(tx: Transactor, jobId: string): void {
  tx.delete(tables.jobs, [jobId])
}

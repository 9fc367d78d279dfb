import type { LndConnection } from './connection.ts'
import { type Invoice, invoicesSchema } from './messages.ts'

/** An answer holds no more than 4 MiB, and one invoice may have come in many parts. */
const pageSize = 100

/** All invoices, oldest first, or those that are neither settled nor cancelled (LND REST, listinvoices). */
export async function* listInvoices(
  connection: LndConnection,
  { pendingOnly, signal }: { pendingOnly: boolean; signal: AbortSignal },
): AsyncGenerator<Invoice, void, void> {
  let offset = 0
  for (;;) {
    const query = {
      pending_only: String(pendingOnly),
      index_offset: String(offset),
      num_max_invoices: String(pageSize),
    }
    const page = await connection.demand(invoicesSchema, { method: 'GET', path: '/v1/invoices', query }, signal)
    yield* page.invoices
    if (page.invoices.length === 0 || page.last_index_offset <= offset) return
    offset = page.last_index_offset
  }
}

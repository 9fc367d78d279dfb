import { InvoiceRefused } from '../../../../src/adapters/lightning/port.ts'

/** What a local server makes of a node that refuses an invoice: its own protocol has other words. */
export function unlessRefused(error: unknown): 'refused' {
  if (error instanceof InvoiceRefused) return 'refused'
  throw error
}

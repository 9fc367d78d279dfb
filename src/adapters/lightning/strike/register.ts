import { createHash } from 'node:crypto'
import { type StrikeApi, unavailable } from './api.ts'

/** Entries that are written once, kept by Strike, each under a name. */
export type Register = {
  read(name: string, signal: AbortSignal): Promise<string | null>
  /** Writes an entry unless there is one; returns the one that is there then. Throws `LightningUnavailable`. */
  write(name: string, text: string, signal: AbortSignal): Promise<string>
}

/**
 * Strike has no request for a Lightning invoice or payment that is known by a word of ours, but what it calls an invoice
 * has a correlation id that must be unique, by which it is found, and a description (docs.strike.me/api/issue-invoice). We
 * make such invoices to remember what belongs to a key. Nobody can pay them: for that a quote would have to be asked for.
 */
export function createRegister(api: StrikeApi): Register {
  const read = (name: string, signal: AbortSignal) => api.invoiceDescription(idOf(name), signal)
  return {
    read,
    write: async (name, text, signal) => {
      const amount = { amount: '0.00001000', currency: 'BTC' }
      const made = await api.createInvoice({ correlationId: idOf(name), description: text, amount }, signal)
      if (!('refused' in made)) return text
      const before = await read(name, signal)
      if (before === null) throw unavailable(made)
      return before
    },
  }
}

/** At most 40 characters, told apart as surely as a hash. */
function idOf(name: string): string {
  return `panda-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}

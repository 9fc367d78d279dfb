import type { IncomingPayment } from '../port.ts'
import { type Following, followForATurn } from './following.ts'
import { listInvoices } from './invoice-list.ts'
import { acceptedOf, findInvoice } from './invoices.ts'
import { base64InPath, type Invoice } from './messages.ts'

/** Hold invoices that this process makes, for those who listen. */
export type HoldNews = {
  announce(paymentHash: string): void
  /** Returns how to leave. */
  listen(onHold: (paymentHash: string) => void): () => void
}

/** LND has a connection for each; the others wait for their turn. */
const maxWatched = 100

export function createHoldNews(): HoldNews {
  const listeners = new Set<(paymentHash: string) => void>()
  return {
    announce: paymentHash => {
      for (const listener of listeners) listener(paymentHash)
    },
    listen: onHold => {
      listeners.add(onHold)
      return () => listeners.delete(onHold)
    },
  }
}

/**
 * Gives each payment that waits to be taken, once, until the signal aborts. LND tells all listeners of settlements but not
 * of these (invoices/invoiceregistry.go), only those who ask for the very invoice (LND REST, subscribesingleinvoice): so
 * each hold invoice that is open is watched, those of before from the list. Throws `LightningUnavailable`.
 */
export async function followHeldPayments(
  following: Following & { readonly holdNews: HoldNews },
  give: (payment: IncomingPayment) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { connection, holdNews } = following
  const queue = new Set<string>()
  const watched = new Set<string>()
  let stop: (error?: unknown) => void = () => {}
  const stopped = new Promise<void>((resolve, reject) => {
    stop = error => (error === undefined ? resolve() : reject(error))
  })
  // One may fail before anybody waits for it.
  stopped.catch(() => undefined)

  const watch = async (paymentHash: string) => {
    let last: Invoice | null = null
    const path = `/v2/invoices/subscribe/${base64InPath(paymentHash)}`
    const isLast = ({ state }: Invoice) => state !== 'OPEN'
    for await (const invoice of followForATurn(following, { path, isLast }, signal)) last = invoice
    // The state now comes at once. Silence from the start: the making of the invoice has failed, or LND takes its time.
    if (!signal.aborted) last ??= await findInvoice(connection, paymentHash, signal)
    if (last?.state === 'ACCEPTED') await give(acceptedPayment(paymentHash, last))
    watched.delete(paymentHash)
    if (last?.state === 'OPEN') queue.add(paymentHash)
    watchNext()
  }
  const watchNext = () => {
    for (const paymentHash of queue) {
      if (watched.size >= maxWatched || signal.aborted) return
      queue.delete(paymentHash)
      watched.add(paymentHash)
      watch(paymentHash).catch(stop)
    }
  }
  const add = (paymentHash: string) => {
    if (!watched.has(paymentHash)) queue.add(paymentHash)
    watchNext()
  }

  const leave = holdNews.listen(add)
  signal.addEventListener('abort', () => stop(), { once: true })
  try {
    for await (const invoice of listInvoices(connection, { pendingOnly: true, signal })) {
      const { r_hash: paymentHash, r_preimage: preimage, is_amp: isAmp } = invoice
      // LND knows the preimage of every other invoice that is open.
      if (paymentHash === null || preimage !== null || isAmp) continue
      if (invoice.state === 'ACCEPTED') await give(acceptedPayment(paymentHash, invoice))
      else add(paymentHash)
    }
    if (!signal.aborted) await stopped
  } finally {
    leave()
  }
}

function acceptedPayment(paymentHash: string, invoice: Invoice): IncomingPayment {
  return { paymentHash, status: 'accepted', ...acceptedOf(invoice), cursor: null }
}

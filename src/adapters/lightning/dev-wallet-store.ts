import { setTimeout as delay } from 'node:timers/promises'
import { open, type RootDatabase } from 'lmdb'
import { LightningUnavailable } from './port.ts'

/** What was asked for and signed, and what arrived. Amounts are millisatoshi, times Unix seconds. */
export type InvoiceRow = {
  readonly bolt11: string
  readonly preimage: string
  readonly amountMsat: number
  readonly description: string
  readonly expirySeconds: number
  readonly expiresAt: number
  readonly settlement: { readonly receivedMsat: number; readonly settledAt: number } | null
}

/** One payment, under its sequence number: 1, 2, 3 … without gaps. */
export type SettlementRow = { readonly paymentHash: string; readonly receivedMsat: number; readonly settledAt: number }

/** What became of an order to pay; a refusal changed nothing. */
export type SettleOutcome =
  | { readonly status: 'settled'; readonly paymentHash: string; readonly receivedMsat: number }
  | { readonly status: 'refused'; readonly reason: 'unknown' | 'already settled' | 'expired' }

/** The wallet's own tables. What a promise reported is on disk; writes throw `LightningUnavailable` when the disk fails. */
export type DevWalletStore = {
  invoice(paymentHash: string): InvoiceRow | undefined
  settlement(sequence: number): SettlementRow | undefined
  lastSequence(): number
  /** Keeps the row unless the hash has one, and gives the one that is kept. */
  keep(paymentHash: string, row: InvoiceRow): Promise<InvoiceRow>
  /** Settles an open invoice, or an expired one if `late`; `receivedMsat` is what was asked unless given. */
  settle(paymentHash: string, payment: Payment): Promise<SettleOutcome>
  close(): Promise<void>
}

const maxCloseMs = 2_000

type Payment = { readonly receivedMsat: number | null; readonly late: boolean; readonly now: number }

/**
 * Opens the tables in a directory. LMDB and not a journal, because a settlement and its place in the sequence must
 * commit together. Throws when the tables belong to another node: their invoices could not be asked for again.
 */
export async function openDevWalletStore(directory: string, nodeId: string): Promise<DevWalletStore> {
  // Without overlapping sync a commit is seen only once it is on disk, so no reader is told what a power cut undoes.
  const root = open({
    path: directory,
    noSubdir: false,
    mapSize: 2 ** 26,
    overlappingSync: false,
    // With it LMDB makes a promise at every commit that nobody could catch when the commit fails.
    eventTurnBatching: false,
    encoding: 'json',
  })
  const nodes = root.openDB<string, string>({ name: 'node', encoding: 'json' })
  const invoices = root.openDB<InvoiceRow, string>({ name: 'invoices', encoding: 'json' })
  const settlements = root.openDB<SettlementRow, number>({ name: 'settlements', encoding: 'json' })

  const write = <T>(work: () => T): Promise<T> =>
    root.transaction(work).catch((error: Error & { commitError?: Promise<unknown> }) => {
      // The reason comes as a promise that is rejected with it, and would end the process if nobody looked.
      error.commitError?.catch(() => undefined)
      throw new LightningUnavailable('the development wallet cannot write to its disk', { cause: error })
    })
  const lastSequence = () => {
    for (const sequence of settlements.getKeys({ reverse: true, limit: 1 })) return sequence
    return 0
  }

  const owner = await write(() => {
    if (nodes.get('id') === undefined) nodes.putSync('id', nodeId)
    return nodes.get('id')
  })
  if (owner !== nodeId) {
    await closeInTime(root)
    throw new Error(`the development wallet in ${directory} was made with another node key`)
  }

  return {
    invoice: paymentHash => invoices.get(paymentHash),
    settlement: sequence => settlements.get(sequence),
    lastSequence,
    keep: (paymentHash, row) =>
      write(() => {
        const kept = invoices.get(paymentHash)
        if (kept !== undefined) return kept
        invoices.putSync(paymentHash, row)
        return row
      }),
    settle: (paymentHash, payment) =>
      write(() => {
        const row = invoices.get(paymentHash)
        if (row === undefined) return { status: 'refused', reason: 'unknown' }
        if (row.settlement !== null) return { status: 'refused', reason: 'already settled' }
        if (payment.now >= row.expiresAt && !payment.late) return { status: 'refused', reason: 'expired' }
        const receivedMsat = payment.receivedMsat ?? row.amountMsat
        const settlement = { receivedMsat, settledAt: payment.now }
        invoices.putSync(paymentHash, { ...row, settlement })
        settlements.putSync(lastSequence() + 1, { paymentHash, ...settlement })
        return { status: 'settled', paymentHash, receivedMsat }
      }),
    close: () => closeInTime(root),
  }
}

/**
 * Closes the tables. After a failed commit LMDB would wait for ever for a flush that does not come; then they are left
 * open, which loses nothing: what was reported is on disk.
 */
async function closeInTime(root: Pick<RootDatabase, 'close'>): Promise<void> {
  const closed = new AbortController()
  const over = delay(maxCloseMs, undefined, { signal: closed.signal }).catch(() => undefined)
  await Promise.race([root.close(), over])
  closed.abort()
}

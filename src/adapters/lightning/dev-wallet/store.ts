import { setTimeout as delay } from 'node:timers/promises'
import { open, type RootDatabase } from 'lmdb'
import { LightningUnavailable } from '../port.ts'

/** What arrived, and when. Amounts are millisatoshi, times Unix seconds. */
export type Arrival = { readonly receivedMsat: number; readonly at: number }

/** What was asked for and signed, and what became of it. */
export type InvoiceRow = {
  readonly idempotencyKey: string
  readonly bolt11: string
  readonly preimage: string
  readonly amountMsat: number
  readonly description: string
  readonly descriptionHash: string | null
  readonly expirySeconds: number
  readonly expiresAt: number
  readonly hold: boolean
  readonly status: 'open' | 'accepted' | 'settled' | 'cancelled'
  readonly arrival: Arrival | null
}

/** One settlement, under its sequence number: 1, 2, 3 … without gaps. */
export type SettlementRow = Arrival & { readonly paymentHash: string }

/** A payment to somebody else: `stuck` under way, nobody knows for how long. */
export type PaymentRow = {
  readonly idempotencyKey: string
  readonly amountMsat: number
  readonly feeMsat: number
  readonly status: 'paid' | 'failed' | 'stuck'
  readonly preimage: string
  readonly reason: string
}

/** An invoice that somebody outside has made, and what becomes of a payment to it. */
export type OutsideRow = {
  readonly preimage: string
  readonly feeMsat: number
  readonly fate: 'paid' | 'failed' | 'stuck'
}

/** The wallet's own tables. What a promise reported is on disk; writes throw `LightningUnavailable` when the disk fails. */
export type DevWalletStore = {
  readonly invoices: Table<InvoiceRow>
  readonly payments: Table<PaymentRow>
  readonly outside: Table<OutsideRow>
  settlement(sequence: number): SettlementRow | undefined
  lastSequence(): number
  /** What can be spent. */
  balanceMsat(): number
  /** Payments that wait to be taken, by hash. */
  accepted(): readonly string[]
  /** Runs reads and writes as one. */
  write<T>(work: (changes: Changes) => T): Promise<T>
  close(): Promise<void>
}

/** Rows by payment hash. */
type Table<Row> = { get(paymentHash: string): Row | undefined }

/** What can be changed inside `write`. */
export type Changes = {
  putInvoice(paymentHash: string, row: InvoiceRow): void
  putPayment(paymentHash: string, row: PaymentRow): void
  putOutside(paymentHash: string, row: OutsideRow): void
  addSettlement(row: SettlementRow): void
  addToBalance(changeMsat: number): void
}

const maxCloseMs = 2_000

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
  const table = <Row, Key extends string | number>(name: string) => root.openDB<Row, Key>({ name, encoding: 'json' })
  const nodes = table<string, string>('node')
  const invoices = table<InvoiceRow, string>('invoices')
  const accepted = table<boolean, string>('accepted')
  const settlements = table<SettlementRow, number>('settlements')
  const payments = table<PaymentRow, string>('payments')
  const outside = table<OutsideRow, string>('outside')
  const totals = table<number, string>('totals')

  const lastSequence = () => {
    for (const sequence of settlements.getKeys({ reverse: true, limit: 1 })) return sequence
    return 0
  }
  const balanceMsat = () => totals.get('balance') ?? 0
  const changes: Changes = {
    putInvoice: (paymentHash, row) => {
      invoices.putSync(paymentHash, row)
      if (row.status === 'accepted') accepted.putSync(paymentHash, true)
      else accepted.removeSync(paymentHash)
    },
    putPayment: (paymentHash, row) => void payments.putSync(paymentHash, row),
    putOutside: (paymentHash, row) => void outside.putSync(paymentHash, row),
    addSettlement: row => void settlements.putSync(lastSequence() + 1, row),
    addToBalance: changeMsat => void totals.putSync('balance', balanceMsat() + changeMsat),
  }
  const write = <T>(work: (changes: Changes) => T): Promise<T> =>
    root
      .transaction(() => work(changes))
      .catch((error: Error & { commitError?: Promise<unknown> }) => {
        // The reason comes as a promise that is rejected with it, and would end the process if nobody looked.
        error.commitError?.catch(() => undefined)
        throw new LightningUnavailable('the development wallet cannot write to its disk', { cause: error })
      })

  const owner = await write(() => {
    if (nodes.get('id') === undefined) nodes.putSync('id', nodeId)
    return nodes.get('id')
  })
  if (owner !== nodeId) {
    await closeInTime(root)
    throw new Error(`the development wallet in ${directory} was made with another node key`)
  }

  return {
    invoices,
    payments,
    outside,
    settlement: sequence => settlements.get(sequence),
    lastSequence,
    balanceMsat,
    accepted: () => [...accepted.getKeys()],
    write,
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

import { join } from 'node:path'
import { wholeSpan } from '../../relay/connection/page.ts'
import type { NostrEvent } from '../../relay/event.ts'
import { recordEvent, recordKind } from '../../relay/store/record.ts'
import { openEventStore } from '../../relay/store/store.ts'
import { openNodeKey } from '../../src/adapters/lightning/dev-wallet/node-key.ts'
import { openDevWalletStore } from '../../src/adapters/lightning/dev-wallet/store.ts'
import type { Environment } from '../../src/store/environment.ts'
import { readEntries } from '../../src/store/log.ts'
import { openBeside } from '../../src/store/open-beside.ts'
import { type RowOf, tables } from '../../src/store/tables.ts'

/** A row with the key under which it stands. */
type Keyed<Name extends 'orders' | 'invoices' | 'postings'> = RowOf<Name> & { readonly id: string }

/** What a customer knows of a command that it sent. */
export type Sent = {
  readonly id: string
  /** OK true was seen, or an HTTP answer that means the same. */
  readonly accepted: boolean
  /** The result that HTTP answered with. */
  readonly resultId: string | null
}

/** Everything that must agree when the service is at rest. */
export type Books = {
  readonly sent: readonly Sent[]
  /** Customers' commands in the log. */
  readonly logged: readonly string[]
  /** Stored results. */
  readonly results: readonly { readonly id: string; readonly commandId: string }[]
  /** What the wallet has received. */
  readonly settlements: readonly { readonly paymentHash: string; readonly receivedMsat: number }[]
  readonly invoices: readonly Keyed<'invoices'>[]
  readonly orders: readonly Keyed<'orders'>[]
  readonly postings: readonly Keyed<'postings'>[]
  readonly balances: readonly { readonly account: string; readonly msat: number }[]
  readonly owners: readonly { readonly identifier: string; readonly owner: string }[]
  /** The same by the index that lists an owner's names. */
  readonly ownersByIndex: readonly { readonly identifier: string; readonly owner: string }[]
}

const mapSizeBytes = 2 ** 32

/** Reads the tables of a data directory, beside the service or after it. */
export async function withTables<T>(data: string, read: (environment: Environment) => T): Promise<T> {
  const environment = await openBeside({ directory: data, mapSizeBytes })
  try {
    return read(environment)
  } finally {
    await environment.close()
  }
}

/** Reads the books of a service that has ended; `sent` is what its customers remember. */
export async function readBooks(data: string, sent: readonly Sent[]): Promise<Books> {
  const settlements = await readSettlements(data)
  return withTables(data, environment => {
    const { range } = environment.reader
    const { commands, service } = readLog(environment)
    return {
      sent,
      settlements,
      logged: commands.filter(command => command.pubkey !== service).map(command => command.id),
      results: readResults(environment),
      invoices: range(tables.invoices, []).map(({ key: [id], row }) => ({ id, ...row })),
      orders: range(tables.orders, []).map(({ key: [id], row }) => ({ id, ...row })),
      postings: range(tables.postings, []).map(({ key: [id], row }) => ({ id, ...row })),
      balances: range(tables.balances, []).map(({ key: [account], row: { msat } }) => ({ account, msat })),
      owners: range(tables.identifiers, []).map(({ key: [domain, name], row: { owner } }) => ({
        identifier: `${name}@${domain}`,
        owner,
      })),
      ownersByIndex: range(tables.byAccount, [])
        .filter(({ key: [, what] }) => what === 'identifier')
        .map(({ key: [owner, , , identifier] }) => ({ identifier, owner })),
    }
  })
}

/** What is still under way: results that wait for the world, work to be done, and payments not yet booked. */
export async function unfinished(data: string, paidHashes: Iterable<string>): Promise<string[]> {
  return withTables(data, ({ reader }) => [
    ...reader.range(tables.pendingCommands, []).map(({ key: [id] }) => `command ${id} has no result yet`),
    ...reader.range(tables.jobs, []).map(({ key: [id], row }) => `job ${row.type} ${id} is not done`),
    ...[...paidHashes].filter(hash => !isBooked(reader, hash)).map(hash => `payment ${hash} is not booked`),
  ])
}

/** Or given back. */
function isBooked(reader: Environment['reader'], paymentHash: string): boolean {
  const invoiceId = reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
  const status = invoiceId === undefined ? undefined : reader.get(tables.invoices, [invoiceId])?.status
  return status === 'settled' || status === 'cancelled'
}

/** The first entry of every log is a fact: its author is the service. */
function readLog(environment: Environment): { commands: NostrEvent[]; service: string } {
  const entries = readEntries(environment, 1, Number.MAX_SAFE_INTEGER)
  const commands = entries.map(entry => JSON.parse(entry.event.toString('utf8')) as NostrEvent)
  return { commands, service: commands[0]?.pubkey ?? '' }
}

function readResults(environment: Environment): Books['results'][number][] {
  const results: Books['results'][number][] = []
  for (const { value: bytes } of openEventStore(environment.root).databases.events.getRange({})) {
    const record = wholeSpan(bytes)
    if (recordKind(record) !== 2411) continue
    const event = recordEvent(record)
    for (const [name, commandId] of event.tags) {
      if (name === 'e' && commandId !== undefined) results.push({ id: event.id, commandId })
    }
  }
  return results
}

async function readSettlements(data: string): Promise<Books['settlements'][number][]> {
  const directory = join(data, 'dev-wallet')
  const wallet = await openDevWalletStore(directory, openNodeKey(join(directory, 'node-key')).nodeId)
  const settlements: Books['settlements'][number][] = []
  for (let sequence = 1; sequence <= wallet.lastSequence(); sequence++) {
    const row = wallet.settlement(sequence)
    if (row === undefined) throw new Error(`the wallet has no settlement ${sequence}`)
    settlements.push({ paymentHash: row.paymentHash, receivedMsat: row.receivedMsat })
  }
  await wallet.close()
  return settlements
}

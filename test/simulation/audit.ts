import { isUnpaid } from '../../src/domain/billing/orders.ts'
import { compareTables, type Difference, foldLog } from '../../src/pipeline/fold.ts'
import type { Signer } from '../../src/protocol/signer.ts'
import type { Environment } from '../../src/store/environment.ts'
import { startOfLog } from '../../src/store/log.ts'
import type { TableInfo } from '../../src/store/table.ts'
import { tables } from '../../src/store/tables.ts'
import { contradictions } from '../src/domain/books.ts'
import type { RowChange } from './journal.ts'
import { withToldWrites } from './told-writes.ts'
import type { Node } from './wallet/node.ts'

/** Replays the log and says what is not as it says. */
export type Audit = {
  /** Hears of every commit, and of what is forgotten. */
  changed(changes: readonly RowChange[]): void
  /** Goes on where the last one ended, and compares every row that has changed since on either side: all others were equal. */
  since(): string[]
  /** Begins with the first entry, and compares all tables. */
  anew(): string[]
}

/** Makes an audit with an environment of its own; what was durable at one replay is at the next. */
export function createAudit(options: {
  environment: Environment
  scratch: Environment
  signer: Signer
  isSigned: Parameters<typeof foldLog>[2]['isSigned']
}): Audit {
  const { environment, signer, isSigned } = options
  const touched = new Map<string, { table: TableInfo; key: Buffer }>()
  const touch = (table: TableInfo, key: Buffer) => {
    if (table.mark === 'fold') touched.set(`${table.name} ${key.toString('latin1')}`, { table, key })
  }
  const scratch = withToldWrites(options.scratch, touch)
  let head = startOfLog()
  const replay = (compare: (report: (difference: Difference) => void) => void): string[] => {
    const found: string[] = []
    const report = ({ table, key, what }: Difference) =>
      found.push(`replay gives the same tables: ${table} ${key} ${what}`)
    head = foldLog(environment, scratch, { signer, isSigned, report, from: head })
    compare(report)
    touched.clear()
    return [...found, ...contradictions(environment).map(one => `the books agree: ${one}`)]
  }
  clearTables(options.scratch)
  return {
    changed: changes => {
      for (const { table, key } of changes) touch(table, key)
    },
    since: () =>
      replay(report => {
        for (const { table, key } of touched.values()) {
          const [live, folded] = [environment.bytes(table).getBinary(key), scratch.bytes(table).getBinary(key)]
          const isSame = live === undefined || folded === undefined ? live === folded : live.equals(folded)
          if (!isSame) report({ table: table.name, key: key.toString('hex'), what: 'differs from what the log says' })
        }
      }),
    anew: () => {
      clearTables(options.scratch)
      head = startOfLog()
      return replay(report => void compareTables(environment, scratch, report))
    },
  }
}

/** What must hold when everything had its time: nothing waits, and everything is as it is in truth. */
export function auditEnd(environment: Environment, node: Node): string[] {
  const { reader } = environment
  const found: string[] = []
  for (const { key, row } of reader.range(tables.jobs, [])) found.push(`job ${row.type} ${key[0]} is still not done`)
  for (const { key } of reader.range(tables.pendingCommands, []))
    found.push(`one result per command: ${key[0]} has none`)
  for (const { paymentHash, receivedMsat: arrivedMsat } of node.settlements) {
    const invoiceId = reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
    const invoice = invoiceId === undefined ? undefined : reader.get(tables.invoices, [invoiceId])
    if (invoice?.status !== 'settled' || invoice.receivedMsat !== arrivedMsat) {
      found.push(`every paid invoice ends: ${paymentHash} is paid and ${invoice?.status ?? 'unknown'}`)
    }
  }
  for (const { status, paymentHash } of node.incoming.values()) {
    if (status === 'accepted') found.push(`every paid invoice ends: the payment of ${paymentHash} still waits`)
  }
  for (const { key, row } of reader.range(tables.orders, [])) {
    if (isUnpaid(row) || row.status === 'accepted') found.push(`every order ends: ${key[0]} is still ${row.status}`)
  }
  for (const { key, row } of reader.range(tables.withdrawals, [])) {
    const truth = node.outgoing.get(key[0])?.status ?? 'failed'
    if (row.status !== truth) found.push(`withdrawal ${key[0]} is ${row.status}, in truth ${truth}`)
  }
  return found
}

/** How many rows one transaction removes: what more of them free, LMDB may not be able to write down. */
const clearedAtOnce = 500

/** Empties every table of ours. */
export function clearTables(environment: Environment): void {
  for (const table of Object.values(tables)) {
    const rows = environment.bytes(table)
    const keys = [...rows.getKeys({})].map(key => Buffer.from(key))
    while (keys.length > 0) {
      environment.root.transactionSync(() => {
        for (const key of keys.splice(0, clearedAtOnce)) rows.removeSync(key)
      })
    }
  }
}

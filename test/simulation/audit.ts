import { ABORT } from 'lmdb'
import type { NostrEvent } from '../../relay/event.ts'
import { isUnpaid } from '../../src/domain/billing/orders.ts'
import { compareTables, type Difference, foldLog } from '../../src/pipeline/fold.ts'
import type { Signer } from '../../src/protocol/signer.ts'
import type { Environment } from '../../src/store/environment.ts'
import { tables } from '../../src/store/tables.ts'
import { contradictions } from '../src/domain/books.ts'
import type { Node } from './wallet/node.ts'

/**
 * Folds the log of an environment from its first entry into an empty one, `scratch`, compares all tables of both and says what
 * differs, and what of the books does not agree. `scratch` is empty again afterwards: nothing of the fold is ever committed.
 */
export function auditLog(
  environment: Environment,
  scratch: Environment,
  { signer, isSigned }: { signer: Signer; isSigned(event: NostrEvent): boolean },
): string[] {
  const found: string[] = []
  const report = ({ table, key, what }: Difference) =>
    found.push(`replay gives the same tables: ${table} ${key} ${what}`)
  scratch.root.transactionSync(() => {
    foldLog(environment, scratch, { signer, isSigned, report })
    compareTables(environment, scratch, report)
    return ABORT
  })
  return [...found, ...contradictions(environment).map(one => `the books agree: ${one}`)]
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

import { compareTables, foldLog } from '../../src/pipeline/fold.ts'
import type { Signer } from '../../src/protocol/signer.ts'
import type { Environment } from '../../src/store/environment.ts'
import type { Head } from '../../src/store/log.ts'
import { tables } from '../../src/store/tables.ts'
import { contradictions } from '../src/domain/books.ts'
import type { Node } from './wallet/node.ts'

/** `log`: that each entry gives again what it gave; `whole`: the tables and the books too; `anew`: from the first entry. */
type Extent = 'log' | 'whole' | 'anew'

/**
 * Replays the log into an environment of its own and compares all tables: what differs, and what contradicts itself. What
 * was durable at one audit is at the next, so that the replay goes on.
 */
export function createAudit(options: {
  environment: Environment
  scratch: Environment
  signer: Signer
  isSigned: Parameters<typeof foldLog>[2]['isSigned']
}): (extent: Extent) => string[] {
  const { environment, scratch, signer, isSigned } = options
  let head: Head | undefined
  return extent => {
    if (extent === 'anew' || head === undefined) {
      clearTables(scratch)
      head = undefined
    }
    const found: string[] = []
    const report = ({ table, key, what }: { table: string; key: string; what: string }) =>
      found.push(`replay gives the same tables: ${table} ${key} ${what}`)
    head = foldLog(environment, scratch, { signer, isSigned, report, ...(head === undefined ? {} : { from: head }) })
    if (extent === 'log') return found
    compareTables(environment, scratch, report)
    return [...found, ...contradictions(environment).map(one => `the books agree: ${one}`)]
  }
}

/** What must hold when everything had its time: nothing waits, and the wallet and the books tell the same story. */
export function auditEnd(environment: Environment, node: Node): string[] {
  const { reader } = environment
  const found: string[] = []
  for (const { key, row } of reader.range(tables.jobs, [])) found.push(`job ${row.type} ${key[0]} is still not done`)
  for (const { key } of reader.range(tables.pendingCommands, []))
    found.push(`one result per command: ${key[0]} has none`)
  let receivedMsat = 0
  let spentMsat = 0
  for (const { paymentHash, receivedMsat: arrivedMsat } of node.settlements) {
    receivedMsat += arrivedMsat
    const invoiceId = reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
    const invoice = invoiceId === undefined ? undefined : reader.get(tables.invoices, [invoiceId])
    if (invoice?.status !== 'settled' || invoice.receivedMsat !== arrivedMsat) {
      found.push(`every paid invoice ends: ${paymentHash} is paid and ${invoice?.status ?? 'unknown'}`)
    }
  }
  for (const { status, paymentHash } of node.incoming.values()) {
    if (status === 'accepted') found.push(`every paid invoice ends: the payment of ${paymentHash} still waits`)
  }
  for (const { key, row } of reader.range(tables.withdrawals, [])) {
    const truth = node.outgoing.get(key[0])?.status ?? 'failed'
    if (row.status !== truth) found.push(`withdrawal ${key[0]} is ${row.status}, in truth ${truth}`)
  }
  found.push(...refundsBeyond(environment))
  for (const { status, amountMsat, feeMsat } of node.outgoing.values()) {
    if (status === 'paid') spentMsat += amountMsat + feeMsat
  }
  for (const [hash, times] of node.paidTimes) {
    if (times > 1) found.push(`a refund is paid at most once: ${hash} was paid ${times} times`)
  }
  const bookedMsat = -(reader.get(tables.balances, ['wallet'])?.msat ?? 0)
  if (bookedMsat !== receivedMsat - spentMsat) {
    found.push(`the wallet took in ${receivedMsat} and paid ${spentMsat}, the books say ${bookedMsat}`)
  }
  return found
}

/** Orders of which more was sent to their address than had come in vain or was given back. */
function refundsBeyond({ reader }: Environment): string[] {
  const leftMsat = new Map<string, number>()
  const add = (orderId: string, msat: number) => leftMsat.set(orderId, (leftMsat.get(orderId) ?? 0) + msat)
  for (const { row } of reader.range(tables.invoices, [])) add(row.orderId, row.receivedMsat ?? 0)
  for (const { row } of reader.range(tables.postings, [])) {
    if (row.orderId !== null && row.reason.startsWith('refund:')) add(row.orderId, row.amountMsat)
  }
  for (const { key, row } of reader.range(tables.orders, [])) add(key[0], -row.invoicedMsat)
  for (const { row } of reader.range(tables.withdrawals, [])) {
    // What a wallet spends beyond the limit is the operator's.
    const feeMsat = Math.min(row.feeMsat ?? 0, row.maxFeeMsat)
    if (row.orderId !== null && row.status !== 'failed') add(row.orderId, -row.amountMsat - feeMsat)
  }
  return [...leftMsat]
    .filter(([, msat]) => msat < 0)
    .map(([orderId, msat]) => `a refund is paid at most once: ${-msat} too much was sent for ${orderId}`)
}

/** Empties every table of ours. */
export function clearTables(environment: Environment): void {
  environment.root.transactionSync(() => {
    for (const table of Object.values(tables)) {
      const rows = environment.bytes(table)
      for (const key of [...rows.getKeys({})].map(key => Buffer.from(key))) rows.removeSync(key)
    }
  })
}

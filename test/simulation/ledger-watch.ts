import type { TableInfo } from '../../src/store/table.ts'
import { tables } from '../../src/store/tables.ts'
import type { RowChange } from './journal.ts'

/** A row before and after a commit, as values. */
type Changed<Row> = {
  readonly key: readonly (string | number)[]
  readonly before: Row | undefined
  readonly after: Row | undefined
}

/** The changes to one table in a commit, decoded; a row that was written twice appears once. */
export function changesOf<Row>(
  changes: readonly RowChange[],
  table: TableInfo & { codec: { decode(bytes: Buffer): Row }; decodeKey(bytes: Buffer): readonly (string | number)[] },
): Changed<Row>[] {
  const merged = new Map<string, { key: Buffer; before: Buffer | undefined; after: Buffer | undefined }>()
  for (const change of changes) {
    if (change.table.name !== table.name) continue
    const name = change.key.toString('latin1')
    const { key, before, after } = change
    merged.set(name, { key, before: merged.has(name) ? merged.get(name)?.before : before, after })
  }
  return [...merged.values()].map(({ key, before, after }) => ({
    key: table.decodeKey(key),
    before: before && table.codec.decode(before),
    after: after && table.codec.decode(after),
  }))
}

/** Keeps books of its own from the postings alone, and says where the balances differ from them. */
export function createLedgerWatch() {
  const msatOf = new Map<string, number>()
  const timesOf = new Map<string, number>()
  /** order → how many of its invoices are settled. */
  const settledOf = new Map<string, number>()
  let sumMsat = 0

  const add = (account: string, amountMsat: number) => msatOf.set(account, (msatOf.get(account) ?? 0) + amountMsat)

  /** What may happen once for each order (a settlement: for each invoice of it) or withdrawal, whatever is told how often. */
  const isOnce = (reason: string) =>
    reason === 'settlement' ||
    reason.startsWith('sale:') ||
    reason.startsWith('refund:') ||
    reason.startsWith('not spent:') ||
    reason.startsWith('paid:')

  return {
    changed: (changes: readonly RowChange[], isForgotten: boolean): string[] => {
      const found: string[] = []
      for (const { before, after } of changesOf(changes, tables.invoices)) {
        const change = Number(after?.status === 'settled') - Number(before?.status === 'settled')
        const orderId = (after ?? before)?.orderId ?? ''
        settledOf.set(orderId, (settledOf.get(orderId) ?? 0) + change)
      }
      for (const { key, before, after } of changesOf(changes, tables.postings)) {
        const [posting, sign] = isForgotten ? [before, -1] : [after, 1]
        if (posting === undefined || (!isForgotten && before !== undefined)) {
          found.push(`debit equals credit: posting ${key[0]} was changed`)
          continue
        }
        const { debit, credit, amountMsat, reason, orderId } = posting
        if (!(amountMsat > 0)) found.push(`debit equals credit: posting ${key[0]} moves ${amountMsat}`)
        add(debit, -sign * amountMsat)
        add(credit, sign * amountMsat)
        if (!isOnce(reason)) continue
        const name = `${reason} ${orderId ?? ''}`
        const times = (timesOf.get(name) ?? 0) + sign
        timesOf.set(name, times)
        const most = reason === 'settlement' ? (settledOf.get(orderId ?? '') ?? 0) : 1
        if (!isForgotten && times > most) found.push(`paid at most once: ${name} was booked ${times} times`)
      }
      for (const { key, before, after } of changesOf(changes, tables.balances)) {
        const account = String(key[0])
        sumMsat += (after?.msat ?? 0) - (before?.msat ?? 0)
        if ((after?.msat ?? 0) !== (msatOf.get(account) ?? 0)) {
          found.push(`debit equals credit: ${account} has ${after?.msat}, its postings come to ${msatOf.get(account)}`)
        }
        if (account.startsWith('customer:') && (after?.msat ?? 0) < 0) {
          found.push(`no negative balance: ${account} has ${after?.msat}`)
        }
      }
      if (sumMsat !== 0) found.push(`debit equals credit: the balances sum to ${sumMsat}`)
      return found
    },
  }
}

import { tables } from '../store/tables.ts'
import type { RangeOptions, Reader, Transactor } from '../store/transaction.ts'

/** What an account has several of. */
type Listed = 'identifier' | 'order' | 'posting' | 'renewal' | 'ticket' | 'withdrawal'

/** Where something stands among what its account has. */
export type Place = { readonly time: number; readonly id: string }

/** Lists something under its account. What has no order in time stands at 0, by its id. */
export function list(tx: Transactor, account: string, what: Listed, { time, id }: Place): void {
  tx.put(tables.byAccount, [account, what, time, id], {})
}

/** Takes something off the list of its account. */
export function unlist(tx: Transactor, account: string, what: Listed, { time, id }: Place): void {
  tx.delete(tables.byAccount, [account, what, time, id])
}

/** The ids of what an account has, oldest first; `after`: where the page before ended. */
export function listed(
  reader: Reader,
  account: string,
  what: Listed,
  { after, ...options }: Omit<RangeOptions, 'after' | 'upTo'> & { after?: Place } = {},
): string[] {
  const from = after === undefined ? {} : { after: [account, what, after.time, after.id] }
  return reader.range(tables.byAccount, [account, what], { ...options, ...from }).map(({ key }) => key[3])
}

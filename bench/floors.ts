import type { RootDatabase } from 'lmdb'
import type { NostrEvent } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { verifySignature } from '../relay/signatures/verify.ts'
import type { Rows } from '../relay/store/pending-writes.ts'
import { type Cost, costOf } from './process-usage.ts'

/** One write as bytes. */
export type Put = { readonly database: Pick<Rows, 'putSync'>; readonly key: Buffer; readonly value: Buffer }

/** What checking the signatures takes by itself. */
export function verificationCost(secp: Secp256k1, events: readonly NostrEvent[]): Promise<Cost> {
  return costOf(() => {
    for (const event of events) {
      if (verifySignature(event, secp) === null) throw new Error('the benchmark made a wrong signature')
    }
  })
}

/** What writing takes by itself: `perTransaction` operations of some puts each in a transaction, flushed one after another. */
export function commitCost(root: RootDatabase, operations: readonly Put[][], perTransaction: number): Promise<Cost> {
  return costOf(async () => {
    for (let first = 0; first < operations.length; first += perTransaction) {
      await root.transaction(() => {
        for (const puts of operations.slice(first, first + perTransaction)) {
          for (const { database, key, value } of puts) database.putSync(key, value)
        }
      })
      await root.flushed
    }
  })
}

/** Opens a data directory to look on; gives how many transactions it has seen. */
export function transactionsOf(root: RootDatabase): number {
  const { lastTxnId } = root.getStats() as { lastTxnId?: number }
  if (lastTxnId === undefined) throw new Error('LMDB does not say how many transactions there were')
  return lastTxnId
}

import { tables } from '../../src/store/tables.ts'
import type { RowChange } from './journal.ts'
import { changesOf } from './ledger-watch.ts'
import type { CustomerWallets } from './wallet/customer-wallets.ts'

/** Says where a customer's wallet was asked to pay more often than the service has been told to have it asked. */
export function createWalletWatch(wallets: CustomerWallets) {
  /** payment hash → how many jobs there were to have it paid. */
  const tries = new Map<string, number>()
  return {
    changed: (changes: readonly RowChange[], isForgotten: boolean): string[] => {
      const found: string[] = []
      for (const { key, before, after } of changesOf(changes, tables.jobs)) {
        const [begun, ended] = isForgotten ? [before, undefined] : [after, before]
        const job = begun ?? ended
        if (job?.type !== 'pay-by-wallet') continue
        const { paymentHash } = job.payload as { paymentHash: string }
        if (begun !== undefined) tries.set(paymentHash, (tries.get(paymentHash) ?? 0) + (isForgotten ? -1 : 1))
        const asked = wallets.askedTimes.get(paymentHash) ?? 0
        const allowed = tries.get(paymentHash) ?? 0
        if (asked > allowed) found.push(`asked at most once: a wallet was asked ${asked} times for ${key[0]}`)
      }
      return found
    },
  }
}

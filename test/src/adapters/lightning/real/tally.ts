import type { PaymentOutcome } from '../../../../../src/adapters/lightning/port.ts'
import { readSigned } from './invoices.ts'

/** What a run has paid, each way; amounts in millisatoshi. */
export type Tally = {
  /** Notes what was told of paying this invoice; of several answers, the one that says most counts. */
  note(payer: 'the payer' | 'the wallet', bolt11: string, outcome: PaymentOutcome | null): void
  /** What was spent, for people. */
  summary(): string
}

type Entry = { readonly payer: string; readonly amountMsat: number; readonly outcome: PaymentOutcome | null }

export function openTally(): Tally {
  const entries = new Map<string, Entry>()
  const paidBy = (payer: string) => {
    const paid = [...entries.values()].filter(one => one.payer === payer && one.outcome?.status === 'paid')
    const amountMsat = paid.reduce((sum, one) => sum + one.amountMsat, 0)
    return `${payer} paid ${satoshis(amountMsat)} in ${paid.length} payments and ${satoshis(feesOf(paid))} in fees`
  }
  return {
    note: (payer, bolt11, outcome) => {
      const { paymentHash, amountMsat } = readSigned(bolt11)
      const known = entries.get(paymentHash)
      if (rankOf(outcome) >= rankOf(known?.outcome ?? null)) entries.set(paymentHash, { payer, amountMsat, outcome })
    },
    summary: () => {
      const open = [...entries.values()].filter(({ outcome }) => outcome === null || outcome.status === 'unknown')
      const openMsat = open.reduce((sum, one) => sum + one.amountMsat, 0)
      const rest = open.length === 0 ? '' : `; of ${open.length} more (${satoshis(openMsat)}) the end is not known`
      return `${paidBy('the payer')}; ${paidBy('the wallet')}${rest}`
    },
  }
}

/** Who asks once more may be told less than before. */
function rankOf(outcome: PaymentOutcome | null): number {
  return outcome === null ? 0 : { unknown: 1, failed: 2, paid: 3 }[outcome.status]
}

function feesOf(paid: readonly Entry[]): number {
  return paid.reduce((sum, { outcome }) => sum + (outcome?.status === 'paid' ? outcome.feeMsat : 0), 0)
}

function satoshis(amountMsat: number): string {
  return `${amountMsat / 1_000} sat`
}

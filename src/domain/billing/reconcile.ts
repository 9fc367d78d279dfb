import { z } from 'zod'
import { page } from '../../protocol/fields.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { ok } from '../context.ts'
import { defineCommand, defineQuery } from '../method.ts'

/**
 * The wallet has what went through the ledger, and what its operator keeps there besides. Once a day both are compared: what
 * changes of the difference, nobody has booked. What is in the wallet is in the ledger only when we have heard of it, so the
 * comparison is made later than the question, when what was booked since can be told.
 */

const view = z.object({
  backend: z.string(),
  time: z.int(),
  /** What the wallet says that it has. */
  balanceMsat: z.int(),
  /** What it should have had by the ledger before it was asked, if it had begun with nothing. */
  ledgerMsat: z.int(),
  /** Of that, what may have left it already: payments of which nobody knew yet what became. */
  underWayMsat: z.int(),
  /** Beside that, what may have been in it already: what has been booked as received since. */
  arrivedMsat: z.int(),
  /**
   * What nobody has booked, at least and at most: the difference of the two, as far as payments under way, or just
   * received, or a wallet's counting in satoshis, do not explain it, by this comparison and those before.
   */
  unbookedMinMsat: z.int(),
  unbookedMaxMsat: z.int(),
  /** By how much that is surely more, or less, than the last time; 0 the first time. */
  changeMsat: z.int(),
})

/** What the wallet has, beside what it should have. Operators are told of a difference that has changed. */
export const walletReconciled = defineCommand({
  name: 'wallet.reconciled',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The balance of the wallet was compared with the ledger.',
  params: z.strictObject({
    backend: z.string().max(64),
    balanceMsat: z.int(),
    /** How much more there may be, of a wallet that tells whole satoshis. */
    leftOutMsat: z.int().min(0).default(0),
    ledgerMsat: z.int(),
    underWayMsat: z.int().min(0),
    arrivedMsat: z.int().min(0),
  }),
  result: z.object({}),
  handle: ({ backend, balanceMsat, leftOutMsat, ledgerMsat, underWayMsat, arrivedMsat }, tx, context) => {
    // A payment under way had left the wallet or had not; one that was booked since had come or had not.
    const leastMsat = balanceMsat - ledgerMsat - arrivedMsat
    const mostMsat = balanceMsat + leftOutMsat - ledgerMsat + underWayMsat
    const before = lastOf(tx, backend)
    const changeMsat = before === undefined ? 0 : gapBetween(before, leastMsat, mostMsat)
    const isSame = before !== undefined && changeMsat === 0
    const row = {
      balanceMsat,
      ledgerMsat,
      underWayMsat,
      arrivedMsat,
      changeMsat,
      unbookedMinMsat: isSame ? Math.max(before.unbookedMinMsat, leastMsat) : leastMsat,
      unbookedMaxMsat: isSame ? Math.min(before.unbookedMaxMsat, mostMsat) : mostMsat,
    }
    tx.put(tables.reconciliations, [backend, context.time], row)
    if (changeMsat !== 0) {
      const body = { backend, time: context.time, ...row }
      for (const to of context.settings.operators) {
        context.emit({ kind: 'notice', type: 'wallet.difference', to, about: null, body })
      }
    }
    return ok({})
  },
})

export const walletReconciliations = defineQuery({
  name: 'wallet.reconciliations',
  type: 'query',
  caller: 'operator',
  privacy: 'sealed',
  summary: 'The latest comparisons of the wallet with the ledger, by wallet and newest first.',
  params: z.strictObject({ limit: page.limit }),
  result: z.object({ reconciliations: z.array(view) }),
  answer: ({ limit }, reader) => ({
    reconciliations: reader
      .range(tables.reconciliations, [], { limit, reverse: true })
      .map(({ key: [backend, time], row }) => ({ backend, time, ...row })),
  }),
})

/** How far what was not booked lies above what was before, or, negative, below; 0 when both may be the same. */
function gapBetween(before: RowOf<'reconciliations'>, leastMsat: number, mostMsat: number): number {
  if (leastMsat > before.unbookedMaxMsat) return leastMsat - before.unbookedMaxMsat
  return Math.min(0, mostMsat - before.unbookedMinMsat)
}

/** The last comparison with a backend. */
function lastOf(reader: Reader, backend: string): RowOf<'reconciliations'> | undefined {
  return reader.range(tables.reconciliations, [backend], { limit: 1, reverse: true })[0]?.row
}

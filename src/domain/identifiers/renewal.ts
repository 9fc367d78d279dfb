import { z } from 'zod'
import { splitIdentifier } from '../../protocol/names.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { revenueAccount } from '../billing/ledger.ts'
import type { Ordered, Sellable } from '../billing/sellable.ts'
import { renewalObstacle } from './availability.ts'
import { claimName, releaseHold } from './holds.ts'
import { renewName } from './lifecycle.ts'

/** `since`: which registration of the name it is for; another that follows is not what was paid for. */
const renewalParams = z.object({ identifier: z.string(), years: z.int(), since: z.int() })

/** More years of a name, as something that can be bought. */
export const renewal: Sellable = {
  kind: 'identifier-renewal',
  revenue: revenueAccount,
  // A name that is somebody's already is nobody else's meanwhile.
  hold: () => false,
  claim: (ordered, tx, context) => {
    const { name, domain } = wantedOf(ordered)
    // One is enough to keep the name its owner's; several may be paid at once.
    if (!tx.has(tables.holds, [domain, name])) claimName(tx, context, { name, domain }, ordered)
  },
  release: (ordered, lapsed, tx, context) => {
    releaseHold(tx, context, wantedOf(ordered), ordered.orderId, lapsed)
  },
  obstacle: (ordered, tx, { time }) => {
    const { since, ...wanted } = wantedOf(ordered)
    const obstacle = renewalObstacle(tx, { ...wanted, time })
    if (obstacle !== null) return obstacle
    const row = tx.get(tables.identifiers, [wanted.domain, wanted.name])
    return row?.since === since ? null : reject('CONFLICT', 'the name has been registered anew since')
  },
  fulfil: (ordered, tx, context) => {
    const { years, name, domain } = wantedOf(ordered)
    const row = tx.get(tables.identifiers, [domain, name])
    if (row === undefined) throw new Error('a name without obstacle to its renewal exists')
    renewName(tx, context, { name, domain }, row, years)
  },
}

function wantedOf(ordered: Ordered) {
  const { identifier, years, since } = ordered.params as z.infer<typeof renewalParams>
  return { ...splitIdentifier(identifier), years, since }
}

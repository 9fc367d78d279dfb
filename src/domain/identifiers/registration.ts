import { z } from 'zod'
import { parseIdentifier } from '../../protocol/names.ts'
import { reject } from '../../rejections.ts'
import { type RowOf, recordRow, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import { revenueAccount } from '../billing/ledger.ts'
import type { Ordered, Sellable } from '../billing/sellable.ts'
import { isClaimable } from './availability.ts'
import { claimName, holdName, releaseHold } from './holds.ts'
import { activateName } from './lifecycle.ts'

/** What an order for a name needs to know. */
const registrationParams = z.object({
  identifier: z.string(),
  years: z.int(),
  records: z.array(recordRow),
  relays: z.array(z.string()),
})

/** The registration of a name, as something that can be bought. */
export const registration: Sellable = {
  kind: 'identifier',
  revenue: revenueAccount,
  hold: (ordered, until, tx, context) => {
    const { orderId, account } = ordered
    return holdName(tx, context, wantedOf(ordered).identifier, { orderId, account, until })
  },
  claim: (ordered, tx, context) => {
    claimName(tx, context, wantedOf(ordered).identifier, ordered)
  },
  release: (ordered, lapsed, tx, context) => {
    releaseHold(tx, context, wantedOf(ordered).identifier, ordered.orderId, lapsed)
  },
  obstacle: (ordered, tx, { settings }) => {
    const { name, domain } = wantedOf(ordered).identifier
    if (!tx.has(tables.domains, [domain])) return reject('DOMAIN_CLOSED', `${domain} is no longer sold here`)
    if (tx.has(tables.identifiers, [domain, name])) return reject('NAME_TAKEN', `${name}@${domain} is taken`)
    const hold = tx.get(tables.holds, [domain, name])
    if (hold?.orderId === ordered.orderId) return null
    if (hold !== undefined) return reject('NAME_HELD', `${name}@${domain} is held for another order`)
    // Without a hold the order has no claim on a name that was reserved, or priced, after it was placed.
    return mayHave(tx, ordered, settings.identifiers.reserved)
      ? null
      : reject('NAME_RESERVED', `${name}@${domain} is reserved`)
  },
  fulfil: (ordered, tx, context) => {
    const { identifier, years, records, relays } = wantedOf(ordered)
    activateName(tx, context, identifier, { owner: ordered.account, years, records, relays })
  },
}

/** Whether an order that holds nothing is for the one, and at the price, that the name's reservation says, if it has one. */
function mayHave(tx: Transactor, ordered: Ordered, reservedNames: readonly string[]): boolean {
  const { identifier, years } = wantedOf(ordered)
  const reservation = tx.get(tables.reservations, [identifier.domain, identifier.name])
  if (reservation === undefined) return !reservedNames.includes(identifier.name)
  // An order that is not written yet is being placed: it has the price that holds now.
  const order = tx.get(tables.orders, [ordered.orderId])
  const isPaidFor = order === undefined || priceOf(order) >= (reservation.priceMsat ?? 0) * years
  return isPaidFor && isClaimable(reservation, ordered.account)
}

/** Before coupons. */
function priceOf({ items }: RowOf<'orders'>): number {
  let priceMsat = 0
  for (const { lines } of items) for (const { amountMsat } of lines) if (amountMsat > 0) priceMsat += amountMsat
  return priceMsat
}

function wantedOf(ordered: Ordered) {
  const params = ordered.params as z.infer<typeof registrationParams>
  const identifier = parseIdentifier(params.identifier)
  if (identifier === null) throw new Error(`an order for ${params.identifier}, which is no identifier`)
  return { ...params, identifier }
}

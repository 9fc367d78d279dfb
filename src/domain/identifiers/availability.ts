import { formatIdentifier, type Identifier, nameFault } from '../../protocol/names.ts'
import { type Rejection, reject } from '../../rejections.ts'
import type { Line } from '../../store/money-tables.ts'
import type { Settings } from '../../store/settings-row.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { renewedUntil } from './lifecycle.ts'

/** For how long ahead a name can be paid. */
export const maxYears = 10

/** What a name costs, or why it cannot be had. `status` is for a quote; `rejection` says the same to a buyer. */
export type Availability =
  | { readonly status: 'available' | 'premium'; readonly lines: Line[] }
  | { readonly status: 'invalid' | 'reserved' | 'taken' | 'held' | 'closed' | 'unknown'; readonly rejection: Rejection }

/** Whether `account` could register a name for some years now, and the price line by line, per `product.md`'s policy. */
export function availabilityOf(
  reader: Reader,
  settings: Settings,
  wanted: Identifier & { years: number; account: string },
): Availability {
  const { name, domain, account } = wanted
  const full = formatIdentifier(wanted)
  const policy = reader.get(tables.domains, [domain])
  if (policy === undefined) {
    return { status: 'unknown', rejection: reject('NOT_FOUND', `${domain} is not a domain of this service`) }
  }
  const fault = nameFault(name, settings.identifiers)
  if (fault !== null) return { status: 'invalid', rejection: reject('NAME_INVALID', fault) }

  // A reservation says who may have a name that is free; while it is taken, that is all there is to say.
  if (reader.has(tables.identifiers, [domain, name])) {
    return { status: 'taken', rejection: reject('NAME_TAKEN', `${full} is taken`) }
  }
  const reservation = reader.get(tables.reservations, [domain, name])
  const isReserved =
    reservation === undefined ? settings.identifiers.reserved.includes(name) : !isClaimable(reservation, account)
  if (isReserved) {
    const details = reservation === undefined ? undefined : { reason: reservation.reason }
    return { status: 'reserved', rejection: reject('NAME_RESERVED', `${full} is reserved`, details) }
  }
  const hold = reader.get(tables.holds, [domain, name])
  if (hold !== undefined) {
    const rejection = reject('NAME_HELD', `${full} is held for an unpaid order`, { until: hold.until })
    return { status: 'held', rejection }
  }
  if (!policy.open) return { status: 'closed', rejection: reject('DOMAIN_CLOSED', `${domain} sells no names now`) }
  const premiumMsat = reservation?.priceMsat ?? null
  return { status: premiumMsat === null ? 'available' : 'premium', lines: priceLines(wanted, policy, premiumMsat) }
}

/** What some more years of a name that is somebody's cost, or why they cannot be had. Anyone may pay for them. */
export function renewalOf(reader: Reader, wanted: Identifier & { years: number; time: number }): Line[] | Rejection {
  const { name, domain, years, time } = wanted
  const full = formatIdentifier(wanted)
  const policy = reader.get(tables.domains, [domain])
  const row = reader.get(tables.identifiers, [domain, name])
  if (policy === undefined || row === undefined) return reject('NOT_FOUND', `${full} is not registered`)
  if (renewedUntil(row, years) > renewedUntil({ ...row, expiresAt: time }, maxYears)) {
    return reject('LIMIT_REACHED', `a name can be paid for ${maxYears} years ahead at most`)
  }
  return priceLines(wanted, policy, reader.get(tables.reservations, [domain, name])?.priceMsat ?? null)
}

function priceLines(
  { name, domain, years }: Identifier & { years: number },
  policy: RowOf<'domains'>,
  premiumMsat: number | null,
): Line[] {
  const full = formatIdentifier({ name, domain })
  if (premiumMsat === null) return ordinaryLines(full, name, years, policy)
  return [{ description: `${full}, premium, ${years} × year`, amountMsat: premiumMsat * years }]
}

/** Price per year = base + per character × length. */
function ordinaryLines(full: string, name: string, years: number, policy: RowOf<'domains'>): Line[] {
  return [
    { description: `${full}, ${years} × year`, amountMsat: policy.basePriceMsat * years },
    {
      description: `${name.length} characters, ${years} × year`,
      amountMsat: policy.pricePerCharMsat * name.length * years,
    },
  ]
}

/** A reservation is claimable by the one it is for, or, when it has a price and is for nobody, by anyone at that price. */
export function isClaimable(reservation: RowOf<'reservations'>, account: string): boolean {
  return reservation.reservedFor === null ? reservation.priceMsat !== null : reservation.reservedFor === account
}

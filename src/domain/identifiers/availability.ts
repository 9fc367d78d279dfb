import { formatIdentifier, type Identifier, nameFault } from '../../protocol/names.ts'
import { isRejection, type Rejection, reject } from '../../rejections.ts'
import type { Line } from '../../store/money-tables.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { allLines, fiatLine, type Moment } from '../billing/rates.ts'
import { renewedUntil } from './lifecycle.ts'

/** For how long ahead a name can be paid. */
export const maxYears = 10

/** What a name costs, or why it cannot be had. `status` is for a quote; `rejection` says the same to a buyer. */
export type Availability =
  | { readonly status: 'available' | 'premium'; readonly lines: Line[] }
  | { readonly status: 'invalid' | 'reserved' | 'taken' | 'held' | 'closed' | 'unknown'; readonly rejection: Rejection }
  /** It could be had, if its price were known. */
  | { readonly status: 'unpriced'; readonly rejection: Rejection }

/** Whether `account` could register a name for some years now, and the price line by line, by its domain's policy. */
export function availabilityOf(at: Moment, wanted: Identifier & { years: number; account: string }): Availability {
  const { reader, settings } = at
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
  const lines = priceLines(at, wanted, policy, premiumMsat)
  if (isRejection(lines)) return { status: 'unpriced', rejection: lines }
  return { status: premiumMsat === null ? 'available' : 'premium', lines }
}

/** What some more years of a name that is somebody's cost, or why they cannot be had. Anyone may pay for them. */
export function renewalOf(at: Moment, wanted: Identifier & { years: number }): Line[] | Rejection {
  const { reader, time } = at
  const { name, domain } = wanted
  const obstacle = renewalObstacle(reader, { ...wanted, time })
  if (obstacle !== null) return obstacle
  const policy = reader.get(tables.domains, [domain])
  if (policy === undefined) throw new Error(`${domain} has a name that can be renewed, and no policy`)
  return priceLines(at, wanted, policy, reader.get(tables.reservations, [domain, name])?.priceMsat ?? null)
}

/** Why some more years of a name cannot be had, whatever they cost, or `null` when they can. */
export function renewalObstacle(
  reader: Reader,
  { name, domain, years, time }: Identifier & { years: number; time: number },
): Rejection | null {
  const full = formatIdentifier({ name, domain })
  const row = reader.get(tables.identifiers, [domain, name])
  if (row === undefined || !reader.has(tables.domains, [domain]))
    return reject('NOT_FOUND', `${full} is not registered`)
  if (renewedUntil(row, years) > renewedUntil({ ...row, expiresAt: time }, maxYears)) {
    return reject('LIMIT_REACHED', `a name can be paid for ${maxYears} years ahead at most`)
  }
  return null
}

function priceLines(
  at: Moment,
  { name, domain, years }: Identifier & { years: number },
  policy: RowOf<'domains'>,
  premiumMsat: number | null,
): Line[] | Rejection {
  const full = formatIdentifier({ name, domain })
  if (premiumMsat !== null) {
    return [{ description: `${full}, premium, ${years} × year`, amountMsat: premiumMsat * years, fiat: null }]
  }
  return ordinaryLines(at, [`${full}, ${years} × year`, `${name.length} characters, ${years} × year`], policy, {
    base: years,
    perChar: name.length * years,
  })
}

/** Price per year = base + per character × length. */
function ordinaryLines(
  at: Moment,
  [base, perChar]: readonly [string, string],
  { basePriceMsat, pricePerCharMsat, fiat }: RowOf<'domains'>,
  times: { base: number; perChar: number },
): Line[] | Rejection {
  if (fiat === null) {
    return [
      { description: base, amountMsat: basePriceMsat * times.base, fiat: null },
      { description: perChar, amountMsat: pricePerCharMsat * times.perChar, fiat: null },
    ]
  }
  const { currency, baseMinor, perCharMinor } = fiat
  return allLines([
    fiatLine(at, base, { currency, amountMinor: baseMinor * times.base }),
    fiatLine(at, perChar, { currency, amountMinor: perCharMinor * times.perChar }),
  ])
}

/** A reservation is claimable by the one it is for, or, when it has a price and is for nobody, by anyone at that price. */
export function isClaimable(reservation: RowOf<'reservations'>, account: string): boolean {
  return reservation.reservedFor === null ? reservation.priceMsat !== null : reservation.reservedFor === account
}

import { formatIdentifier, type Identifier } from '../../protocol/names.ts'
import { type Record, type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { list, type Place, unlist } from '../listing.ts'
import { schedule } from '../schedule.ts'
import { removeName, saveName } from './save.ts'

const daySeconds = 86_400
/** A year of registration. Calendar years would make the price of a day depend on the date. */
const yearSeconds = 365 * daySeconds
/** After which it is seen again whether the payment that a name waits for has been taken. */
const claimedForSeconds = 3_600

type Row = RowOf<'identifiers'>

/** When a name that runs out at `expiresAt` is near its end, Unix seconds. */
export function noticeTime({ settings }: Context, expiresAt: number): number {
  return expiresAt - settings.identifiers.noticeDays * daySeconds
}

/** Where a name stands among its owner's: those in grace come last, so that whether one is active takes one look. */
export function placeOf(status: RowOf<'identifiers'>['status'], full: string): Place {
  return { time: status === 'active' ? 0 : 1, id: full }
}

/** Makes a name its owner's for some years: active, listed, published, and due for what comes after. */
export function activateName(
  tx: Transactor,
  context: Context,
  identifier: Identifier,
  wanted: { owner: string; years: number; records: Record[]; relays: string[] },
): void {
  const expiresAt = context.time + wanted.years * yearSeconds
  saveName(tx, context, identifier, {
    status: 'active',
    owner: wanted.owner,
    since: context.time,
    expiresAt,
    version: 1,
    relays: wanted.relays,
    records: wanted.records,
  })
  const full = formatIdentifier(identifier)
  list(tx, wanted.owner, 'identifier', placeOf('active', full))
  schedule(tx, noticeTime(context, expiresAt), 'identifier-notice', full)
}

/** When a name would run out that is paid for some years more: from its end on, even in the grace time. */
export function renewedUntil(row: Row, years: number): number {
  return row.expiresAt + years * yearSeconds
}

/** Adds years to a name, which is active again if its grace time had begun. What was due before finds it renewed. */
export function renewName(tx: Transactor, context: Context, identifier: Identifier, row: Row, years: number): void {
  const full = formatIdentifier(identifier)
  const expiresAt = renewedUntil(row, years)
  saveName(tx, context, identifier, { ...row, status: 'active', expiresAt, version: row.version + 1 })
  unlist(tx, row.owner, 'identifier', placeOf(row.status, full))
  list(tx, row.owner, 'identifier', placeOf('active', full))
  schedule(tx, noticeTime(context, expiresAt), 'identifier-notice', full)
}

/** Reminds the owner that a name is about to run out; its end is the next that is due. */
export function remindOfExpiry(tx: Transactor, context: Context, identifier: Identifier): void {
  const row = tx.get(tables.identifiers, [identifier.domain, identifier.name])
  if (row?.status !== 'active') return
  const full = formatIdentifier(identifier)
  const atMost = noticeTime(context, row.expiresAt)
  if (atMost > context.time) {
    // Renewed since, or the notice time is shorter now.
    schedule(tx, atMost, 'identifier-notice', full)
    return
  }
  schedule(tx, row.expiresAt, 'identifier-expiry', full)
  const body = { identifier: full, expiresAt: row.expiresAt }
  context.emit({ kind: 'notice', type: 'identifier.expiring', to: row.owner, about: null, body })
}

/** When the grace time of a name ends, Unix seconds. */
function graceEnd({ settings }: Context, { expiresAt }: Row): number {
  return expiresAt + settings.identifiers.graceDays * daySeconds
}

/** The paid time is over: the name still answers, and its owner alone may keep it, until the grace time ends. */
export function beginGrace(tx: Transactor, context: Context, identifier: Identifier): void {
  const { name, domain } = identifier
  const row = tx.get(tables.identifiers, [domain, name])
  if (row === undefined || row.status !== 'active' || row.expiresAt > context.time) return
  saveName(tx, context, identifier, { ...row, status: 'grace', version: row.version + 1 })
  const full = formatIdentifier(identifier)
  unlist(tx, row.owner, 'identifier', placeOf('active', full))
  list(tx, row.owner, 'identifier', placeOf('grace', full))
  const releasedAt = graceEnd(context, row)
  schedule(tx, releasedAt, 'identifier-release', full)
  const body = { identifier: full, releasedAt }
  context.emit({ kind: 'notice', type: 'identifier.expired', to: row.owner, about: null, body })
}

/** The grace time is over: the name is nobody's, unless more years of it are just being paid. */
export function releaseName(tx: Transactor, context: Context, identifier: Identifier): void {
  const { name, domain } = identifier
  const row = tx.get(tables.identifiers, [domain, name])
  if (row?.status !== 'grace') return
  const full = formatIdentifier(identifier)
  const atLeast = graceEnd(context, row)
  if (atLeast > context.time) {
    // Renewed since, and in its next grace time already, or the grace time is longer now.
    schedule(tx, atLeast, 'identifier-release', full)
    return
  }
  if (tx.has(tables.holds, [domain, name])) {
    schedule(tx, context.time + claimedForSeconds, 'identifier-release', full)
    return
  }
  unlist(tx, row.owner, 'identifier', placeOf('grace', full))
  removeName(tx, context, identifier, row)
}

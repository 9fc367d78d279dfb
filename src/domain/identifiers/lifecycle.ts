import { formatIdentifier, type Identifier } from '../../protocol/names.ts'
import { type Record, type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { schedule } from '../schedule.ts'
import { publishName } from './name-event.ts'

const daySeconds = 86_400
/** A year of registration. Calendar years would make the price of a day depend on the date. */
const yearSeconds = 365 * daySeconds

/** Makes a name its owner's for some years: active, listed, published, and due for what comes after. */
export function activateName(
  tx: Transactor,
  context: Context,
  identifier: Identifier,
  wanted: { owner: string; years: number; records: Record[]; relays: string[] },
): void {
  const { name, domain } = identifier
  const expiresAt = context.time + wanted.years * yearSeconds
  const row: RowOf<'identifiers'> = {
    status: 'active',
    owner: wanted.owner,
    since: context.time,
    expiresAt,
    version: 1,
    relays: wanted.relays,
    records: wanted.records,
  }
  tx.put(tables.identifiers, [domain, name], row)
  tx.put(tables.identifiersByOwner, [wanted.owner, domain, name], {})
  const full = formatIdentifier(identifier)
  schedule(tx, expiresAt - context.settings.identifiers.noticeDays * daySeconds, 'identifier-notice', full)
  schedule(tx, expiresAt, 'identifier-expiry', full)
  publishName(tx, context, identifier, row)
}

/** Reminds the owner that a name is about to run out. */
export function remindOfExpiry(tx: Transactor, context: Context, identifier: Identifier): void {
  const row = tx.get(tables.identifiers, [identifier.domain, identifier.name])
  if (row?.status !== 'active') return
  const body = { identifier: formatIdentifier(identifier), expiresAt: row.expiresAt }
  context.emit({ kind: 'notice', type: 'identifier.expiring', to: row.owner, about: null, body })
}

/** The paid time is over: the name still answers, and its owner alone may keep it, until the grace time ends. */
export function beginGrace(tx: Transactor, context: Context, identifier: Identifier): void {
  const { name, domain } = identifier
  const row = tx.get(tables.identifiers, [domain, name])
  if (row === undefined || row.status !== 'active' || row.expiresAt > context.time) return
  const graced: RowOf<'identifiers'> = { ...row, status: 'grace', version: row.version + 1 }
  tx.put(tables.identifiers, [domain, name], graced)
  const releasedAt = row.expiresAt + context.settings.identifiers.graceDays * daySeconds
  schedule(tx, releasedAt, 'identifier-release', formatIdentifier(identifier))
  publishName(tx, context, identifier, graced)
  const body = { identifier: formatIdentifier(identifier), releasedAt }
  context.emit({ kind: 'notice', type: 'identifier.expired', to: row.owner, about: null, body })
}

/** The grace time is over: the name is nobody's. */
export function releaseName(tx: Transactor, context: Context, identifier: Identifier): void {
  const { name, domain } = identifier
  const row = tx.get(tables.identifiers, [domain, name])
  if (row?.status !== 'grace') return
  tx.delete(tables.identifiers, [domain, name])
  tx.delete(tables.identifiersByOwner, [row.owner, domain, name])
  publishName(tx, context, identifier, null)
}

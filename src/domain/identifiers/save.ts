import { kinds } from '../../protocol/kinds.ts'
import { formatIdentifier, type Identifier } from '../../protocol/names.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'
import { endRenewal } from '../renewals/choice.ts'

type Row = RowOf<'identifiers'>

/** Stores a name and publishes its state, from which a mirror that trusts only our key can serve it. */
export function saveName(
  tx: Transactor,
  context: Context,
  identifier: Identifier,
  row: Omit<Row, 'publishedAt'>,
): void {
  const { domain, name } = identifier
  const before = tx.get(tables.identifiers, [domain, name])
  // What an owner chose is no word of the next.
  if (before !== undefined && before.owner !== row.owner) endRenewal(tx, identifier)
  const released = before === undefined ? tx.get(tables.released, [domain, name]) : undefined
  if (released !== undefined) tx.delete(tables.released, [domain, name])
  const publishedAt = nextCreatedAt(context, before ?? released)
  tx.put(tables.identifiers, [domain, name], { ...row, publishedAt })
  publish(context, identifier, publishedAt, nameTags(row, context.settings.websocketUrl))
}

/** Removes a name, and publishes that it is nobody's. */
export function removeName(tx: Transactor, context: Context, identifier: Identifier, row: Row): void {
  const { domain, name } = identifier
  const publishedAt = nextCreatedAt(context, row)
  tx.delete(tables.identifiers, [domain, name])
  endRenewal(tx, identifier)
  tx.delete(tables.renewalOrders, [domain, name])
  tx.put(tables.released, [domain, name], { publishedAt })
  publish(context, identifier, publishedAt, [['status', 'released']])
}

/** With equal seconds the lower id would win, and the older state could stay published (NIP-01). */
function nextCreatedAt({ time }: Context, newest: { publishedAt: number } | undefined): number {
  return Math.max(time, (newest?.publishedAt ?? 0) + 1)
}

function publish(context: Context, identifier: Identifier, createdAt: number, tags: string[][]): void {
  context.emit({ kind: 'event', eventKind: kinds.name, identifier: formatIdentifier(identifier), createdAt, tags })
}

function nameTags(row: Omit<Row, 'publishedAt'>, websocketUrl: string): string[][] {
  return [
    ['p', row.owner, row.relays[0] ?? websocketUrl],
    ['status', row.status],
    ['expires', String(row.expiresAt)],
    ...row.relays.map(relay => ['relay', relay]),
    ...row.records.map(({ type, value, priority, ttlSeconds }) => [
      'record',
      type,
      value,
      String(priority),
      String(ttlSeconds),
    ]),
  ]
}

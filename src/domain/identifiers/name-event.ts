import { kinds } from '../../protocol/kinds.ts'
import { formatIdentifier, type Identifier } from '../../protocol/names.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'

/** Publishes the state of a name, from which a mirror that trusts only our key can serve it. */
export function publishName(
  tx: Transactor,
  context: Context,
  identifier: Identifier,
  row: RowOf<'identifiers'> | null,
): void {
  const full = formatIdentifier(identifier)
  const newest = tx.get(tables.published, [kinds.name, full])
  // With equal seconds the lower id would win, and the older state could stay published (NIP-01).
  const createdAt = Math.max(context.time, (newest?.createdAt ?? 0) + 1)
  tx.put(tables.published, [kinds.name, full], { createdAt })
  context.emit({
    kind: 'event',
    eventKind: kinds.name,
    identifier: full,
    createdAt,
    tags: row === null ? [['status', 'released']] : nameTags(row, context.settings.websocketUrl),
  })
}

function nameTags(row: RowOf<'identifiers'>, websocketUrl: string): string[][] {
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

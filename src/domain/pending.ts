import type { ResultStatus } from '../protocol/method.ts'
import type { Rejection } from '../rejections.ts'
import { tables } from '../store/tables.ts'
import type { Transactor } from '../store/transaction.ts'
import type { Context } from './context.ts'

/** Gives a waiting command its one result. A command that no longer waits has had it, and nothing happens. */
export function resolvePending(
  tx: Transactor,
  context: Context,
  commandId: string,
  outcome: { status: Exclude<ResultStatus, 'error'>; body: object } | Rejection,
): void {
  const pending = tx.get(tables.pendingCommands, [commandId])
  if (pending === undefined) return
  tx.delete(tables.pendingCommands, [commandId])
  const status = 'rejected' in outcome ? 'error' : outcome.status
  const recorded = tx.get(tables.outcomes, [commandId])
  if (recorded === undefined) throw new Error(`pending command ${commandId} has no outcome`)
  tx.put(tables.outcomes, [commandId], { ...recorded, status })
  context.emit({
    kind: 'result',
    commandId,
    to: pending.author,
    method: pending.method,
    status,
    body: 'rejected' in outcome ? errorBody(outcome) : outcome.body,
  })
}

/** What a result of status `error` says. */
export function errorBody(rejection: Rejection): object {
  const { code, message, details } = rejection
  return details === undefined ? { code, message } : { code, message, details }
}

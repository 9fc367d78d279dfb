import { windowEnd } from '../protocol/command.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'

/**
 * Refusals change nothing, so they are not in the log; their ids are kept here for longer than a command can be resent,
 * so that a resend gets the same answer. Their number is bounded: see `isFull`.
 */

/** How long a refusal can be asked for after the command could no longer be sent: a client may have been away. */
const keptForSeconds = 3_600

/** About 100 bytes each, and a signed result of about 1 KB. The first half is for everybody, the other for accounts. */
const maxRefusals = 400_000

const counter = ['refusals'] as const

/** Remembers a refusal. Call inside the writer's transaction. */
export function rememberRefusal(
  environment: Environment,
  commandId: string,
  refusal: { author: string; code: string; expiresAt: number },
): void {
  const tx = environment.transactor
  tx.put(tables.refusals, [commandId], refusal)
  tx.put(tables.refusalsByExpiry, [refusal.expiresAt, commandId], {})
  tx.put(tables.local, counter, { value: countOf(environment) + 1 })
}

/** Until when a refusal is remembered, Unix seconds: longer than its command can be resent. */
export function refusalEnd(time: number, createdAt: number, executeBy: number | null): number {
  return Math.max(time, windowEnd(createdAt, executeBy)) + keptForSeconds
}

/** Whether no more refusals fit; keys that have no account yet are the first who cannot be refused anything. */
export function isFull(environment: Environment, hasAccount: boolean): boolean {
  return countOf(environment) >= (hasAccount ? maxRefusals : maxRefusals / 2)
}

/** Forgets refusals that can no longer be asked for, at most `limit`. Call inside the writer's transaction. */
export function forgetRefusals(environment: Environment, now: number, limit: number): number {
  const tx = environment.transactor
  const over = tx.range(tables.refusalsByExpiry, [], { limit, upTo: [now] })
  for (const { key } of over) {
    tx.delete(tables.refusalsByExpiry, key)
    tx.delete(tables.refusals, [key[1]])
  }
  if (over.length > 0) tx.put(tables.local, counter, { value: Math.max(0, countOf(environment) - over.length) })
  return over.length
}

function countOf(environment: Environment): number {
  return environment.reader.get(tables.local, counter)?.value ?? 0
}

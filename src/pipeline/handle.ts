import { hash } from 'node:crypto'
import type { Context, Effect, Handled } from '../domain/context.ts'
import type { CommandMethod } from '../domain/method.ts'
import { isRejection, type Rejection, reject } from '../rejections.ts'
import { openChange, type Write } from '../store/change.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import { authorise } from './authorise.ts'
import { sellables } from './catalog.ts'
import { currentSettings } from './current-settings.ts'
import type { Decoded } from './decode.ts'

/** The handler of a command, bound to its params. */
export type CommandRun = Extract<ReturnType<CommandMethod['bind']>, { ok: true }>['run']

/** What a command does: its answer, what it makes known, and the digest that a replay must reproduce. */
export type Outcome = {
  readonly handled: Exclude<Handled, Rejection>
  readonly effects: readonly Effect[]
  readonly digest: Buffer
  /** Whether it asks for work with the world. */
  readonly asksForWork: boolean
  /** Writes what it changes; until then there is nothing to undo. */
  write(): void
}

/** The version of what handlers mean. Raised when a change would give another outcome for an entry already in a log. */
export const rulesVersion = 1

/**
 * Runs one command against the tables as they are in the transaction under way. The live writer and `verify` both come
 * through here, so that they cannot differ.
 */
export function handle(
  environment: Environment,
  command: Decoded<CommandRun>,
  at: { seq: number; time: number; mayHold: boolean; service: string },
): Outcome | Rejection {
  const { event, declaration } = command
  const settings = currentSettings(environment)
  if (settings.suspended.includes(event.pubkey)) return reject('SUSPENDED', 'this account is suspended')
  const refused = authorise(declaration, event.pubkey, at.service, settings)
  if (refused !== null) return refused

  const { tx, writes, write } = openChange(environment)
  const effects: Effect[] = []
  const context: Context = {
    time: at.time,
    mayHold: at.mayHold,
    commandId: event.id,
    author: event.pubkey,
    settings,
    sellables,
    emit: effect => effects.push(effect),
  }
  if (declaration.type === 'command') {
    if (!tx.has(tables.accounts, [event.pubkey])) tx.put(tables.accounts, [event.pubkey], { createdAt: at.time })
  } else {
    tx.put(tables.factKeys, [dedupeKeyOf(event.tags)], { seq: at.seq })
  }
  const handled = command.run(tx, context)
  if (isRejection(handled)) return handled
  if (declaration.type === 'command') {
    tx.put(tables.outcomes, [event.id], { seq: at.seq, status: handled.status })
    if (handled.status === 'pending') {
      const { orderId } = handled
      tx.put(tables.pendingCommands, [event.id], { author: event.pubkey, method: declaration.name, orderId })
    }
  }
  const asksForWork = writes.some(({ table, value }) => table.name === tables.jobs.name && value !== null)
  return { handled, effects, digest: digestOf(writes, handled, effects), asksForWork, write }
}

function digestOf(writes: readonly Write[], handled: Handled, effects: readonly Effect[]): Buffer {
  const parts: Buffer[] = []
  for (const { table, key, value } of writes) {
    parts.push(Buffer.from(`\n${table.name} ${key.length} ${value === null ? 'removed' : value.length}\n`), key)
    if (value !== null) parts.push(value)
  }
  parts.push(Buffer.from(`\n${JSON.stringify([handled, effects])}`))
  return hash('sha256', Buffer.concat(parts), 'buffer')
}

/** The key that makes a fact happen once: source, object, state. Every fact carries one. */
export function dedupeKeyOf(tags: readonly string[][]): string {
  const key = tags.find(tag => tag[0] === 'dedupe')?.[1]
  if (key === undefined) throw new Error('a fact without dedupe key')
  return key
}

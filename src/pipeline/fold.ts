import type { NostrEvent } from '../../relay/event.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection } from '../rejections.ts'
import type { Environment } from '../store/environment.ts'
import { appendEntry, type Entry, type Head, isChained, readEntries, startOfLog } from '../store/log.ts'
import type { TableInfo } from '../store/table.ts'
import { tables } from '../store/tables.ts'
import { commandMethods } from './catalog.ts'
import { decode, methodIndex } from './decode.ts'
import { handle, rulesVersion as ownRules } from './handle.ts'

/** Something that is not as the log says: a log entry, or a row of a table. */
export type Difference = { readonly table: string; readonly key: string; readonly what: string }

const entriesPerTransaction = 500
const commands = methodIndex(commandMethods)

/**
 * Folds the log of `source` into the empty environment `target`, checking the hash chain, every signature and every
 * outcome digest on the way.
 */
export function foldLog(
  source: Environment,
  target: Environment,
  options: { signer: Signer; isSigned(event: NostrEvent): boolean; report(difference: Difference): void },
): Head {
  let head = startOfLog()
  for (;;) {
    const entries = readEntries(source, head.seq + 1, entriesPerTransaction)
    if (entries.length === 0) return head
    target.root.transactionSync(() => {
      for (const entry of entries) {
        const fault = isChained(head, entry) ? foldEntry(target, entry, head, options) : 'the hash chain is broken here'
        if (fault !== null) options.report({ table: 'log', key: String(entry.seq), what: fault })
        head = { seq: entry.seq, time: entry.time, hash: entry.hash }
      }
    })
  }
}

/** Does again what one entry did; says what is wrong with it, if anything. */
function foldEntry(
  target: Environment,
  entry: Entry,
  head: Head,
  { signer, isSigned }: { signer: Signer; isSigned(event: NostrEvent): boolean },
): string | null {
  const event = parseEvent(entry.event)
  if (event === null) return 'the event is not JSON'
  if (!isSigned(event)) return 'the signature of the event is wrong'
  if (entry.time < head.time) return 'time goes backwards'
  if (entry.rulesVersion > ownRules) return `the rules of version ${entry.rulesVersion} are not known to this program`
  const command = decode(event, commands, signer)
  if (isRejection(command)) return `the command is refused now: ${command.message}`
  const { seq, time, rulesVersion, mayHold, digest } = entry
  try {
    const outcome = handle(target, command, { seq, time, mayHold, service: signer.publicKey })
    if (isRejection(outcome)) return `the command is refused now: ${outcome.message}`
    outcome.write()
    const appended = { time, rulesVersion, mayHold, digest: outcome.digest, event: entry.event.toString('utf8') }
    appendEntry(target, head, appended)
    return outcome.digest.equals(digest) ? null : 'the outcome differs'
  } catch (error) {
    // After a difference further up, a handler may meet what cannot be; that is one more finding, not the end.
    return `the command cannot be handled: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Compares every `fold` table of two environments key by key. */
export function compareTables(
  live: Environment,
  folded: Environment,
  report: (difference: Difference) => void,
): number {
  let rows = 0
  for (const table of Object.values(tables)) {
    if (table.mark === 'fold') rows += compareTable(table, live, folded, report)
  }
  return rows
}

function compareTable(
  table: TableInfo & { decodeKey(bytes: Buffer): readonly (string | number)[] },
  live: Environment,
  folded: Environment,
  report: (difference: Difference) => void,
): number {
  const show = (key: Buffer) => readableKey(table, key)
  const left = live.bytes(table).getRange({})[Symbol.iterator]()
  const right = folded.bytes(table).getRange({})[Symbol.iterator]()
  let a = left.next()
  let b = right.next()
  let rows = 0
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : Buffer.compare(a.value.key, b.value.key)
    if (order < 0 && !a.done) report({ table: table.name, key: show(a.value.key), what: 'is not in the log' })
    if (order > 0 && !b.done) report({ table: table.name, key: show(b.value.key), what: 'is missing' })
    if (order === 0 && !a.done && !b.done && Buffer.compare(a.value.value, b.value.value) !== 0) {
      report({ table: table.name, key: show(a.value.key), what: 'differs from what the log says' })
    }
    rows++
    if (order <= 0) a = left.next()
    if (order >= 0) b = right.next()
  }
  return rows
}

/** A key as its parts, or as hex when it has none such: a flipped byte may have spoilt it. */
function readableKey(table: { decodeKey(bytes: Buffer): readonly (string | number)[] }, key: Buffer): string {
  try {
    return table.decodeKey(key).join(' ')
  } catch {
    return key.toString('hex')
  }
}

function parseEvent(bytes: Buffer): NostrEvent | null {
  try {
    return JSON.parse(bytes.toString('utf8')) as NostrEvent
  } catch {
    return null
  }
}

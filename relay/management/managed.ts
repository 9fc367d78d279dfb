import type { Rows } from '../store/pending-writes.ts'
import type { Writer } from '../store/writer.ts'

/** What an operator has set while the relay runs (NIP-86): subjects with what was said about each. */
const managedLists = [
  'banned-keys',
  'banned-events',
  'allowed-events',
  'allowed-kinds',
  'disallowed-kinds',
  'blocked-ips',
  'texts',
  'used-authorizations',
] as const

export type ManagedList = (typeof managedLists)[number]

/** One row: `note` is what is said about it, `null` takes it off the list. */
export type Change = { readonly list: ManagedList; readonly subject: string; readonly note: string | null }

/** The lists, in memory and in a database. */
export type Managed = {
  get(list: ManagedList): ReadonlyMap<string, string>
  /**
   * In force at once; resolves when it is durable, and takes it back when it cannot be made so. Changes are made one after
   * the other. `also` runs in the same transaction, which finds everything written that came before.
   */
  change(changes: readonly Change[], also?: () => void): Promise<void>
}

/** Opens the lists. */
export function createManaged(database: Rows, writer: Writer): Managed {
  const lists = new Map(managedLists.map(name => [name, new Map<string, string>()]))
  const listOf = (name: ManagedList) => lists.get(name) ?? new Map<string, string>()
  for (const { key, value } of database.getRange({})) {
    const [name, ...subject] = key.toString().split(' ')
    lists.get(name as ManagedList)?.set(subject.join(' '), value.toString())
  }

  const apply = ({ list, subject, note }: Change) => {
    if (note === null) listOf(list).delete(subject)
    else listOf(list).set(subject, note)
  }

  const write = ({ list, subject, note }: Change) => {
    const key = Buffer.from(`${list} ${subject}`)
    if (note === null) database.removeSync(key)
    else database.putSync(key, Buffer.from(note))
  }

  const changeNow = (changes: readonly Change[], also: () => void): Promise<void> => {
    const before = changes.map(({ list, subject }) => ({ list, subject, note: listOf(list).get(subject) ?? null }))
    for (const change of changes) apply(change)
    return new Promise((resolve, reject) => {
      writer.submit({
        lane: 'events',
        run: () => {
          for (const change of changes) write(change)
          also()
        },
        done: outcome => {
          if (outcome.ok) return resolve()
          for (const change of before) apply(change)
          reject(outcome.error)
        },
      })
    })
  }

  let last: Promise<unknown> = Promise.resolve()
  return {
    get: listOf,
    change: (changes, also = () => undefined) => {
      const next = last.then(() => changeNow(changes, also))
      last = next.catch(() => undefined)
      return next
    },
  }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordView } from '../../relay/store/record.ts'
import { recordKind } from '../../relay/store/record.ts'
import { type EventStore, openEventStore } from '../../relay/store/store.ts'
import type { Config } from '../config.ts'
import { restrictedKinds } from '../protocol/kinds.ts'
import type { Environment } from '../store/environment.ts'
import { openBeside } from '../store/open-beside.ts'
import { databases } from '../store/tables.ts'

/** Each event is read once, so there is nothing to keep in memory. */
const cacheBytes = 1_024

/** Opens what the relay stores for reading, beside a service or without one. Throws when there is nothing to read. */
export async function openForReading(config: Config): Promise<{
  environment: Environment
  store: EventStore
  close(): Promise<void>
}> {
  expectData(config.data)
  const environment = await openBeside({ directory: config.data, mapSizeBytes: config.storage.mapSizeBytes })
  // A database that is missing cannot be made here, and would be `undefined` where it is used.
  // LMDB's names of databases end with a zero byte.
  const present = new Set([...environment.root.getKeys({})].map(key => String(key).replace('\0', '')))
  if (databases.some(({ name }) => !present.has(name))) {
    throw new Error('the data was written by an older version: start the service once')
  }
  const store = openEventStore(environment.root, cacheBytes)
  return { environment, store, close: environment.close }
}

/** Throws when nothing has ever been stored in a directory. */
export function expectData(directory: string): void {
  if (existsSync(join(directory, 'data.mdb'))) return
  throw new Error(`there is no data in ${directory} (the service makes it at its first start)`)
}

/** Lets all events through or only those that anybody may read; counts what it keeps back. */
export function privacy(withPrivate: boolean): { visible(record: RecordView): boolean; keptBack(): number } {
  let keptBack = 0
  return {
    visible: record => {
      if (withPrivate || !restrictedKinds.has(recordKind(record))) return true
      keptBack++
      return false
    },
    keptBack: () => keptBack,
  }
}

/** What to say of events that were kept back, or `null`. */
export function keptBackNote(count: number): string | null {
  return count === 0
    ? null
    : `${count} private events are left out (messages, commands, results); --private takes them in`
}

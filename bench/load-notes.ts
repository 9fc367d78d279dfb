import { openEventStore } from '../relay/store/store.ts'
import { openEnvironment } from '../src/store/environment.ts'
import { migrate } from '../src/store/migrations.ts'
import type { Notes } from './notes.ts'

/** More in one transaction and the free list stays large: later writes would be slower for it. */
export const loadedAtOnce = 1_000
export const mapSizeBytes = 64 * 1024 ** 3

/** Writes notes `from` to before `to` into a data directory that no server uses, as the relay's store writes them. */
export async function loadNotes(directory: string, notes: Notes, from: number, to: number): Promise<void> {
  const environment = openEnvironment({ directory, mapSizeBytes })
  migrate(environment)
  const store = openEventStore(environment.root)
  for (let first = from; first < to; first += loadedAtOnce) {
    const end = Math.min(to, first + loadedAtOnce)
    const events = Array.from({ length: end - first }, (_, offset) => notes.unsigned(first + offset))
    await environment.root.transaction(() => {
      for (const event of events) store.put(event)
    })
  }
  await environment.root.flushed
  await environment.close()
}

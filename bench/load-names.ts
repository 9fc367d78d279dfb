import { openEnvironment } from '../src/store/environment.ts'
import { migrate } from '../src/store/migrations.ts'
import { tables } from '../src/store/tables.ts'
import { loadedAtOnce, mapSizeBytes } from './load-notes.ts'
import { createRandom, randomHex } from './random.ts'
import { benchDomain } from './server.ts'

const yearSeconds = 365 * 86_400

/** Name number `index`. */
export function nameOf(index: number): string {
  return `n${String(index).padStart(7, '0')}`
}

/**
 * Writes names into a data directory that no server uses: only the rows that lookups read, so not the log that says where
 * they came from.
 */
export async function loadNames(directory: string, count: number, now: number): Promise<void> {
  const environment = openEnvironment({ directory, mapSizeBytes })
  migrate(environment)
  const tx = environment.transactor
  const random = createRandom(count)
  for (let first = 0; first < count; first += loadedAtOnce) {
    await environment.root.transaction(() => {
      for (let index = first; index < Math.min(count, first + loadedAtOnce); index++) {
        const owner = randomHex(random, 32)
        const row = { status: 'active', owner, since: now, expiresAt: now + yearSeconds, version: 1 } as const
        tx.put(tables.identifiers, [benchDomain, nameOf(index)], { ...row, relays: [], records: [], publishedAt: now })
      }
    })
  }
  await environment.root.flushed
  await environment.close()
}

import type { Environment } from './environment.ts'
import { tables } from './tables.ts'

/** One change of the shapes in `tables.ts`, from the version before to `version`. */
export type Migration = { readonly version: number; readonly name: string; migrate(environment: Environment): void }

/** The shapes that this code reads and writes. */
export const schemaVersion = 1

/** Every migration since the first release, in order. Version 1 is the first, so it has nothing to change. */
export const migrations: readonly Migration[] = []

/**
 * Brings an environment to the newest shapes, each step in one transaction with its version, so that a crash leaves
 * either the old or the new. Throws when the data is of a later version than this code.
 */
export function migrate(
  environment: Environment,
  steps: readonly Migration[] = migrations,
  target = schemaVersion,
): { from: number | null; to: number } {
  const key = tables.local.encodeKey(['schema'])
  const stored = environment.reader.get(tables.local, ['schema'])?.value ?? null
  if (stored !== null && stored > target) {
    throw new Error(`the data is of schema version ${stored}, this program knows ${target}: use a newer one`)
  }
  const setVersion = (version: number) =>
    environment.bytes(tables.local).putSync(key, tables.local.codec.encode({ value: version }))
  if (stored === null) environment.root.transactionSync(() => setVersion(target))
  for (const step of steps) {
    if (stored === null || step.version <= stored || step.version > target) continue
    environment.root.transactionSync(() => {
      step.migrate(environment)
      setVersion(step.version)
    })
  }
  return { from: stored, to: target }
}

import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { tryLock } from 'fs-native-extensions'

/**
 * Takes the data directory for this process, or returns `null` when another has it: LMDB would let a second process
 * write without an error. The kernel drops the lock when the process ends, however it ends.
 */
export function lockDirectory(directory: string): { release(): void } | null {
  const file = openSync(join(directory, 'lock'), 'a+', 0o600)
  if (tryLock(file)) return { release: () => closeSync(file) }
  closeSync(file)
  return null
}

import { existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes the data directory, closed to others, and what leads to it, if it is not there. Returns its absolute path.
 * Step by step, because node's own recursive mkdir never returns where the file system answers ENOENT (in /proc, say).
 */
export function makeDataDirectory(path: string): string {
  const directory = resolve(path)
  if (existsSync(directory)) return directory
  makeDataDirectory(dirname(directory))
  mkdirSync(directory, { mode: 0o700 })
  return directory
}

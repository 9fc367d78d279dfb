import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version in the package's own package.json, which lies further up from `src/` than from `dist/src/`. */
export function packageVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory)
  const manifest: { version: string } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  return manifest.version
}

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version in the package's own package.json. */
export function packageVersion(): string {
  return manifest().version
}

/** Where the software has its home on the web, if package.json says so. */
export function packageHomepage(): string | undefined {
  return manifest().homepage
}

/** package.json lies further up from `src/` than from `dist/src/`. */
function manifest(): { version: string; homepage?: string } {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory)
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
}

import { readFileSync, statSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { closest, describe, type Problem } from './problems.ts'
import { isTree, leafPaths, type Tree, valueAt } from './tree.ts'

/** A value for one path, and who said it. */
export type Setting = { readonly path: readonly string[]; readonly value: unknown; readonly source: string }

const maxFileBytes = 256 * 1024
const maxAliases = 50
const prefix = 'PANDA_'
const shortForms: Readonly<Record<string, string>> = { PANDA_PORT: 'PANDA_LISTEN_PORT' }
/** Read elsewhere: which file to read, and a demand of the tests' that native signatures be there. */
const otherVariables: ReadonlySet<string> = new Set(['PANDA_CONFIG', 'PANDA_REQUIRE_NATIVE'])

/** Reads a YAML file of at most 256 KiB. Its contents are not repeated in a problem: they may be secret. */
export function readConfigFile(file: string, source: string): { tree: Tree; problems: Problem[] } {
  const problem = (expected: string) => ({ tree: {}, problems: [{ path: source, value: file, expected, source }] })
  let text: string
  try {
    const status = statSync(file)
    if (!status.isFile()) return problem('a file')
    if (status.size > maxFileBytes) return problem(`a file of at most ${maxFileBytes} bytes`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return problem(`a file that can be read (${codeOf(error)})`)
  }
  const document = parseDocument(text, { uniqueKeys: true, strict: true, merge: false, prettyErrors: true })
  const [fault] = [...document.errors, ...document.warnings]
  if (fault !== undefined) {
    const { line, col } = fault.linePos?.[0] ?? { line: 1, col: 1 }
    return problem(`valid YAML (${fault.code} at line ${line}, column ${col})`)
  }
  try {
    const tree: unknown = document.toJS({ maxAliasCount: maxAliases }) ?? {}
    return isTree(tree) ? { tree, problems: [] } : problem('keys and values')
  } catch {
    // Too many aliases: a few lines can stand for gigabytes.
    return problem(`YAML with at most ${maxAliases} uses of an anchor`)
  }
}

/** The settings in `PANDA_*` variables, named after the path (`PANDA_LISTEN_PORT`); empty ones count as not set. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  defaults: Tree,
): { settings: Setting[]; problems: Problem[] } {
  const paths = new Map(leafPaths(defaults).map(path => [variableOf(path), path]))
  const settings: Setting[] = []
  const problems: Problem[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(prefix) || otherVariables.has(name) || text === undefined || text === '') continue
    const path = paths.get(shortForms[name] ?? name)
    if (path !== undefined) {
      settings.push({ path, value: fromText(text, valueAt(defaults, path)), source: name })
      continue
    }
    const meant = closest(
      name.slice(prefix.length),
      [...paths.keys()].map(known => known.slice(prefix.length)),
    )
    const expected = meant === null ? 'a known variable' : `a known variable (did you mean ${prefix}${meant}?)`
    problems.push({ path: name, value: describe([name], text, false), expected, source: name })
  }
  // A short form gives way to the full name, whatever the order of the environment.
  settings.sort((a, b) => Number(b.source in shortForms) - Number(a.source in shortForms))
  return { settings, problems }
}

/** The settings of the command line's flags. */
export function readFlags(flags: {
  readonly data?: string | undefined
  readonly port?: string | undefined
}): Setting[] {
  const settings: Setting[] = []
  if (flags.data !== undefined) settings.push({ path: ['data'], value: flags.data, source: '--data' })
  if (flags.port !== undefined)
    settings.push({ path: ['listen', 'port'], value: fromText(flags.port, 0), source: '--port' })
  return settings
}

/** `listen.port` → `PANDA_LISTEN_PORT`, `orders.unpaidHoldsPerIp` → `PANDA_ORDERS_UNPAID_HOLDS_PER_IP` */
export function variableOf(path: readonly string[]): string {
  return prefix + path.map(key => key.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_')
}

/** Text as the kind of value that the default is; what cannot be converted stays text and is reported as such. */
function fromText(text: string, like: unknown): unknown {
  if (typeof like === 'number') return /^-?\d{1,16}$/.test(text) ? Number(text) : text
  if (typeof like === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (!Array.isArray(like)) return text
  if (!text.trimStart().startsWith('[')) return text.split(',').map(part => part.trim())
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

import { posix } from 'node:path'
import type { Import, Source } from './source.ts'

/**
 * What the files of a folder may import besides each other; the first row that fits a file holds for it.
 * `type …` allows types only, `*` stands for part of one name: an adapter's folder is its own, not all adapters'.
 */
const arrows: Record<string, readonly string[]> = {
  relay: [],
  'src/rejections.ts': [],
  // What an invoice says is one thing for those who make it, pay it and book it.
  'src/bolt11.ts': [],
  'src/protocol': ['src/rejections.ts', 'relay/event.ts', 'relay/signatures/secp256k1.ts', 'type relay'],
  // Both write by the one writer, and what its tasks have written is kept in one place.
  'src/store': ['relay/store/databases.ts', 'relay/store/pending-writes.ts', 'type relay/store', 'type src/protocol'],
  'src/domain': [
    'src/protocol',
    'src/rejections.ts',
    'src/bolt11.ts',
    // Tables are the schema; how they are stored is not the domain's business.
    'src/store/tables.ts',
    'src/store/settings-row.ts',
    'src/store/table.ts',
    'type src/store',
  ],
  'src/pipeline': ['src/domain', 'src/store', 'src/protocol', 'src/rejections.ts', 'relay'],
  // How to bound a wait on Node 20 is one thing for all of them.
  'src/adapters/*': ['src/adapters/time-limit.ts', 'src/bolt11.ts'],
  'src/jobs': ['src/pipeline', 'src/adapters', 'src/store', 'src/domain', 'src/protocol', 'src/bolt11.ts'],
  'src/bridge': ['src/pipeline', 'src/store', 'src/protocol', 'src/rejections.ts', 'relay'],
  'src/http': ['src/pipeline', 'src/store', 'src/domain', 'src/protocol', 'src/rejections.ts', 'type relay'],
  // Reads the state of everything and is read by nobody but the root.
  'src/metrics': ['src/store', 'relay', 'type src/pipeline', 'type src/http', 'type src/bridge'],
  'src/config.ts': ['src/config', 'src/protocol', 'type src', 'type relay'],
  // Limits keep their defaults with the code that they bound.
  'src/config': ['src/protocol', 'src/http/network.ts', 'relay/limits.ts', 'type src', 'type relay'],
  'src/cli': ['src', 'relay'],
  // The composition root and what it alone uses: nobody inward may import these.
  'src/*.ts': ['src', 'relay'],
}

/** What the deterministic parts may use of others' packages; other folders are free to choose. */
const packages: Record<string, readonly string[]> = {
  'src/domain': ['zod', 'node:crypto'],
  'src/protocol': ['zod', 'node:crypto', 'nostr-tools'],
  'src/bolt11.ts': ['bolt11'],
}

/** Folders whose results depend on their arguments alone. */
const deterministic = ['src/domain', 'src/pipeline', 'src/protocol', 'src/bolt11.ts']
const nondeterminism = [
  'Date.now',
  'new Date()',
  'performance.now',
  'process.hrtime',
  'process.env',
  'Math.random',
  'randomBytes',
  'randomInt',
  'randomUUID',
  'randomFillSync',
  'getRandomValues',
  'localeCompare',
  'Date()',
  'getBuiltinModule',
]

/** Handlers reach for nothing by themselves; the pipeline's answers wait for their results. */
const handlers = ['src/domain', 'src/protocol', 'src/bolt11.ts']
const reaching = ['fetch()', 'new WebSocket', 'setTimeout()', 'setInterval()', 'setImmediate()', 'queueMicrotask()']

/** Where running starts: a file that none of these leads to is dead. Tests keep alive only what is theirs. */
const production = ['relay', 'src', 'bench']
const productionEntries = [/^src\/cli\/panda\.ts$/, /^bench\/bench\.ts$/]
const testEntries = [/\.test\.ts$/, /^test\/(demo\/demo|simulation\/(sim|bites))\.ts$/, /\/write-[a-z-]+\.ts$/]
/** Ambient types: the compiler reads them unasked. */
const ambient = /\.d\.ts$/

const emptyNames = /^(.*-)?(utils?|helpers?|common|misc|shared)$/
const suppressions = /biome-ignore|@ts-(ignore|expect-error|nocheck)|\b(TODO|FIXME)\b/
const maxLines = 400

/** Each rule gives a sentence per violation. */
export const rules = {
  arrows: sources =>
    each(sources, source => {
      if (!isWithin(source.path, 'src') && !isWithin(source.path, 'relay')) return []
      const row = rowOf(source.path)
      if (row === undefined) return [`${source.path} is in no row of the table of arrows`]
      return source.imports
        .filter(found => !found.isPackage && !isAllowed(found, row))
        .map(found => `${source.path} may not import ${found.typeOnly ? 'types of ' : ''}${found.target}`)
    }),

  packages: sources =>
    each(sources, source => {
      const row = Object.entries(packages).find(([folder]) => isWithin(source.path, folder))?.[1]
      return source.imports
        .filter(found => found.isPackage && row !== undefined && !row.some(name => isWithin(found.target, name)))
        .map(found => `${source.path} may not import ${found.target}`)
    }),

  nondeterminism: sources =>
    each(sources, source => {
      const isOf = (folders: readonly string[]) => folders.some(folder => isWithin(source.path, folder))
      return [...(isOf(deterministic) ? nondeterminism : []), ...(isOf(handlers) ? reaching : [])]
        .filter(name => source.uses.has(name))
        .map(name => `${source.path} uses ${name}`)
    }),

  'empty names': sources =>
    each(sources, source => {
      const names = source.path.replace(/(\.test)?\.ts$/, '').split('/')
      return names.filter(name => emptyNames.test(name)).map(name => `${source.path}: "${name}" names nothing`)
    }),

  barrels: sources =>
    each(sources, source => {
      if (posix.basename(source.path) === 'index.ts') return [`${source.path}: index files are barrels`]
      return source.isBarrel ? [`${source.path} only exports what others declare`] : []
    }),

  'dead files': sources => {
    const fromProduction = reachable(sources, [...productionEntries, ambient], production)
    const fromAnywhere = reachable(sources, [...productionEntries, ...testEntries, ambient], [...production, 'test'])
    return each(sources, source => {
      if (isWithin(source.path, 'test')) return fromAnywhere.has(source.path) ? [] : [`no test uses ${source.path}`]
      return fromProduction.has(source.path) ? [] : [`nothing that runs uses ${source.path}`]
    })
  },

  length: sources =>
    each(sources, source => (source.lines > maxLines ? [`${source.path} has ${source.lines} lines`] : [])),

  suppressions: sources =>
    each(sources, source =>
      source.comments.filter(comment => suppressions.test(comment)).map(comment => `${source.path}:${comment}`),
    ),
} satisfies Record<string, (sources: readonly Source[]) => string[]>

export type RuleName = keyof typeof rules

function each(sources: readonly Source[], violations: (source: Source) => string[]): string[] {
  return sources.flatMap(violations)
}

/** The row of a file: its own folder, as it is called, and what the table adds. */
function rowOf(path: string): readonly string[] | undefined {
  for (const [pattern, allowed] of Object.entries(arrows)) {
    const own = within(path, pattern)
    if (own !== undefined) return [own, ...allowed]
  }
  return undefined
}

function isAllowed(found: Import, row: readonly string[]): boolean {
  return row.some(entry =>
    entry.startsWith('type ')
      ? found.typeOnly && isWithin(found.target, entry.slice(5))
      : isWithin(found.target, entry),
  )
}

function isWithin(path: string, pattern: string): boolean {
  return within(path, pattern) !== undefined
}

/** The file or folder of this pattern that the path is, or is in. */
function within(path: string, pattern: string): string | undefined {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(?=/|$)`).exec(path)?.[0]
}

/** The files that the entries lead to, by imports, or by their name in a string (how processes are started). */
function reachable(sources: readonly Source[], entries: readonly RegExp[], folders: readonly string[]): Set<string> {
  const byPath = new Map(
    sources
      .filter(source => folders.some(folder => isWithin(source.path, folder)))
      .map(source => [source.path, source]),
  )
  const reached = new Set<string>()
  const queue = [...byPath.keys()].filter(path => entries.some(entry => entry.test(path)))
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = byPath.get(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    queue.push(...source.imports.map(found => found.target))
    for (const name of source.strings)
      if (/\.[jt]s$/.test(name)) queue.push(...named(byPath, name.replace(/js$/, 'ts')))
  }
  return reached
}

function named(byPath: ReadonlyMap<string, Source>, name: string): string[] {
  const end = `/${posix.normalize(name).replace(/^(\.\.\/)+/, '')}`
  return [...byPath.keys()].filter(path => `/${path}`.endsWith(end))
}

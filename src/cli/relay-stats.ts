import { bytesByKind, type StoreStats, storeStats } from '../../relay/store/store-stats.ts'
import type { Config } from '../config.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { readArguments } from './relay-arguments.ts'
import { openForReading } from './relay-read.ts'
import { measureSpace, type Space } from './space.ts'

const options = { full: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const

/** Kinds and databases on the screen; `--json` has all. */
const maxShown = 30

/** `panda relay stats`: what the relay stores and the space it takes, by keys; `--full` reads every event. */
export async function relayStats(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, options)
  if (parsed === null || parsed.positionals.length > 0) {
    line.complain('panda: the command is panda relay stats [--full] [--json]')
    return exitCodes.usage
  }
  try {
    const { environment, store, close } = await openForReading(config)
    try {
      const stored = storeStats(store)
      const space = measureSpace(environment)
      const bytes = parsed.values.full ? await bytesByKind(store, Math.floor(Date.now() / 1_000)) : null
      const lines = parsed.values.json ? [asJson(stored, space, bytes)] : asText(stored, space, bytes)
      for (const text of lines) line.print(text)
    } finally {
      await close()
    }
  } catch (error) {
    line.complain(`panda: cannot read what is stored: ${messageOf(error)}`)
    return exitCodes.failed
  }
  return exitCodes.done
}

type KindBytes = ReadonlyMap<number, number> | null

function asJson({ kinds, ...stored }: StoreStats, space: Space, bytes: KindBytes): string {
  const withBytes = bytes === null ? kinds : kinds.map(entry => ({ ...entry, jsonBytes: bytes.get(entry.kind) ?? 0 }))
  return JSON.stringify({ ...stored, kinds: withBytes, ...space })
}

function asText({ events, kinds, oldest, newest }: StoreStats, space: Space, bytes: KindBytes): string[] {
  const { fileBytes, freeBytes, mapBytes } = space
  const filled = space.databases.filter(({ entries }) => entries > 0)
  return [
    `${events} events, from ${dateOf(oldest)} to ${dateOf(newest)}`,
    `${inMebibytes(fileBytes)} in data.mdb, ${inMebibytes(freeBytes)} of them free; the map has ${inMebibytes(mapBytes)}`,
    '',
    `${column('kind')}${column('events')}${bytes === null ? '' : column('JSON')}`,
    ...kinds.slice(0, maxShown).map(({ kind, events: count }) => {
      const size = bytes === null ? '' : column(inMebibytes(bytes.get(kind) ?? 0))
      return `${column(kind)}${column(count)}${size}`
    }),
    ...more(kinds.length, 'kinds'),
    '',
    `${column('size')}${column('entries')}  database`,
    ...filled
      .slice(0, maxShown)
      .map(({ name, entries, bytes: size }) => `${column(inMebibytes(size))}${column(entries)}  ${name}`),
    ...more(filled.length, 'databases'),
  ]
}

function more(count: number, what: string): string[] {
  return count > maxShown ? [`  … and ${count - maxShown} more ${what} (--json has all)`] : []
}

function column(value: string | number): string {
  return String(value).padStart(14)
}

function inMebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** Clients may claim times beyond those that a date can have. */
function dateOf(seconds: number | null): string {
  if (seconds === null) return 'never'
  const date = new Date(seconds * 1_000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

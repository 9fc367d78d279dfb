import { parseArgs } from 'node:util'
import { benchCommands } from './commands.ts'
import { benchNip05 } from './nip05.ts'
import type { BenchOptions, OtherRelay } from './options.ts'
import { benchIngest, benchQuery, benchRelay, relayParts } from './relay.ts'

const usage = `npm run bench -- relay|ingest|query|commands|nip05 [--million] [--small] [--profile DIRECTORY]

Starts the built server as a process of its own and measures it from outside. Prints a JSON line per figure, then a table.
  --million   also with 1,000,000 events (relay, ingest, query) or names (nip05), or
              10,000,000 postings (commands); takes minutes and gigabytes
  --small     a tenth of everything, to see that it runs
  --profile   the server leaves its processor profiles there; figures are worse for it

relay, ingest and query can measure another relay that runs on this machine, empty and without limits (see bench/README.md):
  --url URL --pid PID   ws://127.0.0.1:PORT/ and its process

relay alone:
  --only PART,PART      some of ${relayParts.join(', ')}`

const benchmarks: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = {
  relay: benchRelay,
  ingest: benchIngest,
  query: benchQuery,
  commands: benchCommands,
  nip05: benchNip05,
}

/** Runs the benchmark that the arguments name; gives the exit code. */
export async function runCommandLine(args: string[]): Promise<number> {
  const parsed = parse(args)
  if (parsed === null) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  // An exit that the program makes itself takes servers and directories with it; a signal's own does not.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  await parsed.benchmark(parsed.options)
  return 0
}

/** What the arguments ask for; `null` when they cannot be understood, which the usage answers. */
function parse(args: string[]): { benchmark: (options: BenchOptions) => Promise<void>; options: BenchOptions } | null {
  const given = read(args)
  if (given === null) return null
  const { positionals, values } = given
  const [name, ...more] = positionals
  const benchmark = name !== undefined && Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
  if (name === undefined || benchmark === undefined || more.length > 0) return null
  const { million, small, profile: profileDirectory } = values
  const other = values.url === undefined && values.pid === undefined ? undefined : otherRelay(values)
  const only = values.only?.split(',')
  if (other === null || (other !== undefined && !['relay', 'ingest', 'query'].includes(name))) return null
  if (only !== undefined && (name !== 'relay' || !only.every(part => relayParts.includes(part)))) return null
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  return { benchmark, options: { million, small, profileDirectory, other, only, print } }
}

function read(args: string[]) {
  const flag = { type: 'boolean', default: false } as const
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args,
      options: { million: flag, small: flag, profile: text, url: text, pid: text, only: text },
      allowPositionals: true,
    })
  } catch {
    // parseArgs throws on flags it does not know.
    return null
  }
}

/** Only IPv4 of this machine: the clients take addresses of their own, and the processor time is read here. */
function otherRelay({ url = '', pid = '' }: { url?: string; pid?: string }): OtherRelay | null {
  const parts = /^ws:\/\/(?:127\.0\.0\.1|localhost):(\d+)(\/\S*)?$/.exec(url)
  if (parts === null || !/^\d+$/.test(pid)) return null
  return { url, port: Number(parts[1]), path: parts[2] ?? '/', pid: Number(pid) }
}

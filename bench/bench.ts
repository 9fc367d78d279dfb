import { parseArgs } from 'node:util'
import { type ChildRole, childRoles } from './child.ts'
import { benchCommands } from './commands.ts'
import { runConstantRoute } from './constant-route.ts'
import { benchIngest } from './ingest.ts'
import { runLoadProcess } from './load-process.ts'
import { benchNip05 } from './nip05.ts'
import type { BenchOptions } from './options.ts'
import { benchQuery } from './query.ts'

const usage = `npm run bench -- ingest|query|commands|nip05 [--million] [--small] [--profile DIRECTORY]

Starts the built server as a process of its own and measures it from outside. Prints a JSON line per figure, then a table.
  --million   also with 1,000,000 events (ingest) or names (nip05); takes minutes and gigabytes
  --small     a tenth of everything, to see that it runs
  --profile   the server leaves its processor profiles there; figures are worse for it`

const benchmarks: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = {
  ingest: benchIngest,
  query: benchQuery,
  commands: benchCommands,
  nip05: benchNip05,
}

const roles: Readonly<Record<ChildRole, () => void>> = { load: runLoadProcess, 'constant-route': runConstantRoute }

/** Runs the benchmark named by the arguments, or plays the part of one of its processes; gives the exit code. */
async function main(args: string[]): Promise<number> {
  const role = childRoles.find(name => name === args[0])
  if (role !== undefined && process.send !== undefined) {
    roles[role]()
    return 0
  }
  const parsed = parse(args)
  const [name, ...more] = parsed?.positionals ?? []
  const benchmark = name !== undefined && Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
  if (parsed === null || benchmark === undefined || more.length > 0) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  const { million, small, profile: profileDirectory } = parsed.values
  // An exit that the program makes itself takes servers and directories with it; a signal's own does not.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  await benchmark({ million, small, profileDirectory, print: line => void process.stdout.write(`${line}\n`) })
  return 0
}

function parse(args: string[]) {
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({
      args,
      options: { million: flag, small: flag, profile: { type: 'string' } },
      allowPositionals: true,
    })
  } catch {
    // parseArgs throws on flags it does not know, which the usage answers.
    return null
  }
}

process.exitCode = await main(process.argv.slice(2))

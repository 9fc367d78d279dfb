import type { Config } from '../config.ts'
import { type CommandLine, configure, exitCodes } from './command-line.ts'
import { relayHelpText } from './relay-help.ts'

/** A subcommand of `panda relay`, with what is left of its arguments; resolves with the exit code. */
export type RelaySubcommand = (args: readonly string[], config: Config, line: CommandLine) => Promise<number>

const subcommands: Readonly<Record<string, RelaySubcommand>> = {
  import: async (...given) => (await import('./relay-import.ts')).relayImport(...given),
  export: async (...given) => (await import('./relay-export.ts')).relayExport(...given),
  sync: async (...given) => (await import('./relay-sync.ts')).relaySync(...given),
  scan: async (...given) => (await import('./relay-scan.ts')).relayScan(...given),
  delete: async (...given) => (await import('./relay-delete.ts')).relayDelete(...given),
  compact: async (...given) => (await import('./relay-compact.ts')).relayCompact(...given),
  stats: async (...given) => (await import('./relay-stats.ts')).relayStats(...given),
}

/** `panda relay …`: the operator's tools for what the relay stores. */
export async function relay(args: readonly string[], line: CommandLine): Promise<number> {
  const configured = configure(args, line)
  if ('exitCode' in configured) return configured.exitCode
  const [name, ...rest] = configured.rest
  const subcommand = name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
  if (subcommand !== undefined) return subcommand(rest, configured.config, line)
  line.complain(name === undefined ? relayHelpText : `panda: there is no relay command ${JSON.stringify(name)}`)
  return exitCodes.usage
}

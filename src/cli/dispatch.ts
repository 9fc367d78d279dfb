import { type CommandLine, configure, exitCodes, expectNoMore } from './command-line.ts'
import { helpText } from './help.ts'
import { relayHelpText } from './relay-help.ts'
import { packageVersion } from './version.ts'

/** A subcommand with its own arguments; resolves with the exit code. */
type Subcommand = (args: readonly string[], line: CommandLine) => Promise<number>

/** Loaded only when asked for: `--help` needs neither LMDB nor the relay. */
const subcommands: Readonly<Record<string, Subcommand>> = {
  start: async (args, line) => (await import('./start.ts')).start(args, line),
  send: async (args, line) => (await import('./send.ts')).send(args, line),
  pubkey: async (args, line) => (await import('./pubkey.ts')).pubkey(args, line),
  clock: async (args, line) => (await import('./clock.ts')).clock(args, line),
  relay: async (args, line) => (await import('./relay.ts')).relay(args, line),
  describe: async (args, line) => {
    if (!expectNoMore(args, line)) return exitCodes.usage
    line.print((await import('./describe.ts')).describeProtocol())
    return exitCodes.done
  },
  dev: async (args, line) => {
    const configured = configure(args, line)
    if ('exitCode' in configured) return configured.exitCode
    const { devCommand } = await import('./dev.ts')
    return devCommand(configured.rest, { dataDirectory: configured.config.data, print: line.print })
  },
  verify: async (args, line) => {
    const configured = configure(args, line)
    if ('exitCode' in configured) return configured.exitCode
    const { verifyCommand } = await import('./verify.ts')
    return verifyCommand(configured.rest, { dataDirectory: configured.config.data, print: line.print })
  },
}

/** Runs the `panda` command with its arguments and resolves with the exit code; refusals are lines, never stacks. */
export async function dispatch(args: readonly string[], line: CommandLine): Promise<number> {
  const [name, ...rest] = args
  if (name === '--version' || name === '-v') {
    line.print(packageVersion())
    return exitCodes.done
  }
  if (name === '--help' || name === '-h' || name === 'help' || rest.includes('--help')) {
    line.print(name === 'relay' ? relayHelpText : helpText)
    return exitCodes.done
  }
  const subcommand = name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
  if (subcommand !== undefined) return subcommand(rest, line)
  line.complain(name === undefined ? helpText : `panda: there is no command ${JSON.stringify(name)}; see panda --help`)
  return exitCodes.usage
}

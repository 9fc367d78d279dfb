import { parseArgs } from 'node:util'
import { formatProblem } from '../config/problems.ts'
import { type Config, loadConfig } from '../config.ts'
import type { Stdio } from './stdio.ts'

/** What a subcommand is given besides its arguments. It writes lines: what was asked for, and what went wrong. */
export type CommandLine = {
  readonly env: Readonly<Record<string, string | undefined>>
  print(line: string): void
  complain(line: string): void
  /** For subcommands that take or give more than lines; by default the process's own. */
  readonly stdio?: Stdio
}

/** The process's exit code: done, did not work, or was asked the wrong way. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const

/**
 * Takes `--config` and `--data` (and `--port` where it applies) out of the arguments and reads the configuration.
 * `rest` is what is left for the subcommand. An exit code instead, after complaining, when something is wrong.
 */
export function configure(
  args: readonly string[],
  line: CommandLine,
  { takesPort = false }: { takesPort?: boolean } = {},
): { readonly config: Config; readonly rest: string[] } | { readonly exitCode: number } {
  const split = splitArguments(args, takesPort ? ['config', 'data', 'port'] : ['config', 'data'])
  if (!split.ok) {
    line.complain(`panda: --${split.flag} needs a value`)
    return { exitCode: exitCodes.usage }
  }
  const { config: file, data, port } = split.values
  const loaded = loadConfig({ file, env: line.env, flags: { data, port } })
  if (loaded.ok) return { config: loaded.config, rest: split.rest }
  line.complain('panda: the configuration cannot be used')
  for (const problem of loaded.problems) line.complain(`  ${formatProblem(problem)}`)
  return { exitCode: exitCodes.failed }
}

/** Complains of arguments that a subcommand does not know; `true` when there were none. */
export function expectNoMore(rest: readonly string[], line: CommandLine): boolean {
  const [first] = rest
  if (first === undefined) return true
  line.complain(`panda: unexpected argument ${JSON.stringify(first)}; see panda --help`)
  return false
}

type Split =
  | { readonly ok: true; readonly values: Readonly<Record<string, string | undefined>>; readonly rest: string[] }
  | { readonly ok: false; readonly flag: string }

/** What belongs to the named flags and what does not: the other flags are a subcommand's own. */
function splitArguments(args: readonly string[], flags: readonly string[]): Split {
  const options = Object.fromEntries(flags.map(flag => [flag, { type: 'string' as const }]))
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
  const values: Record<string, string | undefined> = {}
  const taken = new Set<number>()
  for (const token of tokens) {
    if (token.kind !== 'option' || !flags.includes(token.name)) continue
    if (token.value === undefined || token.value === '') return { ok: false, flag: token.name }
    values[token.name] = token.value
    taken.add(token.index)
    if (token.inlineValue === false) taken.add(token.index + 1)
  }
  return { ok: true, values, rest: args.filter((_, index) => !taken.has(index)) }
}

import { type ParseArgsConfig, parseArgs } from 'node:util'

/** Flags and positionals of a subcommand, or `null` when there are others than it knows. */
export function readArguments<const Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch {
    // parseArgs throws on flags it does not know, which the usage answers.
    return null
  }
}

import type { z } from 'zod'
import { type Problem, toProblems } from './config/problems.ts'
import { configSchema } from './config/schema.ts'
import { readConfigFile, readEnvironment, readFlags } from './config/sources.ts'
import { isTree, withoutEmptySections, withSetting } from './config/tree.ts'

/** The configuration: checked, complete and frozen. */
export type Config = DeepReadonly<z.output<typeof configSchema>>

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** Where the configuration comes from. `file` is `--config`; without it `PANDA_CONFIG` in `env` may name one. */
export type ConfigSources = {
  readonly file?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly flags: { readonly data?: string | undefined; readonly port?: string | undefined }
}

/**
 * Reads the configuration from, in rising order: defaults, YAML file, `PANDA_*` environment, flags.
 * All problems are reported at once, none with a secret in it.
 */
export function loadConfig({
  file,
  env,
  flags,
}: ConfigSources):
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: Problem[] } {
  const defaults = configSchema.parse({})
  const named = file ?? (env.PANDA_CONFIG || undefined)
  const read =
    named === undefined
      ? { tree: {}, problems: [] }
      : readConfigFile(named, file === undefined ? 'PANDA_CONFIG' : '--config')
  const environment = readEnvironment(env, defaults)
  const settings = [...environment.settings, ...readFlags(flags)]
  let tree = withoutEmptySections(read.tree, defaults)
  for (const { path, value } of settings) tree = withSetting(tree, path, value)
  const parsed = configSchema.safeParse(tree)
  // The last setting of a path is the one that counts.
  const sourceOf = (path: readonly PropertyKey[]) =>
    settings.findLast(setting => setting.path.every((part, index) => part === path[index]))?.source ??
    named ??
    'defaults'
  const problems = [
    ...read.problems,
    ...environment.problems,
    ...(parsed.success ? [] : toProblems(parsed.error.issues, { tree, defaults, sourceOf })),
  ]
  if (!parsed.success || problems.length > 0) return { ok: false, problems }
  return { ok: true, config: deepFreeze(parsed.data) }
}

function deepFreeze<T>(value: T): DeepReadonly<T> {
  if (isTree(value) || Array.isArray(value)) for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value) as DeepReadonly<T>
}

import { z } from 'zod'
import type { Config } from '../config.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { workOnRelay } from './relay-access.ts'
import { readArguments } from './relay-arguments.ts'
import { readFilter, wholeNumber } from './relay-filter.ts'

const options = {
  filter: { type: 'string' },
  age: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
} as const

const removedSchema = z.object({ removed: z.number(), protected: z.number() })

/** `panda relay delete`: removes what a filter asks for, or what is older; never what is the service's own. */
export async function relayDelete(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, options)
  const asked = parsed === null || parsed.positionals.length > 0 ? usage : wanted(parsed.values)
  if (parsed === null || typeof asked === 'string') {
    line.complain(`panda: ${typeof asked === 'string' ? asked : usage}`)
    return exitCodes.usage
  }
  const dryRun = parsed.values['dry-run']
  const tell = (progress: unknown) => {
    const removed = removedSchema.safeParse(progress)
    if (removed.success) line.complain(describe(removed.data, dryRun))
  }
  try {
    const removed = await workOnRelay(config, 'relay.delete', { filter: asked.filter, dryRun }, { tell })
    line.print(describe(removedSchema.parse(removed), dryRun))
    return exitCodes.done
  } catch (error) {
    line.complain(`panda: not everything is removed: ${messageOf(error)}`)
    return exitCodes.failed
  }
}

const usage =
  'the command is panda relay delete [--filter JSON] [--age SECONDS] [--dry-run], with a filter, an age or both'

/** The filter to delete by, or what is wrong with the arguments. */
function wanted(values: { filter?: string | undefined; age?: string | undefined }): { filter: object } | string {
  if (values.filter === undefined && values.age === undefined) return usage
  const parsed = readFilter(values.filter ?? '{}')
  if (!parsed.ok) return `the filter cannot be used: ${parsed.reason}`
  const filter = JSON.parse(values.filter ?? '{}') as object
  if (values.age === undefined) return { filter }
  const age = wholeNumber(values.age)
  if (age === null) return '--age takes seconds'
  if ('until' in filter) return '--age does not go with a filter that has until'
  return { filter: { ...filter, until: Math.max(0, Math.floor(Date.now() / 1_000) - age) } }
}

function describe({ removed, protected: kept }: z.output<typeof removedSchema>, dryRun: boolean): string {
  const stay = kept === 0 ? '' : `; ${kept} of the service's own and commands stay`
  return `${removed} events ${dryRun ? 'would be removed' : 'removed'}${stay}`
}

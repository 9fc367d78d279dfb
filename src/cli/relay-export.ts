import { openWalk } from '../../relay/store/walk.ts'
import { exportLines } from '../../relay/sync/export.ts'
import type { Config } from '../config.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { readArguments } from './relay-arguments.ts'
import { readFilter, wholeNumber, within } from './relay-filter.ts'
import { keptBackNote, openForReading, privacy } from './relay-read.ts'
import { processStdio } from './stdio.ts'

const options = {
  since: { type: 'string' },
  until: { type: 'string' },
  filter: { type: 'string', default: '{}' },
  reverse: { type: 'boolean', default: false },
  private: { type: 'boolean', default: false },
} as const

/** `panda relay export`: writes events as JSON lines, oldest first, as strfry does. */
export async function relayExport(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, options)
  if (parsed === null || parsed.positionals.length > 0) {
    line.complain('panda: the command is panda relay export [options]; see panda relay --help')
    return exitCodes.usage
  }
  const { values } = parsed
  const filter = readFilter(values.filter)
  if (!filter.ok) {
    line.complain(`panda: the filter cannot be used: ${filter.reason}`)
    return exitCodes.usage
  }
  const [since, until] = [values.since, values.until].map(text => (text === undefined ? undefined : wholeNumber(text)))
  if (since === null || until === null) {
    line.complain('panda: --since and --until take Unix seconds')
    return exitCodes.usage
  }
  try {
    const { store, close } = await openForReading(config)
    try {
      const { visible, keptBack } = privacy(values.private)
      const now = Math.floor(Date.now() / 1_000)
      const walk = openWalk(store, within(filter.filter, { since, until }), { now, visible, reverse: values.reverse })
      await exportLines(walk, (line.stdio ?? processStdio()).write)
      const note = keptBackNote(keptBack())
      if (note !== null) line.complain(note)
    } finally {
      await close()
    }
  } catch (error) {
    line.complain(`panda: cannot export: ${messageOf(error)}`)
    return exitCodes.failed
  }
  return exitCodes.done
}

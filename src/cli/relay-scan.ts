import { openScan } from '../../relay/query/query.ts'
import { countFound, exportLines } from '../../relay/sync/export.ts'
import type { Config } from '../config.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { readArguments } from './relay-arguments.ts'
import { readFilter } from './relay-filter.ts'
import { keptBackNote, openForReading, privacy } from './relay-read.ts'
import { processStdio } from './stdio.ts'

const options = {
  count: { type: 'boolean', default: false },
  private: { type: 'boolean', default: false },
} as const

/** `panda relay scan FILTER`: writes or counts what a filter asks for, newest first, as a query finds it. */
export async function relayScan(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, options)
  const [text, ...more] = parsed?.positionals ?? []
  if (parsed === null || text === undefined || more.length > 0) {
    line.complain(`panda: the command is panda relay scan '{"kinds":[1]}' [--count] [--private]`)
    return exitCodes.usage
  }
  const filter = readFilter(text)
  if (!filter.ok) {
    line.complain(`panda: the filter cannot be used: ${filter.reason}`)
    return exitCodes.usage
  }
  try {
    const { store, close } = await openForReading(config)
    try {
      const { visible, keptBack } = privacy(parsed.values.private)
      const now = Math.floor(Date.now() / 1_000)
      const scan = openScan(store, filter.filter, { now, latest: store.latestSeq(), visible, seen: null })
      if (parsed.values.count) line.print(String(await countFound(scan)))
      else await exportLines(scan, (line.stdio ?? processStdio()).write)
      const note = keptBackNote(keptBack())
      if (note !== null) line.complain(note)
    } finally {
      await close()
    }
  } catch (error) {
    line.complain(`panda: cannot scan: ${messageOf(error)}`)
    return exitCodes.failed
  }
  return exitCodes.done
}

import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { ImportReport } from '../../relay/sync/import-report.ts'
import type { Config } from '../config.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { workOnRelay } from './relay-access.ts'
import { readArguments } from './relay-arguments.ts'
import { processStdio } from './stdio.ts'

const chunkBytes = 262_144

const reportSchema = z.object({
  lines: z.number(),
  added: z.number(),
  duplicates: z.number(),
  skipped: z.number(),
  reasons: z.array(z.object({ reason: z.string(), count: z.number(), lines: z.array(z.number()) })),
  stopped: z.string().nullable(),
})

/** `panda relay import [FILE]`: brings in events as JSON lines; says how far it is, and what was skipped and why. */
export async function relayImport(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, {})
  if (parsed === null || parsed.positionals.length > 1) {
    line.complain('panda: the command is panda relay import [FILE] [--data DIR]')
    return exitCodes.usage
  }
  const [file = '-'] = parsed.positionals
  let input: Readable
  try {
    input = file === '-' ? (line.stdio ?? processStdio()).input : await readFile(file)
  } catch (error) {
    line.complain(`panda: cannot read ${file}: ${messageOf(error)}`)
    return exitCodes.failed
  }
  const startMs = performance.now()
  const tell = (progress: unknown) => {
    const report = reportSchema.safeParse(progress)
    if (report.success) line.complain(describe(report.data, performance.now() - startMs))
  }
  try {
    const report = reportSchema.parse(await workOnRelay(config, 'relay.import', {}, { input, tell }))
    for (const text of summary(report, performance.now() - startMs)) line.print(text)
    return report.stopped === null ? exitCodes.done : exitCodes.failed
  } catch (error) {
    line.complain(`panda: the import ended: ${messageOf(error)}`)
    return exitCodes.failed
  } finally {
    // Otherwise a terminal that says nothing more would keep the process.
    input.destroy()
  }
}

/** Rejects when it cannot be opened. */
async function readFile(file: string): Promise<Readable> {
  const stream = createReadStream(file, { highWaterMark: chunkBytes })
  await once(stream, 'open')
  return stream
}

function describe({ lines, added, duplicates, skipped }: ImportReport, ms: number): string {
  const perSecond = Math.round((added + duplicates + skipped) / Math.max(0.001, ms / 1_000))
  return `${lines} lines (${perSecond}/s): ${added} added, ${duplicates} here already, ${skipped} skipped`
}

function summary(report: ImportReport, ms: number): string[] {
  const texts = [describe(report, ms)]
  for (const { reason, count, lines } of report.reasons) {
    const more = count > lines.length ? ', …' : ''
    texts.push(`  ${String(count).padStart(10)}  ${reason} (line ${lines.join(', ')}${more})`)
  }
  if (report.stopped !== null) texts.push(`Not imported to the end: ${report.stopped}`)
  return texts
}

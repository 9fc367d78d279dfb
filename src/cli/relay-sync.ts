import { z } from 'zod'
import { syncFilter } from '../../relay/sync/sync.ts'
import type { SyncReport } from '../../relay/sync/sync-report.ts'
import type { Config } from '../config.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { workOnRelay } from './relay-access.ts'
import { readArguments } from './relay-arguments.ts'
import { isWebsocketUrl } from './relay-sync-stream.ts'

const usage = 'panda relay sync URL [--dir up|down|both] [--filter JSON] [--data DIR]'

const reportSchema = z.object({
  received: z.number(),
  duplicates: z.number(),
  notReceived: z.number(),
  sent: z.number(),
  notSent: z.number(),
  reasons: z.array(z.object({ way: z.enum(['received', 'sent']), reason: z.string(), count: z.number() })),
  method: z.enum(['negentropy', 'pages']).nullable(),
  rounds: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  reached: z.number().nullable(),
  unsent: z.string().nullable(),
  stopped: z.string().nullable(),
})

/**
 * `panda relay sync URL`: makes this relay and another one agree on what they store, in the service that has the data
 * directory or without one. Progress goes to standard error, what came of it to standard output.
 */
export async function relaySync(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, { dir: { type: 'string' }, filter: { type: 'string' } })
  const [url] = parsed?.positionals ?? []
  const direction = parsed?.values.dir ?? 'both'
  const complaint = (reason: string): number => {
    line.complain(`panda: ${reason}: ${usage}`)
    return exitCodes.usage
  }
  if (parsed === null || parsed.positionals.length !== 1 || url === undefined) return complaint('the command is')
  if (!isWebsocketUrl(url)) return complaint('the URL begins with ws:// or wss://')
  if (!['up', 'down', 'both'].includes(direction)) return complaint('--dir is up, down or both')
  const filter = parseObject(parsed.values.filter ?? '{}')
  if (filter === null) return complaint('--filter is a JSON object')
  const checked = syncFilter(filter)
  if (!checked.ok) {
    line.complain(`panda: the filter cannot be used: ${checked.reason}`)
    return exitCodes.usage
  }

  const startMs = performance.now()
  const tell = (progress: unknown) => {
    const report = reportSchema.safeParse(progress)
    if (report.success) line.complain(describe(report.data, performance.now() - startMs))
  }
  try {
    const report = reportSchema.parse(await workOnRelay(config, 'relay.sync', { url, direction, filter }, { tell }))
    for (const text of summary(report, performance.now() - startMs)) line.print(text)
    return report.stopped === null && report.unsent === null ? exitCodes.done : exitCodes.failed
  } catch (error) {
    line.complain(`panda: the synchronisation ended: ${messageOf(error)}`)
    return exitCodes.failed
  }
}

function describe({ received, sent, duplicates, notReceived, notSent }: SyncReport, ms: number): string {
  const seconds = Math.round(ms / 1_000)
  return `${seconds} s: ${received} received, ${sent} sent, ${duplicates} here already, ${notReceived + notSent} skipped`
}

function summary(report: SyncReport, ms: number): string[] {
  const { method, rounds, bytesIn, bytesOut, reached, unsent, stopped } = report
  const texts = [describe(report, ms)]
  for (const { way, reason, count } of report.reasons) {
    texts.push(`  ${String(count).padStart(10)}  not ${way}: ${reason}`)
  }
  if (method === 'pages') texts.push('The other side does not know NIP-77: what it has was fetched page by page.')
  if (unsent !== null) texts.push(`Nothing was sent, since what it lacks is not known (it says: ${unsent})`)
  texts.push(`${rounds} rounds, ${kib(bytesIn)} KiB in, ${kib(bytesOut)} KiB out`)
  if (stopped !== null) {
    texts.push(`Not to the end: ${stopped}`)
    // By reconciliation what is settled is found out again in a few rounds; page after page it is fetched again.
    if (method === 'pages' && reached !== null) texts.push(`To go on from here, give the filter "until":${reached}`)
  }
  return texts
}

function kib(bytes: number): number {
  return Math.ceil(bytes / 1_024)
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

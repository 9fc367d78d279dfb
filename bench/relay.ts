import { measureBesideIngest } from './beside-ingest.ts'
import { measureFanOut } from './fan-out.ts'
import { measureIdle } from './idle.ts'
import { measureIngest } from './ingest.ts'
import type { BenchOptions } from './options.ts'
import { measureQueries } from './query.ts'
import { measureScan } from './scan.ts'
import { openStage, type Stage } from './stage.ts'

/** Of the sizes that are measured, which one a part is run at; figures are compared with others' at the first. */
type Size = { readonly isFirst: boolean; readonly isLast: boolean }
type Part = {
  isRunAt(size: Size): boolean
  /** Before the relay has any notes; another relay keeps the memory that it took for them. */
  isRunEmpty?: boolean
  measure(stage: Stage, size: Size): Promise<void>
}

/** strfry's figures on two cores, at 60,000 stored events. */
const strfry = {
  ingest: { cpuUs: { atMost: 227 }, rate: { atLeast: 7_500 } },
  query: {
    'by id': { cpuUs: { atMost: 150 } },
    "an author's latest 20": { cpuUs: { atMost: 250 } },
    "a tag's latest 50": { cpuUs: { atMost: 420 } },
    'kind 1, latest 500': { cpuUs: { atMost: 1_833 }, events: { atLeast: 267_000 } },
  },
}

/** In the order in which they run: those that write come last, since figures are for a number of events stored. */
const parts = {
  idle: { isRunAt: ({ isFirst }) => isFirst, isRunEmpty: true, measure: measureIdle },
  query: {
    isRunAt: () => true,
    measure: (stage, { isFirst }) => measureQueries(stage, isFirst ? strfry.query : {}),
  },
  scan: { isRunAt: ({ isLast }) => isLast, measure: measureScan },
  fanout: { isRunAt: ({ isFirst }) => isFirst, measure: measureFanOut },
  ingest: {
    isRunAt: () => true,
    measure: (stage, { isFirst }) => measureIngest(stage, isFirst ? strfry.ingest : {}),
  },
  mixed: { isRunAt: ({ isFirst }) => isFirst, measure: measureBesideIngest },
} as const satisfies Record<string, Part>

/** The names of the parts that can be run by themselves. */
export const relayParts = Object.keys(parts)

/** Everything that is asked of the relay's speed. */
export function benchRelay(options: BenchOptions): Promise<void> {
  return run(
    'relay',
    options,
    Object.entries(parts)
      .filter(([name]) => options.only?.includes(name) ?? true)
      .map(([, part]) => part),
  )
}

/** Events into a relay, with the targets that the service has for itself. */
export function benchIngest(options: BenchOptions): Promise<void> {
  const measure = (stage: Stage) => measureIngest(stage, { cpuUs: { atMost: 130 }, rate: { atLeast: 6_000 } })
  return run('ingest', options, [{ isRunAt: () => true, measure }])
}

/** Requests to a relay. */
export function benchQuery(options: BenchOptions): Promise<void> {
  return run('query', options, [parts.query])
}

async function run(bench: string, options: BenchOptions, chosen: readonly Part[]): Promise<void> {
  const sizes = [options.small ? 6_000 : 60_000, ...(options.million ? [1_000_000] : [])]
  const stage = await openStage(bench, options)
  try {
    for (const [index, stored] of sizes.entries()) {
      const size = { isFirst: index === 0, isLast: index === sizes.length - 1 }
      for (const part of chosen) {
        if (!part.isRunAt(size)) continue
        if (part.isRunEmpty !== true) await stage.fill(stored)
        await part.measure(stage, size)
      }
    }
    for (const { part, stored, p999Ms, maxMs } of stage.delays()) {
      const figure = `event loop delay during ${part}`
      stage.report.add({ figure: `${figure}: p99.9`, value: p999Ms, unit: 'ms', stored, target: { atMost: 10 } })
      stage.report.add({ figure: `${figure}: longest`, value: maxMs, unit: 'ms', stored })
    }
    stage.report.table()
  } finally {
    stage.close()
  }
}

import { prepareLoad } from './child.ts'
import type { LoadResult } from './load-task.ts'
import { questionAbout, questionFile } from './questions.ts'
import { createDataDirectory, startServer } from './server.ts'
import type { Stage } from './stage.ts'
import type { RelayProcess } from './trial.ts'

const clients = 4
const inFlight = 8
const eventsPerSecond = 2_000
const questions = ['by id', "an author's latest 20"] as const

/**
 * Reads as fast as they are answered, with and without events coming in at a rate; and with the same events going to another
 * process on this machine, which is what processors and caches that are shared take, whoever serves the reads.
 */
export async function measureBesideIngest(stage: Stage): Promise<void> {
  const elsewhere = createDataDirectory()
  const other = await startServer(elsewhere.path)
  try {
    await measureReads(stage, other)
  } finally {
    await other.stop()
    elsewhere.remove()
  }
}

async function measureReads(stage: Stage, other: RelayProcess): Promise<void> {
  const { report, directory, small } = stage
  const seconds = small ? 1 : 5
  // In turn, so that what else the machine does falls on both alike.
  const rounds = small ? 1 : 3
  await stage.play('reads beside ingest', async trial => {
    for (const name of questions) {
      const stored = stage.stored()
      const file = questionFile(directory, questionAbout(stage, name))
      const read = { kind: 'request', file, clients, inFlight, seconds } as const
      // Longer than the reads, so that there is ingest beside every one.
      const count = eventsPerSecond * (seconds + 1)
      const events = stage.fresh(count * rounds)
      const publish = { kind: 'publish', file: events, clients: 4, inFlight: 50, perSecond: eventsPerSecond } as const
      const { port, path } = other
      const alone: LoadResult[] = []
      const beside: LoadResult[] = []
      const ingested: LoadResult[] = []
      const besideOther: LoadResult[] = []
      await (await trial.prepare(read)).run()
      for (let round = 0; round < rounds; round++) {
        alone.push(...(await trial.measure(read)).results)
        const { results } = await trial.measure(read, { ...publish, first: round * count, count })
        beside.push(results[0])
        ingested.push(results[1])
        const publishing = await prepareLoad({ ...publish, first: round * count, count, port, path })
        const reading = await trial.prepare(read)
        besideOther.push((await Promise.all([reading.run(), publishing.run()]))[0])
      }
      const without = rateOf(alone)
      const reads = (value: number) => ({ value, unit: '1/s', floor: without, ratio: value / without, stored })
      const figure = `${name}, beside ${eventsPerSecond} events/s`
      report.add({ figure: `${figure}: requests, and without`, ...reads(rateOf(beside)), target: { ratio: 0.8 } })
      report.add({ figure: `${figure} to another process: requests, and without`, ...reads(rateOf(besideOther)) })
      report.add({ figure: `${figure}: events taken`, value: rateOf(ingested), unit: '1/s', stored })
    }
  })
}

function rateOf(results: readonly LoadResult[]): number {
  const sum = (of: (result: LoadResult) => number) => results.reduce((total, result) => total + of(result), 0)
  return sum(({ count }) => count) / sum(({ seconds }) => seconds)
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { authorKindPrefix, endKey, kindPrefix, seqKey, seqOfKey, startKey, tagPrefix } from '../relay/keys.ts'
import { loadSecp256k1 } from '../relay/secp256k1-load.ts'
import { type EventStore, openEventStore } from '../relay/store.ts'
import { openEnvironment } from '../src/store/environment.ts'
import { prepareLoad } from './child.ts'
import { loadNotes, mapSizeBytes } from './load-notes.ts'
import { createNotes, type Notes } from './notes.ts'
import type { BenchOptions } from './options.ts'
import { costOf } from './process-usage.ts'
import { createRandom, pick } from './random.ts'
import { createReport } from './report.ts'
import { createDataDirectory, startServer } from './server.ts'

/** A question that is asked about one value after another, and the same without a relay around it. */
type Question = {
  readonly name: string
  /** An id or an author each. */
  readonly values: readonly string[]
  filter(value: string): object
  /** Reads from LMDB what answers the filter, and nothing more. */
  read(store: EventStore, value: string): void
}

const clients = 4
const inFlights = [1, 8]
const farFuture = 2 ** 47

/** Requests to a relay that holds notes: processor time of each, how many a second, how long until EOSE. */
export async function benchQuery({ small, print, profileDirectory }: BenchOptions): Promise<void> {
  const notes = createNotes(await loadSecp256k1())
  const stored = small ? 6_000 : 60_000
  const data = createDataDirectory()
  try {
    await loadNotes(data.path, notes, stored)
    const questions = questionsAbout(notes, stored, small ? 10 : 1)
    const floors = await floorsOf(data.path, questions)
    const server = await startServer(data.path, profileDirectory)
    const report = createReport('query', server.verifier, print)
    try {
      for (const question of questions) {
        for (const inFlight of inFlights) {
          const file = join(data.path, 'filters.jsonl')
          writeFileSync(file, `${question.values.map(value => JSON.stringify(question.filter(value))).join('\n')}\n`)
          const task = { kind: 'request', port: server.port, file, clients, inFlight } as const
          await (await prepareLoad(task)).run()
          const load = await prepareLoad(task)
          const cpuBeforeMs = server.cpuMs()
          const result = await load.run()
          const cpuUs = ((server.cpuMs() - cpuBeforeMs) * 1_000) / result.count
          const floorUs = floors.get(question.name) ?? Number.NaN
          const figure = `${question.name}, ${clients} x ${inFlight}`
          const cpu = { value: cpuUs, unit: 'us', floor: floorUs, ratio: floorUs / cpuUs }
          report.add({ figure: `${figure}: server CPU per request`, ...cpu, stored })
          report.add({ figure: `${figure}: requests`, value: result.count / result.seconds, unit: '1/s', stored })
          report.add({ figure: `${figure}: EOSE p50`, value: result.p50Ms, unit: 'ms', stored })
          report.add({ figure: `${figure}: EOSE p99`, value: result.p99Ms, unit: 'ms', stored })
          report.add({ figure: `${figure}: events each`, value: result.received / result.count, unit: '1', stored })
        }
      }
    } finally {
      await server.stop()
    }
    report.table()
  } finally {
    data.remove()
  }
}

function questionsAbout(notes: Notes, stored: number, divisor: number): Question[] {
  const random = createRandom(stored)
  const times = (count: number, value: () => string) => Array.from({ length: count / divisor }, value)
  const author = () => notes.authors[pick(random, notes.authors.length)] ?? ''
  const id = () => notes.unsigned(pick(random, stored)).id
  return [
    {
      name: 'by id',
      values: times(8_000, id),
      filter: value => ({ ids: [value] }),
      read: (store, value) => {
        const seq = store.seqOf(Buffer.from(value, 'hex'))
        if (seq !== undefined) store.record(seq)
      },
    },
    {
      name: "an author's latest 20",
      values: times(8_000, author),
      filter: value => ({ authors: [value], kinds: [1], limit: 20 }),
      read: (store, value) => {
        readLatest(store, store.databases.byAuthorKind, authorKindPrefix(Buffer.from(value, 'hex'), 1), 20)
      },
    },
    {
      name: "a tag's latest 50",
      values: times(4_000, author),
      filter: value => ({ '#p': [value], limit: 50 }),
      read: (store, value) => readLatest(store, store.databases.byTag, tagPrefix('p', value), 50),
    },
    {
      name: 'kind 1, latest 500',
      values: times(1_000, author),
      filter: () => ({ kinds: [1], limit: 500 }),
      read: store => readLatest(store, store.databases.byKind, kindPrefix(1), 500),
    },
  ]
}

function readLatest(store: EventStore, index: EventStore['databases']['byKind'], prefix: Buffer, limit: number): void {
  const keys = index.getKeys({ start: startKey(prefix, farFuture), end: endKey(prefix, 0), limit })
  for (const key of keys) store.databases.events.getBinaryFast(seqKey(seqOfKey(key)))
}

/** Processor time of reading the answers from LMDB in this process, in microseconds each, by question. */
async function floorsOf(directory: string, questions: readonly Question[]): Promise<ReadonlyMap<string, number>> {
  const environment = openEnvironment({ directory, mapSizeBytes, readOnly: true })
  const store = openEventStore(environment.root)
  const floors = new Map<string, number>()
  for (const { name, values, read } of questions) {
    const readAll = () => {
      for (const value of values) read(store, value)
    }
    readAll()
    const { cpuMs } = await costOf(readAll)
    floors.set(name, (cpuMs * 1_000) / values.length)
  }
  await environment.close()
  return floors
}

import { authorKindPrefix, endKey, kindPrefix, seqKey, seqOfKey, startKey, tagPrefix } from '../relay/store/keys.ts'
import { type EventStore, openEventStore } from '../relay/store/store.ts'
import { openBeside } from '../src/store/open-beside.ts'
import { mapSizeBytes } from './load-notes.ts'
import { costOf } from './process-usage.ts'
import { type Question, type QuestionName, questionAbout, questionFile, questionNames } from './questions.ts'
import type { Target } from './report.ts'
import type { Stage } from './stage.ts'

/** What each question has to keep to. */
export type QueryTargets = Partial<Record<QuestionName, { readonly cpuUs?: Target; readonly events?: Target }>>

const clients = 4
const inFlights = [1, 8]
const farFuture = 2 ** 47

/** Requests to a relay that holds notes: processor time of each, how many a second, how long until EOSE. */
export async function measureQueries(stage: Stage, targets: QueryTargets): Promise<void> {
  const { report, data, directory } = stage
  const stored = stage.stored()
  const questions = questionNames.map(name => questionAbout(stage, name))
  const floors = data === undefined ? new Map<string, number>() : await floorsOf(data, questions)
  await stage.play('query', async trial => {
    for (const question of questions) {
      const file = questionFile(directory, question)
      const target = targets[question.name]
      for (const inFlight of inFlights) {
        const task = { kind: 'request', file, clients, inFlight } as const
        await (await trial.prepare(task)).run()
        const { cpuMs, results } = await trial.measure(task)
        const [{ count, seconds, received, p50Ms, p99Ms }] = results
        const cpuUs = (cpuMs * 1_000) / count
        const floor = floors.get(question.name)
        const add = (figure: string, value: number, unit: string, more: { target?: Target | undefined } = {}) =>
          report.add({ figure: `${question.name}, ${clients} x ${inFlight}: ${figure}`, value, unit, stored, ...more })
        const cpu = { floor, ratio: floor && floor / cpuUs, target: target?.cpuUs }
        add('server CPU per request', cpuUs, 'us', cpu)
        add('requests', count / seconds, '1/s')
        // One request at a time says how long an answer takes, not how many there can be.
        add('events delivered', received / seconds, '1/s', inFlight === 1 ? {} : { target: target?.events })
        add('events each', received / count, '1')
        add('EOSE p50', p50Ms, 'ms')
        add('EOSE p99', p99Ms, 'ms')
      }
    }
  })
}

/** Reads from LMDB what answers a question, and nothing more. */
const readers: Readonly<Record<QuestionName, (store: EventStore, value: string) => void>> = {
  'by id': (store, value) => {
    const seq = store.seqOf(Buffer.from(value, 'hex'))
    if (seq !== undefined) store.record(seq)
  },
  "an author's latest 20": (store, value) =>
    readLatest(store, store.databases.byAuthorKind, authorKindPrefix(Buffer.from(value, 'hex'), 1), 20),
  "a tag's latest 50": (store, value) => readLatest(store, store.databases.byTag, tagPrefix('p', value), 50),
  'kind 1, latest 500': store => readLatest(store, store.databases.byKind, kindPrefix(1), 500),
}

function readLatest(store: EventStore, index: EventStore['databases']['byKind'], prefix: Buffer, limit: number): void {
  const keys = index.getKeys({ start: startKey(prefix, farFuture), end: endKey(prefix, 0), limit })
  for (const key of keys) store.databases.events.getBinaryFast(seqKey(seqOfKey(key)))
}

/** Processor time of reading the answers from LMDB in this process, in microseconds each, by question. */
async function floorsOf(directory: string, questions: readonly Question[]): Promise<ReadonlyMap<string, number>> {
  const environment = await openBeside({ directory, mapSizeBytes })
  const store = openEventStore(environment.root)
  const floors = new Map<string, number>()
  for (const { name, values } of questions) {
    const readAll = () => {
      for (const value of values) readers[name](store, value)
    }
    readAll()
    const { cpuMs } = await costOf(readAll)
    floors.set(name, (cpuMs * 1_000) / values.length)
  }
  await environment.close()
  return floors
}

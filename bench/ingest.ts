import type { RelayDatabases } from '../relay/databases.ts'
import type { NostrEvent } from '../relay/event.ts'
import { authorKindPrefix, indexKey, kindPrefix, seqKey, tagPrefix } from '../relay/keys.ts'
import { encodeRecord, indexedTags } from '../relay/record.ts'
import { loadSecp256k1 } from '../relay/secp256k1-load.ts'
import { openEventStore } from '../relay/store.ts'
import { openEnvironment } from '../src/store/environment.ts'
import { prepareLoad } from './child.ts'
import { commitCost, type Put, transactionsOf, verificationCost } from './floors.ts'
import { loadNotes, mapSizeBytes } from './load-notes.ts'
import { createNotes, type Notes, readLines, signedNotesFile } from './notes.ts'
import type { BenchOptions } from './options.ts'
import { createReport, type Report } from './report.ts'
import { createDataDirectory, startServer } from './server.ts'

const clients = 4
const inFlight = 200
const warmUpCount = 2_000
const settleMs = 3_000

/** Events into a relay that is not empty: processor time of each, how many a second, how long until the OK. */
export async function benchIngest({ million, small, print, profileDirectory }: BenchOptions): Promise<void> {
  const notes = createNotes(await loadSecp256k1())
  const measured = small ? 4_000 : 20_000
  const sizes = [small ? 6_000 : 60_000, ...(million ? [1_000_000] : [])]
  let report: Report | undefined
  for (const stored of sizes) {
    const data = createDataDirectory()
    try {
      await loadNotes(data.path, notes, stored)
      report = await measureAt({ data: data.path, notes, stored, measured, report, print, profileDirectory })
    } finally {
      data.remove()
    }
  }
  report?.table()
}

async function measureAt(options: {
  data: string
  notes: Notes
  stored: number
  measured: number
  report: Report | undefined
  print: BenchOptions['print']
  profileDirectory: string | undefined
}): Promise<Report> {
  const { data, notes, stored, measured, print, profileDirectory } = options
  const file = signedNotesFile(notes, stored, warmUpCount + measured)
  const server = await startServer(data, profileDirectory)
  const report = options.report ?? createReport('ingest', server.verifier, print)
  const environment = openEnvironment({ directory: data, mapSizeBytes, readOnly: true })
  try {
    await new Promise(resolve => setTimeout(resolve, settleMs))
    report.add({ figure: 'start until serving', value: server.startMs, unit: 'ms', stored, target: '<= 2000' })
    report.add({ figure: 'idle RssAnon', value: server.anonymousMiB(), unit: 'MiB', stored, target: '<= 150' })
    const task = { kind: 'publish', port: server.port, file, clients, inFlight } as const
    const warmUp = await prepareLoad({ ...task, first: 0, count: warmUpCount })
    await warmUp.run()
    const load = await prepareLoad({ ...task, first: warmUpCount, count: measured })
    const transactionsBefore = transactionsOf(environment.root)
    const cpuBeforeMs = server.cpuMs()
    const result = await load.run()
    const cpuUs = ((server.cpuMs() - cpuBeforeMs) * 1_000) / measured
    const batch = Math.max(1, Math.round(measured / (transactionsOf(environment.root) - transactionsBefore)))
    const anonymousMiB = server.anonymousMiB()
    await server.stop()
    await environment.close()

    const floor = await floorOf({ data, notes, file, batch, next: stored + warmUpCount + measured })
    const floorCpuUs = floor.verifyCpuUs + floor.commitCpuUs
    const floorRate = 1e6 / (floor.verifyWallUs + floor.commitWallUs)
    const rate = measured / result.seconds
    report.add({
      figure: 'server CPU per event',
      value: cpuUs,
      unit: 'us',
      floor: floorCpuUs,
      ratio: floorCpuUs / cpuUs,
      stored,
      target: '<= 130',
    })
    report.add({
      figure: 'durable events',
      value: rate,
      unit: '1/s',
      floor: floorRate,
      ratio: rate / floorRate,
      stored,
      target: '>= 6000',
    })
    report.add({ figure: `OK p50, ${clients} x ${inFlight} in flight`, value: result.p50Ms, unit: 'ms', stored })
    report.add({ figure: `OK p99, ${clients} x ${inFlight} in flight`, value: result.p99Ms, unit: 'ms', stored })
    report.add({ figure: 'events per transaction', value: batch, unit: '1', stored })
    report.add({ figure: 'RssAnon after', value: anonymousMiB, unit: 'MiB', stored })
    report.add({ figure: 'floor: verification, CPU', value: floor.verifyCpuUs, unit: 'us' })
    report.add({ figure: `floor: commit of ${batch} at once, CPU`, value: floor.commitCpuUs, unit: 'us', stored })
    return report
  } finally {
    await environment.close()
    await server.stop()
  }
}

/**
 * What cannot be done without: a verification, and one record with its six index entries, under the keys that such events
 * have, written in transactions as large as the server's.
 */
async function floorOf({ data, notes, file, batch, next }: FloorOptions) {
  const events = readLines(file)
    .slice(warmUpCount)
    .map(line => JSON.parse(line) as NostrEvent)
  const verification = await verificationCost(await loadSecp256k1(), events)
  const environment = openEnvironment({ directory: data, mapSizeBytes })
  try {
    const { databases } = openEventStore(environment.root)
    const operations = events.map((_, offset) => putsOf(databases, notes.unsigned(next + offset), next + offset))
    const commit = await commitCost(environment.root, operations, batch)
    const perEventUs = (ms: number) => (ms * 1_000) / events.length
    return {
      verifyCpuUs: perEventUs(verification.cpuMs),
      verifyWallUs: perEventUs(verification.wallMs),
      commitCpuUs: perEventUs(commit.cpuMs),
      commitWallUs: perEventUs(commit.wallMs),
    }
  } finally {
    await environment.close()
  }
}

type FloorOptions = {
  readonly data: string
  readonly notes: Notes
  readonly file: string
  readonly batch: number
  /** The number of the first note that is not stored yet. */
  readonly next: number
}

function putsOf(databases: RelayDatabases, event: NostrEvent, seq: number): Put[] {
  const id = Buffer.from(event.id, 'hex')
  const tags = indexedTags(event)
  const author = Buffer.from(event.pubkey, 'hex')
  const position = (database: Put['database'], prefix: Buffer): Put => ({
    database,
    key: indexKey(prefix, event.created_at, id, seq),
    value: Buffer.alloc(0),
  })
  return [
    { database: databases.events, key: seqKey(seq), value: encodeRecord(event, tags) },
    { database: databases.ids, key: id, value: seqKey(seq) },
    position(databases.byTime, Buffer.alloc(0)),
    position(databases.byKind, kindPrefix(event.kind)),
    position(databases.byAuthorKind, authorKindPrefix(author, event.kind)),
    ...tags.map(([letter, value]) => position(databases.byTag, tagPrefix(letter, value))),
  ]
}

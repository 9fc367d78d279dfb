import type { NostrEvent } from '../relay/event.ts'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { ownWireEvent } from '../relay/signatures/wire-event.ts'
import type { RelayDatabases } from '../relay/store/databases.ts'
import { authorKindPrefix, indexKey, kindPrefix, seqKey, tagPrefix } from '../relay/store/keys.ts'
import { encodeRecord, indexedTags } from '../relay/store/record.ts'
import { openEventStore } from '../relay/store/store.ts'
import { openEnvironment } from '../src/store/environment.ts'
import { openBeside } from '../src/store/open-beside.ts'
import { commitCost, type Put, transactionsOf, verificationCost } from './floors.ts'
import { mapSizeBytes } from './load-notes.ts'
import { type Notes, readLines } from './notes.ts'
import { anonymousMiBOf } from './process-usage.ts'
import type { Target } from './report.ts'
import type { Stage } from './stage.ts'
import type { Trial } from './trial.ts'

const clients = 4
const inFlight = 200
const warmUpCount = 2_000

/** Events into a relay that is not empty: processor time of each, how many a second, how long until the OK. */
export async function measureIngest(stage: Stage, targets: { cpuUs?: Target; rate?: Target }): Promise<void> {
  const { report, small, data } = stage
  // Enough of the event loop's looks, one a millisecond, for what one in a thousand takes.
  const measured = small ? 4_000 : 80_000
  const stored = stage.stored()
  const file = stage.fresh(warmUpCount + measured)
  const outcome = await stage.play('ingest', trial =>
    ingest(trial, { file, measured, data, settleMs: small ? 500 : 3_000 }),
  )
  const { cpuUs, rate, batch, startMs } = outcome
  const floor =
    data === undefined || batch === undefined
      ? undefined
      : await floorOf({ data, notes: stage.notes, file, batch, next: stage.claim(measured) })

  report.add({
    figure: 'ingest: server CPU per event',
    value: cpuUs,
    unit: 'us',
    floor: floor?.cpuUs,
    ratio: floor && floor.cpuUs / cpuUs,
    stored,
    target: targets.cpuUs,
  })
  report.add({
    figure: 'ingest: durable events',
    value: rate,
    unit: '1/s',
    floor: floor?.rate,
    ratio: floor && rate / floor.rate,
    stored,
    target: targets.rate,
  })
  const add = (figure: string, value: number, unit: string, target?: Target) =>
    report.add({ figure: `ingest: ${figure}`, value, unit, stored, target })
  add(`OK p50, ${clients} x ${inFlight} in flight`, outcome.p50Ms, 'ms')
  add(`OK p99, ${clients} x ${inFlight} in flight`, outcome.p99Ms, 'ms')
  if (startMs !== undefined) {
    add('start until serving', startMs, 'ms', { atMost: 2_000 })
    add('idle RssAnon', outcome.idleMiB, 'MiB', { atMost: 150 })
  }
  add('RssAnon after', outcome.afterMiB, 'MiB')
  if (floor === undefined || batch === undefined) return
  add('events per transaction', batch, '1')
  add('floor: verification, CPU', floor.verificationUs, 'us')
  add(`floor: commit of ${batch} at once, CPU`, floor.commitUs, 'us')
}

async function ingest(
  trial: Trial,
  options: { file: string; measured: number; data: string | undefined; settleMs: number },
) {
  const { file, measured, data, settleMs } = options
  const { pid, startMs } = trial.relay
  const environment = data === undefined ? undefined : await openBeside({ directory: data, mapSizeBytes })
  const transactions = () => (environment === undefined ? undefined : transactionsOf(environment.root))
  try {
    await new Promise(resolve => setTimeout(resolve, settleMs))
    const idleMiB = anonymousMiBOf(pid)
    const task = { kind: 'publish', file, clients, inFlight } as const
    await (await trial.prepare({ ...task, first: 0, count: warmUpCount })).run()
    const before = transactions()
    const { cpuMs, results } = await trial.measure({ ...task, first: warmUpCount, count: measured })
    const after = transactions()
    const [{ seconds, p50Ms, p99Ms }] = results
    return {
      cpuUs: (cpuMs * 1_000) / measured,
      rate: measured / seconds,
      batch:
        before === undefined || after === undefined ? undefined : Math.max(1, Math.round(measured / (after - before))),
      startMs,
      idleMiB,
      afterMiB: anonymousMiBOf(pid),
      p50Ms,
      p99Ms,
    }
  } finally {
    await environment?.close()
  }
}

/**
 * What cannot be done without: a verification, and one record with its six index entries, under the keys that such events
 * have, written in transactions as large as the server's. What is written is undone by nobody: later parts find it.
 */
async function floorOf({ data, notes, file, batch, next }: FloorOptions) {
  const events = readLines(file)
    .slice(warmUpCount)
    .map(line => JSON.parse(line) as NostrEvent)
  const verification = await verificationCost(await loadSecp256k1(), events)
  const environment = openEnvironment({ directory: data, mapSizeBytes })
  try {
    const store = openEventStore(environment.root)
    const firstSeq = store.latestSeq() + 1
    const operations = events.map((_, offset) =>
      putsOf(store.databases, notes.unsigned(next + offset), firstSeq + offset),
    )
    const commit = await commitCost(environment.root, operations, batch)
    const perEventUs = (ms: number) => (ms * 1_000) / events.length
    return {
      cpuUs: perEventUs(verification.cpuMs + commit.cpuMs),
      rate: 1e6 / perEventUs(verification.wallMs + commit.wallMs),
      verificationUs: perEventUs(verification.cpuMs),
      commitUs: perEventUs(commit.cpuMs),
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
  /** The number of the first note to be written. */
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
    { database: databases.events, key: seqKey(seq), value: encodeRecord(ownWireEvent(event), tags, 0) },
    { database: databases.ids, key: id, value: seqKey(seq) },
    position(databases.byTime, Buffer.alloc(0)),
    position(databases.byKind, kindPrefix(event.kind)),
    position(databases.byAuthorKind, authorKindPrefix(author, event.kind)),
    ...tags.map(([letter, value]) => position(databases.byTag, tagPrefix(letter, value))),
  ]
}

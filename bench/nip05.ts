import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { prepareLoad, startFloorServer } from './child.ts'
import { loadNames, nameOf } from './load-names.ts'
import type { LoadResult } from './load-task.ts'
import { createNotes, signedNotesFile } from './notes.ts'
import type { BenchOptions } from './options.ts'
import { cpuMsOf } from './process-usage.ts'
import { createRandom, pick } from './random.ts'
import { createReport, type Report } from './report.ts'
import { benchDomain, createDataDirectory, type Server, startServer } from './server.ts'

const path = '/.well-known/nostr.json'
const sockets = 16
const rounds = 5
const requestCount = 20_000
const ingestPerSecond = 2_000
const lookUpsPerSecond = 1_000
const warmUpCount = 4_000

/** Lookups of names against a route that always answers the same, and while the relay takes in events. */
export async function benchNip05({ million, small, print, profileDirectory }: BenchOptions): Promise<void> {
  let report: Report | undefined
  for (const stored of [1_000, ...(million ? [1_000_000] : [])]) {
    const data = createDataDirectory()
    try {
      await loadNames(data.path, stored, Math.floor(Date.now() / 1_000))
      const file = join(data.path, 'targets.txt')
      const random = createRandom(stored)
      const targets = Array.from({ length: requestCount }, () => `${path}?name=${nameOf(pick(random, stored))}`)
      writeFileSync(file, `${targets.join('\n')}\n`)
      const server = await startServer(data.path, profileDirectory)
      report ??= createReport('nip05', server, print)
      try {
        await compare({ server, file, stored, report, seconds: small ? 0.5 : 2 })
        await underIngest({ server, file, stored, report, seconds: small ? 2 : 10 })
      } finally {
        await server.stop()
      }
    } finally {
      data.remove()
    }
  }
  report?.table()
}

type Setting = { server: Server; file: string; stored: number; report: Report; seconds: number }

/** Rounds of both in turn, so that what else the machine does falls on both alike. */
async function compare({ server, file, stored, report, seconds }: Setting): Promise<void> {
  const constant = await startFloorServer('constant-route')
  const task = { kind: 'look-up', file, host: benchDomain, sockets, seconds } as const
  const measure = async (port: number, cpuMs: () => number, into: Round[]) => {
    const load = await prepareLoad({ ...task, port })
    const before = cpuMs()
    const result = await load.run()
    into.push({ result, cpuMs: cpuMs() - before })
  }
  const ours: Round[] = []
  const theirs: Round[] = []
  try {
    for (let round = 0; round <= rounds; round++) {
      await measure(constant.port, () => cpuMsOf(constant.pid), theirs)
      await measure(server.port, server.cpuMs, ours)
    }
  } finally {
    constant.stop()
  }
  const lookUp = summary(ours)
  const floor = summary(theirs)
  const cpu = { value: lookUp.cpuUs, unit: 'us', floor: floor.cpuUs, ratio: floor.cpuUs / lookUp.cpuUs }
  const rate = { value: lookUp.rate, unit: '1/s', floor: floor.rate, ratio: lookUp.rate / floor.rate }
  report.add({ figure: 'server CPU per lookup', ...cpu, stored })
  report.add({ figure: `lookups, ${sockets} sockets`, ...rate, stored, target: { ratio: 0.75 } })
  report.add({ figure: 'lookup p50', value: lookUp.p50Ms, unit: 'ms', floor: floor.p50Ms, stored })
  report.add({ figure: 'lookup p99', value: lookUp.p99Ms, unit: 'ms', floor: floor.p99Ms, stored })
}

type Round = { readonly result: LoadResult; readonly cpuMs: number }

/** All rounds together but the first, in which both warm up. */
function summary([, ...counted]: readonly Round[]) {
  const sum = (of: (round: Round) => number) => counted.reduce((total, round) => total + of(round), 0)
  const count = sum(({ result }) => result.count)
  return {
    cpuUs: (sum(({ cpuMs }) => cpuMs) * 1_000) / count,
    rate: count / sum(({ result }) => result.seconds),
    p50Ms: sum(({ result }) => result.p50Ms) / counted.length,
    p99Ms: sum(({ result }) => result.p99Ms) / counted.length,
  }
}

/** Lookups at a rate that leaves the server time, while events come in at another. */
async function underIngest({ server, file, stored, report, seconds }: Setting): Promise<void> {
  const count = ingestPerSecond * seconds
  const events = signedNotesFile(createNotes(await loadSecp256k1()), 0, warmUpCount + count)
  const task = { kind: 'publish', port: server.port, file: events, clients: 4, inFlight: 50 } as const
  await (await prepareLoad({ ...task, first: 0, count: warmUpCount })).run()
  const lookUp = { kind: 'look-up', port: server.port, file, host: benchDomain, sockets } as const
  const ingest = await prepareLoad({ ...task, first: warmUpCount, count, perSecond: ingestPerSecond })
  // Shorter than the ingest, so that there is ingest beside every lookup.
  const load = await prepareLoad({ ...lookUp, seconds: seconds - 1, perSecond: lookUpsPerSecond })
  const [taken, looked] = await Promise.all([ingest.run(), load.run()])
  const name = `${lookUpsPerSecond} lookups/s beside ${ingestPerSecond} events/s`
  report.add({ figure: `${name}: lookup p50`, value: looked.p50Ms, unit: 'ms', stored })
  report.add({ figure: `${name}: lookup p99`, value: looked.p99Ms, unit: 'ms', stored, target: { atMost: 10 } })
  report.add({ figure: `${name}: lookups done`, value: looked.count / looked.seconds, unit: '1/s', stored })
  report.add({ figure: `${name}: events done`, value: taken.count / taken.seconds, unit: '1/s', stored })
  report.add({ figure: `${name}: OK p99`, value: taken.p99Ms, unit: 'ms', stored })
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { openBeside } from '../src/store/open-beside.ts'
import { prepareLoad } from './child.ts'
import { addFloors, floorOf } from './command-floors.ts'
import { type Customer, createCustomers, registration } from './customers.ts'
import { transactionsOf } from './floors.ts'
import { measureHistory } from './history.ts'
import { mapSizeBytes } from './load-notes.ts'
import type { BenchOptions } from './options.ts'
import { forgetCached } from './page-cache.ts'
import { openWorkshop } from './register.ts'
import { createReport } from './report.ts'
import { createDataDirectory, startServer } from './server.ts'
import { measureSettlement } from './settlement.ts'
import { measureSweep } from './sweep.ts'

const clients = 4
const inFlight = 200
const fundsMsat = 1_000_000_000
const unhurriedCount = 500
/** The service is to take so many commands a second, and to be quick at half of that. */
const wantedRate = 2_000
const halfLoadSeconds = 5

/** Names bought from the balance, one a command, by many customers in turn. */
export async function benchCommands({ small, million, print, profileDirectory }: BenchOptions): Promise<void> {
  const secp = await loadSecp256k1()
  const customers = createCustomers(secp, small ? 200 : 2_000)
  const names = small ? 5_000 : 100_000
  const measured = small ? 2_000 : 10_000
  const data = createDataDirectory()
  try {
    // The settings and the domain are in the log as a server puts them there.
    const first = await startServer(data.path)
    await first.stop()
    await loadRegistrations(data.path, secp, customers, names)
    forgetCached(join(data.path, 'data.mdb'))
    const server = await startServer(data.path, profileDirectory)
    const report = createReport('commands', server, print)
    const environment = await openBeside({ directory: data.path, mapSizeBytes })
    try {
      const file = join(data.path, 'commands.jsonl')
      // The first command of each customer costs an ECDH: that is not what is measured.
      const warmUpCount = customers.length
      const now = Math.floor(Date.now() / 1_000)
      const mostAtHalf = (wantedRate / 2) * halfLoadSeconds
      const lines = Array.from({ length: warmUpCount + measured + unhurriedCount + mostAtHalf }, (_, offset) =>
        JSON.stringify(
          registration(secp, customers, { index: names + offset, service: server.publicKey, now, pay: 'balance' }),
        ),
      )
      writeFileSync(file, `${lines.join('\n')}\n`, { flush: true })
      const task = { kind: 'publish', port: server.port, file, clients, inFlight } as const
      const warmUp = await prepareLoad({ ...task, first: 0, count: warmUpCount })
      await warmUp.run()
      const load = await prepareLoad({ ...task, first: warmUpCount, count: measured })
      const transactionsBefore = transactionsOf(environment.root)
      const cpuBeforeMs = server.cpuMs()
      const result = await load.run()
      const cpuUs = ((server.cpuMs() - cpuBeforeMs) * 1_000) / measured
      const batch = Math.max(1, Math.round(measured / (transactionsOf(environment.root) - transactionsBefore)))
      const slow = { ...task, clients: 1, inFlight: 1, first: warmUpCount + measured, count: unhurriedCount }
      const unhurried = await (await prepareLoad(slow)).run()
      // What it takes, if that is less than it should: beyond, the queue would say nothing but how long it was measured.
      const halfRate = Math.round(Math.min(wantedRate, measured / result.seconds) / 2)
      const halfLoad = { perSecond: halfRate, count: halfRate * halfLoadSeconds }
      const fromHalf = warmUpCount + measured + unhurriedCount
      const half = await (await prepareLoad({ ...task, first: fromHalf, ...halfLoad })).run()
      const settlement = await measureSettlement({ secp, server, data: data.path, count: small ? 10 : 50 })
      const anonymousMiB = server.anonymousMiB()
      await server.stop()
      await environment.close()

      const floor = await floorOf({ data: data.path, secp, customers, next: names + lines.length, batch, small })
      const rate = measured / result.seconds
      const stored = names
      report.add({
        figure: 'server CPU per command',
        value: cpuUs,
        unit: 'us',
        floor: floor.cpuUs,
        ratio: floor.cpuUs / cpuUs,
        stored,
      })
      report.add({
        figure: 'durable commands',
        value: rate,
        unit: '1/s',
        floor: 1e6 / floor.wallUs,
        ratio: (rate * floor.wallUs) / 1e6,
        stored,
        target: { atLeast: wantedRate },
      })
      const add = (figure: string, value: number, unit: string, atMost?: number) =>
        report.add({ figure, value, unit, stored, target: atMost === undefined ? undefined : { atMost } })
      add(`OK p50, ${clients} x ${inFlight} in flight`, result.p50Ms, 'ms')
      add(`OK p99, ${clients} x ${inFlight} in flight`, result.p99Ms, 'ms')
      add(`OK p50 at ${halfRate}/s`, half.p50Ms, 'ms')
      add(`OK p99 at ${halfRate}/s`, half.p99Ms, 'ms', 50)
      add('OK p50, one at a time', unhurried.p50Ms, 'ms')
      add('OK p99, one at a time', unhurried.p99Ms, 'ms')
      add('settled until fulfilled notice, p50', settlement.p50Ms, 'ms', 10)
      add('settled until fulfilled notice, p99', settlement.p99Ms, 'ms')
      add('commands per transaction', batch, '1')
      add('RssAnon after', anonymousMiB, 'MiB')
      addFloors(report, floor)
      await measureSweep(report, 100_000, small ? 6 : 30)
      await measureHistory(report, historyLengths(small, million))
      report.table()
    } finally {
      await environment.close()
      await server.stop()
    }
  } finally {
    data.remove()
  }
}

/** Postings in the ledger. Ten millions of them take a quarter of an hour to write. */
function historyLengths(small: boolean, million: boolean): readonly number[] {
  if (small) return [10_000, 100_000]
  return [10_000, 100_000, 1_000_000, ...(million ? [10_000_000] : [])]
}

async function loadRegistrations(
  directory: string,
  secp: Secp256k1,
  customers: readonly Customer[],
  count: number,
): Promise<void> {
  const now = Math.floor(Date.now() / 1_000)
  const workshop = openWorkshop(directory, secp, now)
  const service = workshop.signer.publicKey
  await workshop.fund(customers, fundsMsat)
  await workshop.apply(count, index => registration(secp, customers, { index, service, now, pay: 'balance' }))
  await workshop.close()
}

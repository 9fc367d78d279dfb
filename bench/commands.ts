import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NostrEvent } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { conversationKey, encrypt } from '../src/protocol/nip44.ts'
import { loadOrCreateKey } from '../src/service-key.ts'
import { openEnvironment } from '../src/store/environment.ts'
import { prepareLoad } from './child.ts'
import { type Customer, createCustomers, registration } from './customers.ts'
import { commitCost, transactionsOf, verificationCost } from './floors.ts'
import { measureHistory } from './history.ts'
import { mapSizeBytes } from './load-notes.ts'
import type { BenchOptions } from './options.ts'
import { costOf } from './process-usage.ts'
import { openWorkshop } from './register.ts'
import { createReport, type Report } from './report.ts'
import { createDataDirectory, startServer } from './server.ts'
import { measureSettlement } from './settlement.ts'
import { measureSweep } from './sweep.ts'

const clients = 4
const inFlight = 50
const fundsMsat = 1_000_000_000
const unhurriedCount = 500
/** The service is to take so many commands a second, and to be quick at half of that. */
const wantedRate = 2_000
const halfLoadSeconds = 5
/** What a commit would cost if more commands shared it. */
const largerBatches = [16, 64, 256]

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
    const server = await startServer(data.path, profileDirectory)
    const report = createReport('commands', server, print)
    const environment = openEnvironment({ directory: data.path, mapSizeBytes, readOnly: true })
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
      writeFileSync(file, `${lines.join('\n')}\n`)
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

type Floor = Awaited<ReturnType<typeof floorOf>>

/**
 * What cannot be done without: a verification, two signatures, an encryption with a known key, and the very rows that such
 * commands write, in transactions as large as the server's.
 */
async function floorOf(options: {
  data: string
  secp: Secp256k1
  customers: readonly Customer[]
  /** The number of the first name that is not registered yet. */
  next: number
  batch: number
  small: boolean
}) {
  const { data, secp, customers, next, batch, small } = options
  const now = Math.floor(Date.now() / 1_000)
  const count = small ? 500 : 3_000
  const workshop = openWorkshop(data, secp, now)
  const { secretKey } = loadOrCreateKey(join(data, 'service.key'))
  const service = workshop.signer.publicKey
  const commands = Array.from({ length: count }, (_, offset) =>
    registration(secp, customers, { index: next + offset, service, now, pay: 'balance' }),
  )
  const { puts, published } = workshop.rehearse(commands)
  const replies = published.flatMap((events, index): Reply[] => {
    const result = events.at(-1)
    const author = commands[index]?.pubkey
    const shared = author === undefined ? null : secp.sharedX(secretKey, Buffer.from(author, 'hex'))
    const plaintext = author === undefined ? null : workshop.signer.open(result?.content ?? '', author)
    if (result === undefined || shared === null || plaintext === null) throw new Error('a command was not answered')
    return [{ result, plaintext, key: conversationKey(shared) }]
  })
  const verification = await verificationCost(secp, commands)
  const signatures = await costOf(() => {
    for (const { result } of replies) {
      const id = Buffer.from(result.id, 'hex')
      secp.sign(id, secretKey)
      secp.sign(id, secretKey)
    }
  })
  const nonce = Buffer.alloc(32, 1)
  const encryption = await costOf(() => {
    for (const { plaintext, key } of replies) encrypt(plaintext, key, nonce)
  })
  const share = Math.floor(count / (1 + largerBatches.length))
  const commit = await commitCost(workshop.environment.root, puts.slice(0, share), batch)
  const commits = [{ atOnce: batch, cost: commit }]
  for (const [index, atOnce] of largerBatches.entries()) {
    const part = puts.slice((index + 1) * share, (index + 2) * share)
    commits.push({ atOnce, cost: await commitCost(workshop.environment.root, part, atOnce) })
  }
  await workshop.close()
  const parts = { verification, signatures, encryption }
  const sumUs = (of: 'cpuMs' | 'wallMs') => {
    const cryptoMs = Object.values(parts).reduce((total, cost) => total + cost[of], 0)
    return (cryptoMs / count + commit[of] / share) * 1_000
  }
  const bytes = puts.flat().reduce((total, { key, value }) => total + key.length + value.length, 0)
  return {
    cpuUs: sumUs('cpuMs'),
    wallUs: sumUs('wallMs'),
    partsUs: Object.entries(parts).map(([name, cost]) => ({ name, cpuUs: (cost.cpuMs * 1_000) / count })),
    commits: commits.map(({ atOnce, cost }) => ({
      atOnce,
      cpuUs: (cost.cpuMs * 1_000) / share,
      wallUs: (cost.wallMs * 1_000) / share,
    })),
    puts: puts.flat().length / count,
    bytes: bytes / count,
  }
}

type Reply = { readonly result: NostrEvent; readonly plaintext: string; readonly key: Buffer }

function addFloors(report: Report, floor: Floor): void {
  for (const { name, cpuUs } of floor.partsUs) report.add({ figure: `floor: ${name}, CPU`, value: cpuUs, unit: 'us' })
  for (const { atOnce, cpuUs, wallUs } of floor.commits) {
    report.add({ figure: `floor: commit of ${atOnce} at once, CPU`, value: cpuUs, unit: 'us' })
    report.add({ figure: `floor: commit of ${atOnce} at once, flushed`, value: wallUs, unit: 'us' })
  }
  report.add({ figure: 'rows written per command', value: floor.puts, unit: '1' })
  report.add({ figure: 'bytes written per command', value: floor.bytes, unit: 'B' })
}

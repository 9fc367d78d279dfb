import { join } from 'node:path'
import type { NostrEvent } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { conversationKey, encrypt } from '../src/protocol/nip44.ts'
import { loadOrCreateKey } from '../src/service-key.ts'
import { type Customer, registration } from './customers.ts'
import { commitCost, verificationCost } from './floors.ts'
import { costOf } from './process-usage.ts'
import { openWorkshop } from './register.ts'
import type { Report } from './report.ts'

/** What a commit would cost if more commands shared it. */
const largerBatches = [16, 64, 256]

/** What the parts of a registration take by themselves. */
export type Floor = Awaited<ReturnType<typeof floorOf>>

/**
 * What cannot be done without: a verification, two signatures, an encryption with a known key, and the very rows that such
 * commands write, in transactions as large as the server's.
 */
export async function floorOf(options: {
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

/** Reports the parts. */
export function addFloors(report: Report, floor: Floor): void {
  for (const { name, cpuUs } of floor.partsUs) report.add({ figure: `floor: ${name}, CPU`, value: cpuUs, unit: 'us' })
  for (const { atOnce, cpuUs, wallUs } of floor.commits) {
    report.add({ figure: `floor: commit of ${atOnce} at once, CPU`, value: cpuUs, unit: 'us' })
    report.add({ figure: `floor: commit of ${atOnce} at once, flushed`, value: wallUs, unit: 'us' })
  }
  report.add({ figure: 'rows written per command', value: floor.puts, unit: '1' })
  report.add({ figure: 'bytes written per command', value: floor.bytes, unit: 'B' })
}

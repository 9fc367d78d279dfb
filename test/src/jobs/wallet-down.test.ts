import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createInvoiceWorker } from '../../../src/jobs/invoices.ts'
import type { Job } from '../../../src/jobs/job.ts'
import { preimagesOf } from '../../../src/jobs/preimages.ts'
import { tables } from '../../../src/store/tables.ts'
import { startClnServer } from '../adapters/lightning/cln/cln-server.ts'
import type { LightningFixture } from '../adapters/lightning/contract.ts'
import { never } from '../adapters/lightning/invoice-request.ts'
import { startLnbits } from '../adapters/lightning/lnbits/server.ts'
import { openLnd } from '../adapters/lightning/lnd/open-lnd.ts'
import { openNwc } from '../adapters/lightning/nwc/open-nwc.ts'
import { openRemote } from '../adapters/lightning/open-remote.ts'
import { openPhoenixd } from '../adapters/lightning/phoenixd/open-phoenixd.ts'
import { startStrike } from '../adapters/lightning/strike/server.ts'
import { contradictions } from '../domain/books.ts'
import { contentsOf } from '../domain/contents.ts'
import { keyOf, openService, type TestService } from '../service.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'

const openers: Record<string, () => Promise<LightningFixture>> = {
  phoenixd: async () => (await openPhoenixd()).fixture,
  LNbits: () => openRemote(startLnbits),
  Strike: () => openRemote(startStrike),
  'Core Lightning': () => openRemote((node, now) => startClnServer(node, now)),
  LND: () => openLnd(),
  'Nostr Wallet Connect': () => openNwc(),
}

/** What holds something, has money, or asks for it to be moved. */
const holding = [
  tables.holds,
  tables.holdCounts,
  tables.jobs,
  tables.balances,
  tables.postings,
  tables.unsettledInvoices,
]

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

function held(): Record<string, string | undefined> {
  const contents = contentsOf(service.environment)
  return Object.fromEntries(holding.map(({ name }) => [name, contents[name]]))
}

describe.each(Object.entries(openers))('an order, while the backend is away: %s', (_name, open) => {
  let fixture: LightningFixture
  beforeEach(async () => {
    fixture = await open()
  })
  afterEach(() => fixture.close())

  const createJob = () => {
    const [job] = service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === 'create-invoice')
    if (job === undefined) throw new Error('no invoice is asked for')
    return { id: job.key[0], ...job.row } as Job & { type: 'create-invoice' }
  }
  const worker = () =>
    createInvoiceWorker(fixture.backend, preimagesOf(Buffer.alloc(32, 7)), {
      currency: () => 'bcrt',
      now: fixture.now,
      wallSeconds: fixture.now,
      report: error => service.errors.push(error),
    })

  it.each<[string, () => unknown]>([
    ['it takes no call', () => fixture.fail('create', 'unavailable')],
    ['its answer is lost', () => fixture.fail('create', 'drop-after')],
    ['nothing of it answers', () => fixture.backend.close()],
  ])('is tried, is PAYMENT_UNAVAILABLE when it is given up, and holds nothing: %s', async (_how, goAway) => {
    const before = held()
    const { id } = service.send(alice, 'identifier.register', { identifier })
    await goAway()
    expect(await worker().attempt(createJob(), never)).toBe(null)
    expect(held()).not.toEqual(before)
    const fact = worker().giveUp(createJob())
    if (fact === null) throw new Error('it is never given up')
    await service.appendFact(fact)
    expect(service.resultOf(id, alice)).toMatchObject({ status: 'error', body: { code: 'PAYMENT_UNAVAILABLE' } })
    expect(held()).toEqual(before)
    // It is free for others at once.
    expect(service.send(bob, 'identifier.register', { identifier }).status).toBe('pending')
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type IncomingPayment, type InvoiceState, LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import { machineWaits } from '../../../src/jobs/pause.ts'
import { followHint, followSettlements, sweepInvoices, sweepRegularly } from '../../../src/jobs/settlements.ts'
import { FactRefused } from '../../../src/pipeline/facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { silentBackend } from './silent-backend.ts'

const alice = keyOf(2)
const backendName = 'test'

let service: TestService
let stopping: AbortController
let errors: unknown[]
let asked: string[]
let states: Map<string, InvoiceState>
/** What the wallet's stream gives at each connection; then it breaks off. After the last, everything stops. */
let connections: (IncomingPayment[] | 'unavailable')[]
let cursors: (string | null)[]

beforeEach(async () => {
  service = await openService()
  stopping = new AbortController()
  errors = []
  asked = []
  states = new Map()
  connections = []
  cursors = []
})
afterEach(async () => {
  stopping.abort()
  expect(service.errors).toEqual([])
  await service.close()
})

const optionsOf = () => ({
  environment: service.environment,
  walletId: backendName,
  appendFact: service.appendFact,
  signal: stopping.signal,
  onError: (error: unknown) => errors.push(error),
  backend: {
    ...silentBackend(backendName),
    lookUpInvoice: (paymentHash: string) => {
      asked.push(paymentHash)
      return Promise.resolve(states.get(paymentHash) ?? { status: 'open' as const })
    },
    incoming: async function* (cursor: string | null) {
      cursors.push(cursor)
      const connection = connections.shift()
      if (connections.length === 0) stopping.abort()
      if (connection === 'unavailable') throw new LightningUnavailable('connection refused')
      yield* connection ?? []
    },
  },
})

async function topUp(amountMsat = 1_000): Promise<string> {
  service.send(alice, 'balance.topup', { amountMsat })
  return service.walletAnswers()
}
const settlement = (paymentHash: string, cursor: string): IncomingPayment => ({
  paymentHash,
  status: 'settled',
  receivedMsat: 1_000,
  at: service.clock.time,
  cursor,
})
const settled = (): InvoiceState => ({
  status: 'settled',
  receivedMsat: 1_000,
  at: service.clock.time,
  preimage: '',
})
const balance = () => service.query(alice, 'balance.get', {}).body
const storedCursor = () => service.environment.reader.get(tables.walletCursors, [backendName])?.cursor

describe('following settlements', () => {
  it('books each, and goes on from its cursor after the connection broke', async () => {
    const [first, second] = [await topUp(), await topUp()]
    connections = [[settlement(first, 'a')], [settlement(second, 'b')]]
    await followSettlements(optionsOf())
    expect(cursors).toEqual([null, 'a'])
    expect([storedCursor(), balance()]).toMatchObject(['b', { balanceMsat: 2_000 }])
    expect(errors).toEqual([])
  })

  it('reports an unreachable wallet and tries again', async () => {
    const hash = await topUp()
    connections = ['unavailable', [settlement(hash, 'a')]]
    await followSettlements(optionsOf())
    expect(errors).toEqual([expect.any(LightningUnavailable)])
    expect(balance()).toMatchObject({ balanceMsat: 1_000 })
  })

  it('books a settlement once that comes again, and moves past what is not ours', async () => {
    const hash = await topUp()
    connections = [
      [settlement(hash, 'a'), settlement(hash, 'a'), settlement('00'.repeat(32), 'b')],
      [settlement(hash, 'a')],
    ]
    await followSettlements(optionsOf())
    expect([storedCursor(), balance()]).toMatchObject(['b', { balanceMsat: 1_000 }])
  })
})

describe('of a wallet that tells what cannot be', () => {
  it.each([-1, 0.5, 2 ** 60])(
    '%s millisatoshi are reported, and do not hold up the money behind',
    async receivedMsat => {
      const [wrong, right] = [await topUp(), await topUp()]
      connections = [[{ ...settlement(wrong, 'a'), receivedMsat }, settlement(right, 'b')], []]
      await followSettlements(optionsOf())
      expect([storedCursor(), balance()]).toMatchObject(['b', { balanceMsat: 1_000 }])
      expect(errors).toEqual([expect.any(FactRefused)])
    },
  )

  it('a sweep asks about the others', async () => {
    const [wrong, ...right] = [await topUp(), await topUp(), await topUp()]
    for (const hash of right) states.set(hash, settled())
    states.set(wrong, { status: 'accepted', receivedMsat: -1, at: 0 })
    expect(await sweepInvoices(optionsOf(), service.clock.time)).toBe(2)
    expect(balance()).toMatchObject({ balanceMsat: 2_000 })
    expect(errors).toEqual([expect.any(FactRefused)])
  })
})

describe('of a wallet whose cursors are long', () => {
  const long = (start: string) => start.padEnd(10_000, '0')

  it('every payment is booked, and where the stream goes on is what was last kept', async () => {
    const [first, second, third] = [await topUp(), await topUp(), await topUp()]
    connections = [[settlement(first, 'a'), settlement(second, long('b')), settlement(third, long('c'))], []]
    await followSettlements(optionsOf())
    expect(balance()).toMatchObject({ balanceMsat: 3_000 })
    expect([storedCursor(), cursors]).toEqual(['a', [null, 'a']])
    expect(errors).toEqual([])
  })
})

describe('a sweep', () => {
  it('does not wait for ever for an answer that does not come', async () => {
    await topUp()
    const unanswered = (_hash: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new LightningUnavailable('no answer')))
      })
    const options = optionsOf()
    const backend = { ...options.backend, lookUpInvoice: unanswered }
    const waits = { ...machineWaits, timeout: () => machineWaits.timeout(1) }
    await expect(sweepInvoices({ ...options, backend, waits }, service.clock.time)).rejects.toThrow('no answer')
  })

  it.each([
    [1, 7],
    [4, 7],
    [5, 5],
  ])('asks about the others when %i of 7 in a row are not answered for: %i in all', async (failing, expected) => {
    for (let invoice = 0; invoice < 7; invoice++) await topUp()
    const options = optionsOf()
    const lookUpInvoice = (paymentHash: string) => {
      asked.push(paymentHash)
      return asked.length <= failing
        ? Promise.reject(new LightningUnavailable('no answer'))
        : Promise.resolve({ status: 'open' as const })
    }
    const backend = { ...options.backend, lookUpInvoice }
    await expect(sweepInvoices({ ...options, backend }, service.clock.time)).rejects.toThrow('no answer')
    expect(asked).toHaveLength(expected)
  })

  it('finds what the stream missed, and what the stream brings later is booked no more', async () => {
    const [paid, open] = [await topUp(), await topUp()]
    states.set(paid, settled())
    expect(await sweepInvoices(optionsOf(), service.clock.time)).toBe(1)
    expect(new Set(asked)).toEqual(new Set([paid, open]))
    expect(balance()).toMatchObject({ balanceMsat: 1_000 })
    asked = []
    expect(await sweepInvoices(optionsOf(), service.clock.time)).toBe(0)
    expect(asked).toEqual([open])
    connections = [[settlement(paid, 'a')]]
    await followSettlements(optionsOf())
    expect(balance()).toMatchObject({ balanceMsat: 1_000 })
  })

  it.each([
    { case: 'just expired', after: 901, found: 1 },
    { case: 'expired two days ago', after: 900 + 2 * 86_400, found: 1 },
    { case: 'expired longer ago', after: 901 + 2 * 86_400, found: 0 },
  ])('asks about an invoice that has $case: $found', async ({ after, found }) => {
    states.set(await topUp(), settled())
    await service.advance(after)
    expect(await sweepInvoices(optionsOf(), service.clock.time)).toBe(found)
  })

  it('asks about every one of more than a page, and rests between pages', async () => {
    const hashes: string[] = []
    for (let index = 0; index < 101; index++) hashes.push(await topUp())
    const askedAtRests: number[] = []
    const pause = () => {
      askedAtRests.push(asked.length)
      return Promise.resolve()
    }
    const waits = { ...machineWaits, pause }
    expect(await sweepInvoices({ ...optionsOf(), waits }, service.clock.time)).toBe(0)
    expect(new Set(asked)).toEqual(new Set(hashes))
    expect([asked.length, askedAtRests]).toEqual([101, [100]])
  })

  it('looks at what can still be paid first, and at what has expired a part each time', async () => {
    const expired: string[] = []
    for (let index = 0; index < 1_050; index++) expired.push(await topUp())
    await service.advance(901)
    const open = await topUp()
    const waits = { ...machineWaits, pause: () => Promise.resolve() }
    const place = { after: null }
    await sweepInvoices({ ...optionsOf(), waits }, service.clock.time, place)
    expect([asked[0], asked.length]).toEqual([open, 1_001])
    await sweepInvoices({ ...optionsOf(), waits }, service.clock.time, place)
    expect(asked).toHaveLength(1_001 + 1 + 50)
    expect(new Set(asked)).toEqual(new Set([...expired, open]))
  }, 60_000)

  it('stops between two invoices', async () => {
    await topUp()
    await topUp()
    const options = optionsOf()
    const { lookUpInvoice } = options.backend
    options.backend.lookUpInvoice = hash => {
      stopping.abort()
      return lookUpInvoice(hash)
    }
    await sweepInvoices(options, service.clock.time)
    expect(asked).toHaveLength(1)
  })

  it('is made at once and again, whatever the wallet answers, until it is told to stop', async () => {
    await topUp()
    const options = optionsOf()
    let sweeps = 0
    options.backend.lookUpInvoice = () => {
      if (++sweeps === 3) stopping.abort()
      return Promise.reject(new LightningUnavailable('connection refused'))
    }
    await sweepRegularly({ ...options, now: () => service.clock.time, everyMs: 1 })
    expect([sweeps, errors.length]).toEqual([3, 2])
  })
})

describe('a hint', () => {
  it('has the wallet asked, and books what it says', async () => {
    const paymentHash = await topUp()
    await followHint(optionsOf(), paymentHash)
    expect([asked, balance()?.balanceMsat]).toEqual([[paymentHash], 0])
    states.set(paymentHash, settled())
    await followHint(optionsOf(), paymentHash)
    expect(balance()?.balanceMsat).toBe(1_000)
  })

  it('about what is settled, or is not ours, asks nobody', async () => {
    const paymentHash = await topUp()
    states.set(paymentHash, settled())
    await followHint(optionsOf(), paymentHash)
    asked = []
    await followHint(optionsOf(), paymentHash)
    await followHint(optionsOf(), 'ab'.repeat(32))
    expect(asked).toEqual([])
  })

  it('waits for a sweep when the wallet does not answer', async () => {
    const paymentHash = await topUp()
    const options = optionsOf()
    const lookUpInvoice = () => Promise.reject(new LightningUnavailable('away'))
    await followHint({ ...options, backend: { ...options.backend, lookUpInvoice } }, paymentHash)
    expect(errors).toHaveLength(1)
    expect(balance()?.balanceMsat).toBe(0)
  })
})

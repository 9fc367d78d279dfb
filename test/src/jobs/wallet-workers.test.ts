import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CircuitOpen } from '../../../src/adapters/lightning/circuit-breaker.ts'
import {
  CannotHold,
  type CreatedInvoice,
  InvoiceRefused,
  type LightningBackend,
} from '../../../src/adapters/lightning/port.ts'
import { parseBolt11 } from '../../../src/bolt11.ts'
import { cancelHoldWorker, settleHoldWorker } from '../../../src/jobs/holds.ts'
import { createInvoiceWorker } from '../../../src/jobs/invoices.ts'
import { preimagesOf } from '../../../src/jobs/preimages.ts'
import { never, requestOf, sha256 } from '../adapters/lightning/invoice-request.ts'
import { type DevWalletFixture, openDevWallet } from '../adapters/lightning/open-dev-wallet.ts'

const preimageOf = preimagesOf(Buffer.alloc(32, 7))
const invoiceId = '1'.repeat(32)
const paymentHash = sha256(Buffer.from(preimageOf(invoiceId), 'hex'))
const hold = { id: '2'.repeat(32), createdAt: 0, payload: { invoiceId, paymentHash } }
const job = (changes: object = {}) => ({
  id: '3'.repeat(32),
  createdAt: 0,
  type: 'create-invoice' as const,
  payload: { invoiceId, amountMsat: 21_500, description: 'a name', expirySeconds: 900, hold: true, ...changes },
})

let fixture: DevWalletFixture
beforeEach(async () => {
  fixture = await openDevWallet()
})
afterEach(() => fixture.close())

const paid = async () => {
  const request = requestOf({ idempotencyKey: invoiceId, preimage: preimageOf(invoiceId), hold: true })
  const { bolt11 } = await fixture.backend.createInvoice(request, never)
  await fixture.pay(bolt11)
  return request.amountMsat
}

describe('having an invoice made', () => {
  let reports: unknown[]
  let currency: string
  const report = (error: unknown) => reports.push(error)
  beforeEach(() => {
    reports = []
    currency = 'bcrt'
  })
  const refused = {
    params: { jobId: job().id, invoiceId, reason: 'refused' },
    dedupeKey: `invoice:${invoiceId}:failed`,
  }
  const create = (backend: LightningBackend, changes = {}, clocks = {}) => {
    const { now } = fixture
    const options = { currency: () => currency, now, wallSeconds: now, report, ...clocks }
    return createInvoiceWorker(backend, preimageOf, options).attempt(job(changes), never)
  }

  it.each([true, false])('with our preimage, its payment waiting if that is wanted: %s', async wanted => {
    const fact = await create(fixture.backend, { hold: wanted })
    expect(fact).toMatchObject({
      params: { jobId: job().id, invoiceId, paymentHash, hold: wanted },
      dedupeKey: `invoice:${invoiceId}:created`,
    })
    if (fact === null) throw new Error('no invoice was made')
    await fixture.pay((fact.params as CreatedInvoice).bolt11)
    const state = await fixture.backend.lookUpInvoice(paymentHash, never)
    expect(state.status).toBe(wanted ? 'accepted' : 'settled')
  })

  it('that is paid at once where payments cannot wait, in whole satoshis where there are no parts', async () => {
    const asked: object[] = []
    const fact = await create({
      ...fixture.backend,
      capabilities: async () => ({
        ...(await fixture.backend.capabilities(never)),
        hold: false,
        resolutionMsat: 1_000,
      }),
      createInvoice: (request, signal) => {
        asked.push(request)
        return fixture.backend.createInvoice(request, signal)
      },
    })
    expect(fact?.params).toMatchObject({ hold: false })
    expect(asked).toMatchObject([{ amountMsat: 22_000 }])
    expect(asked[0]).not.toHaveProperty('hold')
  })

  it('with a description that the wallet can write', async () => {
    const asked: object[] = []
    const description = `${'a'.repeat(126)}🐼@example.com`
    const backend: LightningBackend = {
      ...fixture.backend,
      capabilities: async () => ({ ...(await fixture.backend.capabilities(never)), maxDescriptionLength: 128 }),
      createInvoice: (request, signal) => {
        asked.push(request)
        return fixture.backend.createInvoice(request, signal)
      },
    }
    const made = await create(backend, { description })
    expect(made).toMatchObject({ dedupeKey: `invoice:${invoiceId}:created` })
    expect(asked).toMatchObject([{ description: `${'a'.repeat(126)}…` }])
    expect(await create(backend, { description })).toEqual(made)
  })

  it('is tried again while the wallet does not answer, and given up at once when it is known to be away', async () => {
    fixture.fail('create', 'unavailable')
    expect(await create(fixture.backend)).toBe(null)
    const away = { ...fixture.backend, capabilities: () => Promise.reject(new CircuitOpen('away')) }
    expect(await create(away)).toMatchObject({ dedupeKey: `invoice:${invoiceId}:failed` })
  })

  it('is given up at once when the wallet refuses it, which its operator hears', async () => {
    fixture.refuse()
    expect(await create(fixture.backend)).toMatchObject(refused)
    expect(reports).toEqual([expect.any(InvoiceRefused)])
  })

  it.each<[string, (made: CreatedInvoice, other: CreatedInvoice) => CreatedInvoice]>([
    ['another payment hash', made => ({ ...made, paymentHash: '0'.repeat(64) })],
    ['another amount', (made, other) => ({ ...made, bolt11: other.bolt11 })],
    ['another expiry', made => ({ ...made, expiresAt: made.expiresAt + 1 })],
    ['no invoice', made => ({ ...made, bolt11: 'lnbcrt1junk' })],
  ])('is not believed when the wallet lies: %s', async (_lie, change) => {
    const other = await fixture.backend.createInvoice(requestOf(), never)
    const liar: LightningBackend = {
      ...fixture.backend,
      createInvoice: async (request, signal) => change(await fixture.backend.createInvoice(request, signal), other),
    }
    expect(await create(liar)).toMatchObject(refused)
    expect(String(reports)).toContain('made another invoice than was asked for')
  })

  it.each([-700, -899, 700])('is not believed when it expires %s seconds later than it was asked to', async seconds => {
    const createInvoice: LightningBackend['createInvoice'] = (request, signal) =>
      fixture.backend.createInvoice({ ...request, expirySeconds: request.expirySeconds + seconds }, signal)
    expect(await create({ ...fixture.backend, createInvoice })).toMatchObject(refused)
    expect(String(reports)).toContain('expires at another time')
  })

  it.each([
    ['log time waits for an operator to confirm a jump', { now: () => fixture.now() - 7_200 }],
    ['the machine’s clock has jumped, and the wallet’s has not', { wallSeconds: () => fixture.now() + 7_200 }],
    ['the machine’s clock was set back', { wallSeconds: () => fixture.now() - 1_800 }],
  ])('waits for nobody while %s', async (_when, clocks) => {
    expect(await create(fixture.backend, {}, clocks)).toMatchObject({
      ...refused,
      params: { ...refused.params, reason: 'unavailable' },
    })
    expect(reports).toEqual([])
  })

  it('is not believed when it has expired, or is of another network', async () => {
    const { bolt11 } = await fixture.backend.createInvoice(requestOf({ amountMsat: 21_500, expirySeconds: 60 }), never)
    const { paymentHash: hash, expiresAt } = parseBolt11(bolt11) ?? { paymentHash: '', expiresAt: 0 }
    const createInvoice = async () => ({ bolt11, paymentHash: hash, expiresAt })
    fixture.advance(61)
    expect(await create({ ...fixture.backend, createInvoice }, { hold: false, expirySeconds: 60 })).toMatchObject(
      refused,
    )
    currency = 'bc'
    expect(await create(fixture.backend)).toMatchObject(refused)
    expect(String(reports)).toMatch(/has expired.*of the network bcrt/)
  })

  it('is not believed when its payment waits and its preimage is not ours', async () => {
    const createInvoice: LightningBackend['createInvoice'] = (request, signal) =>
      fixture.backend.createInvoice({ ...request, preimage: 'cd'.repeat(32) }, signal)
    expect(await create({ ...fixture.backend, createInvoice })).toMatchObject(refused)
    expect(String(reports)).toContain('not of our preimage')
  })
})

describe('taking a payment that waits', () => {
  const settle = () =>
    settleHoldWorker(fixture.backend, preimageOf, fixture.now).attempt({ ...hold, type: 'settle-hold' }, never)

  it('says what was taken', async () => {
    const receivedMsat = await paid()
    const settled = { receivedMsat, settledAt: fixture.now() }
    expect(await settle()).toMatchObject({ params: { jobId: hold.id, invoiceId, settled } })
    expect(await settle()).toMatchObject({ params: { settled } })
  })

  it('says that it was lost', async () => {
    await paid()
    await fixture.backend.cancelHold(paymentHash, never)
    expect(await settle()).toMatchObject({ params: { settled: null } })
  })

  it.each(['hold', 'lookup'] as const)('goes on trying without an answer to %s', async call => {
    await paid()
    fixture.fail(call, 'unavailable')
    expect(await settle()).toBe(null)
    const worker = settleHoldWorker(fixture.backend, preimageOf, fixture.now)
    expect(worker.giveUp({ ...hold, type: 'settle-hold' })).toBe(null)
    expect(await settle()).toMatchObject({ params: { settled: { settledAt: fixture.now() } } })
  })
})

describe('giving a payment back', () => {
  const cancel = () => cancelHoldWorker(fixture.backend, fixture.now).attempt({ ...hold, type: 'cancel-hold' }, never)

  it('says that it is back', async () => {
    await paid()
    expect(await cancel()).toMatchObject({ params: { jobId: hold.id, invoiceId, settled: null } })
    expect(await cancel()).toMatchObject({ params: { settled: null } })
  })

  it('says what was taken when it is too late', async () => {
    const receivedMsat = await paid()
    await fixture.backend.settleHold(preimageOf(invoiceId), never)
    expect(await cancel()).toMatchObject({ params: { settled: { receivedMsat } } })
  })

  it('goes on trying without an answer', async () => {
    await paid()
    fixture.fail('hold', 'unavailable')
    expect(await cancel()).toBe(null)
    expect(cancelHoldWorker(fixture.backend, fixture.now).giveUp({ ...hold, type: 'cancel-hold' })).toBe(null)
  })
})

describe('a payment that waits at another wallet, whose place one has taken that cannot hold any', () => {
  const cannotHold = () => Promise.reject(new CannotHold('this'))
  const ended = { params: { jobId: hold.id, invoiceId, settled: null } }
  const weeks = (count: number) => hold.createdAt + count * 7 * 86_400

  it.each(['settle-hold', 'cancel-hold'] as const)(
    'is waited for, and lost when none can wait any more: %s',
    async type => {
      const other = { ...fixture.backend, settleHold: cannotHold, cancelHold: cannotHold }
      const attempt = (now: number) =>
        type === 'settle-hold'
          ? settleHoldWorker(other, preimageOf, () => now).attempt({ ...hold, type }, never)
          : cancelHoldWorker(other, () => now).attempt({ ...hold, type }, never)
      expect(await attempt(weeks(0))).toBe(null)
      expect(await attempt(weeks(2))).toBe(null)
      expect(await attempt(weeks(2) + 1)).toMatchObject(ended)
    },
  )
})

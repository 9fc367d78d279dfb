import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CircuitOpen } from '../../../src/adapters/lightning/circuit-breaker.ts'
import { type LightningBackend, LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import { payInvoiceWorker } from '../../../src/jobs/payments.ts'
import { never, requestOf } from '../adapters/lightning/invoice-request.ts'
import { type DevWalletFixture, openDevWallet } from '../adapters/lightning/open-dev-wallet.ts'
import { rememberedIn } from './remembered.ts'

const withdrawalId = '1'.repeat(32)
const fundsMsat = 100_000
const amountMsat = 40_000

let fixture: DevWalletFixture
const asked = new Set<string>()
const reports: unknown[] = []
let time: number
beforeEach(async () => {
  fixture = await openDevWallet()
  asked.clear()
  reports.length = 0
  time = fixture.now()
  const { bolt11 } = await fixture.backend.createInvoice(requestOf({ amountMsat: fundsMsat }), never)
  await fixture.pay(bolt11)
})
afterEach(() => fixture.close())

const report = (error: unknown) => void reports.push(error)
const remembered = rememberedIn(asked)
const isOpen = () => true
const jobFor = ({ bolt11, paymentHash }: { bolt11: string; paymentHash: string }) => ({
  id: '2'.repeat(32),
  createdAt: fixture.now(),
  type: 'pay-invoice' as const,
  payload: {
    withdrawalId,
    bolt11,
    paymentHash,
    maxFeeMsat: 1_000,
    reserveMsat: 1_000,
    expiresAt: fixture.now() + 3_600,
  },
})
const worker = () => payInvoiceWorker({ backend: fixture.backend, isOpen, asked: remembered, now: () => time, report })
const balance = () => fixture.backend.balanceMsat(never)
const paid = { params: { withdrawalId, outcome: { status: 'paid' } }, dedupeKey: `payment:${withdrawalId}:ended` }

describe('paying for a customer', () => {
  it('says that it is paid, and what it cost', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat, feeMsat: 700 }))
    expect(await worker().attempt(job, never)).toMatchObject({ params: { outcome: { status: 'paid', feeMsat: 700 } } })
  })

  it('says that it failed', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat, fate: 'failed' }))
    expect(await worker().attempt(job, never)).toMatchObject({ params: { outcome: { status: 'failed' } } })
  })

  it('does not pay what an operator has decided before the wallet was asked', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const before = await balance()
    const decided = payInvoiceWorker({
      backend: fixture.backend,
      asked: remembered,
      isOpen: () => false,
      now: () => time,
      report,
    })
    expect(await decided.attempt(job, never)).toBe(null)
    expect(await balance()).toBe(before)
    expect(remembered.has(withdrawalId)).toBe(false)
  })

  it('does not look up what an operator has decided since: being asked could make the wallet pay', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat, fate: 'stuck' }))
    expect(await worker().attempt(job, never)).toBe(null)
    const lookedUp: string[] = []
    const backend: LightningBackend = {
      ...fixture.backend,
      lookUpPayment: (payment, signal) => {
        lookedUp.push(payment.paymentHash)
        return fixture.backend.lookUpPayment(payment, signal)
      },
    }
    const options = { backend, asked: remembered, now: () => time, report }
    await payInvoiceWorker({ ...options, isOpen }).attempt(job, never)
    await payInvoiceWorker({ ...options, isOpen: () => false }).attempt(job, never)
    expect(lookedUp).toHaveLength(1)
  })

  it.each(['unavailable', 'drop-after'] as const)('pays once when the answer is lost: %s', async mode => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    fixture.fail('pay', mode)
    expect(await worker().attempt(job, never)).toBe(null)
    const second = await worker().attempt(job, never)
    // A wallet that never heard of it is not asked again: it may only be slow to say so.
    if (mode === 'unavailable') expect(second).toBe(null)
    else expect(second).toMatchObject(paid)
    expect(await balance()).toBe(mode === 'unavailable' ? fundsMsat : fundsMsat - amountMsat)
  })

  it.each(['paid', 'failed'] as const)('waits for a payment under way until it is %s', async status => {
    const invoice = await fixture.outsideInvoice({ amountMsat, fate: 'stuck' })
    for (let attempt = 0; attempt < 3; attempt++) expect(await worker().attempt(jobFor(invoice), never)).toBe(null)
    time += 30 * 86_400
    expect(await worker().attempt(jobFor(invoice), never)).toBe(null)
    await fixture.decide(invoice.paymentHash, status)
    expect(await worker().attempt(jobFor(invoice), never)).toMatchObject({ params: { outcome: { status } } })
  })

  it('was never made when the wallet has not heard of it an hour after the invoice expired', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    asked.add(withdrawalId)
    time = job.payload.expiresAt + 3_600
    expect(await worker().attempt(job, never)).toBe(null)
    time++
    expect(await worker().attempt(job, never)).toMatchObject({ params: { outcome: { status: 'failed' } } })
    expect(await balance()).toBe(fundsMsat)
  })

  it('may be made as long as its invoice can be paid, however old it is by log time', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    asked.add(withdrawalId)
    time = job.payload.expiresAt
    expect(await worker().attempt({ ...job, createdAt: 0 }, never)).toBe(null)
  })

  it('is decided by nobody but the operator when the wallet that was asked is gone, or cannot tell', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    asked.add(withdrawalId)
    time = job.payload.expiresAt + 86_400
    const others = { ...remembered, isOfAnother: () => true }
    const told = await fixture.backend.capabilities(never)
    const forgetful = { ...fixture.backend, capabilities: async () => ({ ...told, knowsItsPayments: false }) }
    const gone = payInvoiceWorker({ backend: fixture.backend, isOpen, asked: others, now: () => time, report })
    const silent = payInvoiceWorker({ backend: forgetful, isOpen, asked: remembered, now: () => time, report })
    expect([await gone.attempt(job, never), await silent.attempt(job, never)]).toEqual([null, null])
    // That another wallet failed to pay says nothing of the one before; that it has paid would.
    const outcomes = [{ status: 'failed', reason: 'x' } as const, { status: 'paid', preimage: '', feeMsat: 0 } as const]
    const answers = outcomes.map(outcome => {
      const backend = { ...fixture.backend, lookUpPayment: async () => outcome }
      return payInvoiceWorker({ backend, isOpen, asked: others, now: () => time, report }).attempt(job, never)
    })
    expect(await Promise.all(answers)).toMatchObject([null, paid])
  })

  it('is asked for again when the wallet was not asked after all', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const open = () => Promise.reject(new CircuitOpen('not now'))
    const backend = { ...fixture.backend, pay: open }
    const closing = payInvoiceWorker({ backend, isOpen, asked: remembered, now: () => time, report })
    expect(await closing.attempt(job, never)).toBe(null)
    expect(asked.size).toBe(0)
    expect(await worker().attempt(job, AbortSignal.abort())).toBe(null)
    expect(asked.size).toBe(0)
    expect(await worker().attempt(job, never)).toMatchObject(paid)
  })

  it('shows no preimage that is none of the payment, and reports it', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const backend = {
      ...fixture.backend,
      pay: async () => ({ status: 'paid', preimage: 'ab'.repeat(32), feeMsat: 0 }) as const,
    }
    const lying = payInvoiceWorker({ backend, isOpen, asked: remembered, now: () => time, report })
    expect(await lying.attempt(job, never)).toMatchObject({ params: { outcome: { status: 'paid', preimage: '' } } })
    expect(reports).toHaveLength(1)
  })

  it('is remembered before the wallet is asked', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const forgetful = { ...remembered, has: () => false, add: () => Promise.reject(new Error('no space')) }
    await expect(
      payInvoiceWorker({ backend: fixture.backend, isOpen, asked: forgetful, now: () => time, report }).attempt(
        job,
        never,
      ),
    ).rejects.toThrow('no space')
    expect(await balance()).toBe(fundsMsat)
  })

  it.each(['capabilities', 'check'])(
    'is not asked for while the wallet is away, as %s says, and then is',
    async call => {
      const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
      const away = () => Promise.reject(new LightningUnavailable('away'))
      const backend = { ...fixture.backend, [call]: away, pay: away }
      expect(
        await payInvoiceWorker({ backend: backend, isOpen, asked: remembered, now: () => time, report }).attempt(
          job,
          never,
        ),
      ).toBe(null)
      expect(asked.size).toBe(0)
      expect(await worker().attempt(job, never)).toMatchObject(paid)
    },
  )

  it.each(['check', 'remembering'])(
    'is not asked for by a try that ends during %s, as the next may have begun by then',
    async last => {
      const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
      const ended = new AbortController()
      const end = async () => ended.abort()
      const backend = last === 'check' ? { ...fixture.backend, check: end } : fixture.backend
      const memory = last === 'check' ? remembered : { ...remembered, add: end }
      const trying = payInvoiceWorker({ backend, isOpen, asked: memory, now: () => time, report })
      expect(await trying.attempt(job, ended.signal)).toBe(null)
      expect([await balance(), asked.size]).toEqual([fundsMsat, 0])
      expect(await worker().attempt(job, never)).toMatchObject(paid)
    },
  )

  it('fails at once where the wallet does not pay', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const capabilities = async () => ({ ...(await fixture.backend.capabilities(never)), pay: false })
    const outcome = await payInvoiceWorker({
      isOpen,
      backend: { ...fixture.backend, capabilities },
      asked: remembered,
      now: () => time,
      report,
    }).attempt(job, never)
    expect(outcome).toMatchObject({ params: { outcome: { status: 'failed' } } })
    expect(await balance()).toBe(fundsMsat)
  })

  it.each([
    ['less than the operator reckons with', 999, 'failed'],
    ['as much as the operator reckons with', 1_000, 'paid'],
  ])('by a wallet that cannot limit fees, with a limit of %s', async (_limit, maxFeeMsat, status) => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const unlimited = { ...(await fixture.backend.capabilities(never)), limitsFees: false }
    const backend = { ...fixture.backend, capabilities: async () => unlimited }
    const outcome = await payInvoiceWorker({
      backend: backend,
      isOpen,
      asked: remembered,
      now: () => time,
      report,
    }).attempt({ ...job, payload: { ...job.payload, maxFeeMsat } }, never)
    expect(outcome).toMatchObject({ params: { outcome: { status } } })
    // Refused before the wallet was asked: nothing has to be looked up.
    expect(asked.size).toBe(status === 'paid' ? 1 : 0)
    expect(await balance()).toBe(status === 'paid' ? fundsMsat - amountMsat : fundsMsat)
  })

  it('is never given up, whatever the wallet says', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    fixture.fail('lookup', 'unavailable')
    asked.add(withdrawalId)
    expect(await worker().attempt(job, never)).toBe(null)
    expect(worker().giveUp(job)).toBe(null)
  })
})

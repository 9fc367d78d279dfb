import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import { type AskedPayments, payInvoiceWorker } from '../../../src/jobs/payments.ts'
import { never, requestOf } from '../adapters/lightning/invoice-request.ts'
import { type DevWalletFixture, openDevWallet } from '../adapters/lightning/open-dev-wallet.ts'

const withdrawalId = '1'.repeat(32)
const fundsMsat = 100_000
const amountMsat = 40_000

let fixture: DevWalletFixture
let asked: Set<string>
let time: number
beforeEach(async () => {
  fixture = await openDevWallet()
  asked = new Set()
  time = fixture.now()
  const { bolt11 } = await fixture.backend.createInvoice(requestOf({ amountMsat: fundsMsat }), never)
  await fixture.pay(bolt11)
})
afterEach(() => fixture.close())

const remembered: AskedPayments = { has: id => asked.has(id), add: async id => void asked.add(id) }
const jobFor = ({ bolt11, paymentHash }: { bolt11: string; paymentHash: string }) => ({
  id: '2'.repeat(32),
  createdAt: 0,
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
const worker = () => payInvoiceWorker(fixture.backend, remembered, () => time)
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

  it('is remembered before the wallet is asked', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const forgetful: AskedPayments = { has: () => false, add: () => Promise.reject(new Error('no space')) }
    await expect(payInvoiceWorker(fixture.backend, forgetful, () => time).attempt(job, never)).rejects.toThrow(
      'no space',
    )
    expect(await balance()).toBe(fundsMsat)
  })

  it.each(['capabilities', 'check'])(
    'is not asked for while the wallet is away, as %s says, and then is',
    async call => {
      const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
      const away = () => Promise.reject(new LightningUnavailable('away'))
      const backend = { ...fixture.backend, [call]: away, pay: away }
      expect(await payInvoiceWorker(backend, remembered, () => time).attempt(job, never)).toBe(null)
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
      expect(await payInvoiceWorker(backend, memory, () => time).attempt(job, ended.signal)).toBe(null)
      expect([await balance(), asked.size]).toEqual([fundsMsat, 0])
      expect(await worker().attempt(job, never)).toMatchObject(paid)
    },
  )

  it('fails at once where the wallet does not pay', async () => {
    const job = jobFor(await fixture.outsideInvoice({ amountMsat }))
    const capabilities = async () => ({ ...(await fixture.backend.capabilities(never)), pay: false })
    const outcome = await payInvoiceWorker({ ...fixture.backend, capabilities }, remembered, () => time).attempt(
      job,
      never,
    )
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
    const outcome = await payInvoiceWorker(backend, remembered, () => time).attempt(
      { ...job, payload: { ...job.payload, maxFeeMsat } },
      never,
    )
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

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { InvoiceFields } from '../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { paymentEnded, withdrawalResolved, withdrawalUnresolved } from '../../../src/domain/billing/withdraw-facts.ts'
import type { Fact } from '../../../src/pipeline/facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { contradictions } from './books.ts'
import { outsideInvoice } from './outside-invoice.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const lightningAddress = 'carol@wallet.example'
const fundsMsat = 5_000_000
const amountMsat = 2_000_000
/** 1 % of the amount. */
const reserveMsat = 20_000

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, fundsMsat)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const invoice = (changes: Partial<InvoiceFields> = {}) =>
  outsideInvoice({ amountMsat, timestamp: service.clock.time, ...changes })

const withdraw = (params: object = {}, by = alice) =>
  service.send(by, 'balance.withdraw', { lightningAddress, amountMsat, ...params })
const balance = (key = alice) => service.query(key, 'balance.get', {}).body.balanceMsat
const last = () => service.notices(alice).at(-1)
const jobs = (type: string) => service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === type)
const withdrawals = () => service.environment.reader.range(tables.withdrawals, []).map(({ row }) => row)

/** Says what came of the oldest job of a kind. */
function answer(type: string, method: Fact['method'], said: object, key: string): Promise<boolean> {
  const [job] = jobs(type)
  if (job === undefined) throw new Error(`there is no ${type} to do`)
  const { withdrawalId } = job.row.payload as { withdrawalId: string }
  const dedupeKey = `withdrawal:${withdrawalId}:${key}`
  return service.appendFact({ method, params: { jobId: job.key[0], withdrawalId, ...said }, dedupeKey })
}
const resolved = (bolt11 = invoice()) => answer('resolve-address', withdrawalResolved, { bolt11 }, 'resolved')
const unresolved = () => answer('resolve-address', withdrawalUnresolved, { reason: 'nobody there' }, 'resolved')
const ended = (outcome: object) => answer('pay-invoice', paymentEnded, { outcome }, 'ended')

describe('balance.withdraw to a Lightning address', () => {
  it('takes the money, asks for an invoice, pays it, and gives back what was not spent', async () => {
    expect(withdraw({ lightningAddress: ' Carol@Wallet.example', comment: 'rent' })).toMatchObject({
      status: 'ok',
      body: {
        withdrawal: { status: 'resolving', lightningAddress, amountMsat, maxFeeMsat: reserveMsat, bolt11: null },
      },
    })
    expect(balance()).toBe(fundsMsat - amountMsat - reserveMsat)
    expect(jobs('resolve-address').map(({ row }) => row.payload)).toEqual([
      { withdrawalId: expect.any(String), lightningAddress, amountMsat, comment: 'rent', currency: 'bcrt' },
    ])
    const bolt11 = invoice()
    await resolved(bolt11)
    expect(jobs('resolve-address')).toEqual([])
    expect(jobs('pay-invoice')[0]?.row.payload).toMatchObject({ bolt11, maxFeeMsat: reserveMsat, reserveMsat })
    expect(withdrawals()).toMatchObject([{ status: 'paying', bolt11, paymentHash: 'aa'.repeat(32) }])
    await ended({ status: 'paid', preimage: 'cc'.repeat(32), feeMsat: 3_000 })
    expect(balance()).toBe(fundsMsat - amountMsat - 3_000)
    expect(last()).toMatchObject({
      type: 'withdrawal.paid',
      body: { withdrawal: { lightningAddress, feeMsat: 3_000 } },
    })
  })

  it('gives everything back when the address gives no invoice, and says why', async () => {
    withdraw()
    await unresolved()
    expect(balance()).toBe(fundsMsat)
    expect(last()).toMatchObject({ type: 'withdrawal.failed', body: { withdrawal: { reason: 'nobody there' } } })
    expect(jobs('pay-invoice')).toEqual([])
  })

  it('gives everything back when the payment fails, and asks for another invoice when it is asked again', async () => {
    withdraw()
    await resolved()
    await ended({ status: 'failed', reason: 'no route' })
    expect(balance()).toBe(fundsMsat)
    withdraw()
    await resolved(invoice({ paymentHash: 'ab'.repeat(32) }))
    await ended({ status: 'paid', preimage: '', feeMsat: 0 })
    expect(balance()).toBe(fundsMsat - amountMsat)
  })

  it.each([
    ['an invoice', withdrawalResolved, { bolt11: 'another' }],
    ['a refusal', withdrawalUnresolved, { reason: 'nobody there' }],
  ])('pays the first invoice alone: a second answer, %s, changes nothing', async (_what, method, said) => {
    withdraw()
    const [job] = jobs('resolve-address')
    if (job === undefined) throw new Error('no address is asked')
    const { withdrawalId } = job.row.payload as { withdrawalId: string }
    await resolved()
    const params = { jobId: job.key[0], withdrawalId, ...said }
    await service.appendFact({ method, params, dedupeKey: `withdrawal:${withdrawalId}:resolved` })
    // Not even by another key.
    const again = { jobId: job.key[0], withdrawalId, bolt11: invoice({ paymentHash: '0'.repeat(64) }) }
    await service.appendFact({ method: withdrawalResolved, params: again, dedupeKey: 'another' })
    expect(withdrawals()).toMatchObject([{ status: 'paying', paymentHash: 'aa'.repeat(32) }])
    expect(jobs('pay-invoice')).toHaveLength(1)
  })

  it.each<[string, () => string, RegExp]>([
    ['is none', () => 'junk', /no Lightning invoice/],
    ['asks for more', () => invoice({ amountMsat: amountMsat + 1 }), /another amount/],
    ['asks for less', () => invoice({ amountMsat: amountMsat - 1 }), /another amount/],
    ['has expired', () => invoice({ timestamp: service.clock.time - 600 }), /expired/],
    ['is about to expire', () => invoice({ expirySeconds: 29 }), /about to/],
  ])('does not pay an invoice that %s', async (_what, given, reason) => {
    withdraw()
    await resolved(given())
    expect(balance()).toBe(fundsMsat)
    expect(last()).toMatchObject({
      type: 'withdrawal.failed',
      body: { withdrawal: { status: 'failed', reason: expect.stringMatching(reason) } },
    })
    expect(jobs('pay-invoice')).toEqual([])
  })

  it.each(['is being paid', 'was paid', 'could not be paid'])('does not pay an invoice that %s', async before => {
    service.send(alice, 'balance.withdraw', { bolt11: invoice() })
    if (before === 'was paid') await ended({ status: 'paid', preimage: '', feeMsat: 0 })
    if (before === 'could not be paid') await ended({ status: 'failed', reason: 'no route' })
    withdraw()
    await resolved()
    expect(last()).toMatchObject({ type: 'withdrawal.failed' })
    expect(jobs('pay-invoice')).toHaveLength(before === 'is being paid' ? 1 : 0)
  })

  it('does not pay an invoice of the service itself', async () => {
    service.send(bob, 'balance.topup', { amountMsat })
    const paymentHash = await service.walletAnswers()
    withdraw()
    await resolved(invoice({ paymentHash }))
    expect(last()).toMatchObject({ body: { withdrawal: { reason: expect.stringMatching(/of this service/) } } })
    expect(balance()).toBe(fundsMsat)
  })

  it('cannot be spent twice', async () => {
    withdraw({ amountMsat: 3_000_000 })
    expect(withdraw({ amountMsat: 3_000_000 }).body).toMatchObject({
      code: 'INSUFFICIENT_BALANCE',
      details: { balanceMsat: 1_970_000, amountMsat: 3_000_000, maxFeeMsat: 30_000 },
    })
    expect(service.send(alice, 'balance.withdraw', { bolt11: invoice() }).body).toMatchObject({
      code: 'INSUFFICIENT_BALANCE',
    })
    expect(jobs('resolve-address')).toHaveLength(1)
  })

  it('asks a few addresses at once for one customer, and others besides', async () => {
    for (let count = 0; count < 8; count++) expect(withdraw({ amountMsat: 1_000 }).status).toBe('ok')
    expect(withdraw({ amountMsat: 1_000 }).body).toMatchObject({ code: 'LIMIT_REACHED' })
    await service.fund(bob, 1_000_000)
    // Of one second, any job might be the first.
    service.clock.time++
    expect(withdraw({ amountMsat: 1_000 }, bob).status).toBe('ok')
    await unresolved()
    expect(withdraw({ amountMsat: 1_000 }).status).toBe('ok')
  })

  it.each<[string, object]>([
    ['neither invoice nor address', {}],
    ['both', { bolt11: 'lnbcrt1', lightningAddress, amountMsat }],
    ['no amount', { lightningAddress }],
    ['an amount beside an invoice', { bolt11: 'lnbcrt1', amountMsat }],
    ['a comment beside an invoice', { bolt11: 'lnbcrt1', comment: 'hi' }],
    ['nothing to send', { lightningAddress, amountMsat: 0 }],
    ['part of a millisatoshi', { lightningAddress, amountMsat: 1.5 }],
    ['an empty comment', { lightningAddress, amountMsat, comment: '' }],
    ['a comment of several lines', { lightningAddress, amountMsat, comment: 'a\nb' }],
    ['half a character', { lightningAddress, amountMsat, comment: '\ud800' }],
    ['a long comment', { lightningAddress, amountMsat, comment: 'a'.repeat(281) }],
    ...['carol', '@wallet.example', 'carol@', 'carol@localhost', 'carol@127.0.0.1', 'carol@1.2', 'carol@[::1]'].map(
      (to): [string, object] => [`the address ${to}`, { lightningAddress: to, amountMsat }],
    ),
    ...[
      'carol@abc.onion',
      'carol@a.example:80',
      'ca/rol@a.example',
      'carol+1@a.example',
      'c@a.example/x',
      '..@a.example',
    ].map((to): [string, object] => [`the address ${to}`, { lightningAddress: to, amountMsat }]),
  ])('is not understood with %s', (_what, params) => {
    expect(() => service.send(alice, 'balance.withdraw', params)).toThrow('INVALID_PARAMS')
  })
})

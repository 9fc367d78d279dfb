import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never } from '../invoice-request.ts'
import { type NwcFixture, openNwc } from './open-nwc.ts'
import { allMethods } from './wallet-service.ts'

const paymentHash = '12'.repeat(32)
const preimage = '34'.repeat(32)
const pending = { type: 'incoming', payment_hash: paymentHash, amount: 5_000, fees_paid: 0, created_at: 1 }

describe('what a wallet answers through Nostr Wallet Connect', () => {
  let fixture: NwcFixture
  beforeEach(async () => {
    fixture = await openNwc()
  })
  afterEach(() => fixture.close())

  const answer = (method: string, result: unknown) => fixture.wallet.answer(method, { error: null, result })
  const refuse = (method: string, code: string) => fixture.wallet.answer(method, { error: { code, message: 'no' } })
  const look = () => fixture.backend.lookUpInvoice(paymentHash, never)

  describe('about an invoice', () => {
    it.each([
      ['pending', { state: 'pending' }, { status: 'open' }],
      ['nothing of its state', {}, { status: 'open' }],
      ['null for what is not there', { state: null, settled_at: null, expires_at: null }, { status: 'open' }],
      ['pending, which has expired', { state: 'pending', expires_at: 5 }, { status: 'expired' }],
      ['expired', { state: 'expired' }, { status: 'expired' }],
      ['failed: cancelled', { state: 'failed' }, { status: 'cancelled' }],
      [
        'settled',
        { state: 'settled', settled_at: 7, preimage },
        { status: 'settled', receivedMsat: 5_000, at: 7, preimage },
      ],
      [
        'a time of settlement',
        { settled_at: 7, preimage },
        { status: 'settled', receivedMsat: 5_000, at: 7, preimage },
      ],
      [
        'accepted',
        { state: 'accepted', settle_deadline: 9 },
        { status: 'accepted', receivedMsat: 5_000, at: 1_790_000_000 },
      ],
      ['another direction', { type: 'outgoing', state: 'settled', settled_at: 7, preimage }, { status: 'unknown' }],
    ])('is understood: %s', async (_case, fields, state) => {
      answer('lookup_invoice', { ...pending, ...fields, something: 'new' })
      expect(await look()).toEqual(state)
    })

    it.each([
      ['no direction', { type: undefined }],
      ['another state', { state: 'PENDING' }],
      ['another hash', { payment_hash: preimage }],
      ['no hash', { payment_hash: undefined }],
      ['an amount as text', { amount: '5000' }],
      ['a part of an amount', { amount: 0.5 }],
      ['an amount below nothing', { amount: -1 }],
      ['an amount that is not exact', { amount: 2 ** 53 }],
      ['an amount without end', { amount: 1e300 }],
      ['a time as text', { created_at: '2026-01-01' }],
      ['settled without a time', { state: 'settled', preimage }],
      ['settled without a preimage', { state: 'settled', settled_at: 7 }],
      ['settled with an empty preimage', { state: 'settled', settled_at: 7, preimage: '' }],
      ['settled with half a preimage', { state: 'settled', settled_at: 7, preimage: 'ab' }],
    ])('is not believed: %s', async (_case, fields) => {
      answer('lookup_invoice', { ...pending, ...fields })
      await expect(look()).rejects.toThrow(LightningUnavailable)
    })

    it('that it does not know is understood, and no other error for that', async () => {
      refuse('lookup_invoice', 'NOT_FOUND')
      expect(await look()).toEqual({ status: 'unknown' })
      for (const code of [
        'INTERNAL',
        'OTHER',
        'RATE_LIMITED',
        'RESTRICTED',
        'UNAUTHORIZED',
        'NOT_IMPLEMENTED',
        'NEW',
      ]) {
        refuse('lookup_invoice', code)
        await expect(look()).rejects.toThrow(LightningUnavailable)
      }
    })

    it('is not asked for by what is no payment hash', async () => {
      expect(await fixture.backend.lookUpInvoice('../..', never)).toEqual({ status: 'unknown' })
      expect(fixture.wallet.calls).toEqual([])
    })
  })

  it.each([
    ['another method', { result_type: 'get_info', error: null, result: { balance: 5 } }],
    ['no method', { result_type: undefined, error: null, result: { balance: 5 } }],
    ['nothing', {}],
    ['no balance', { error: null, result: {} }],
    ['a balance as text', { error: null, result: { balance: '5' } }],
    ['a balance that is not exact', { error: null, result: { balance: 1e17 } }],
    ['a debt', { error: null, result: { balance: -5 } }],
    ['an error that is a text', { error: 'no', result: { balance: 5 } }],
  ])('is unavailable when it is no answer: %s', async (_case, response) => {
    fixture.wallet.answer('get_balance', response)
    await expect(fixture.backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
  })

  it.each(['"well"', '[]', 'null', '7', '{"result_type":"get_balance","result":{"balance":5', '<html>', ' '])(
    'is unavailable when it is no object: %s',
    async text => {
      const { wallet, backend } = fixture
      wallet.answer('get_balance', null)
      const asking = backend.balanceMsat(never)
      asking.catch(() => undefined)
      await vi.waitFor(() => expect(wallet.calls).toHaveLength(1))
      const tags = [
        ['p', wallet.clientPubkey],
        ['e', wallet.calls[0]?.event.id ?? ''],
      ]
      wallet.send(wallet.signText(23195, wallet.encrypt(text), tags))
      await expect(asking).rejects.toThrow(LightningUnavailable)
    },
  )

  it('may be a page that is none', async () => {
    for (const result of [{}, { transactions: 'none' }, { transactions: [{ ...pending, amount: '5' }] }]) {
      answer('list_transactions', result)
      const listening = fixture.backend.incoming(null, never)[Symbol.asyncIterator]()
      await expect(listening.next()).rejects.toThrow(LightningUnavailable)
    }
  })

  it('may be a list that repeats itself, which ends', async () => {
    answer('list_transactions', { transactions: [{ ...pending, state: 'settled', settled_at: 7, preimage }] })
    const listening = fixture.backend.incoming(null, never)[Symbol.asyncIterator]()
    expect((await listening.next()).value).toMatchObject({ paymentHash, at: 7 })
    await listening.return?.()
    expect(fixture.wallet.calls).toHaveLength(2)
  })

  describe('about itself', () => {
    const without = (...methods: string[]) => ({ methods: allMethods.filter(method => !methods.includes(method)) })
    const all = {
      hold: true,
      descriptionHash: true,
      pay: true,
      limitsFees: false,
      knowsItsPayments: false,
      resolutionMsat: 1,
      maxDescriptionLength: 639,
    }

    it.each([
      ['everything', without(), all],
      ['no paying', without('pay_invoice'), { ...all, pay: false }],
      ['no holding', without('make_hold_invoice'), { ...all, hold: false }],
      ['no settling', without('settle_hold_invoice'), { ...all, hold: false }],
      ['no cancelling', without('cancel_hold_invoice'), { ...all, hold: false }],
    ])('shows what it can: %s', async (_case, info, capabilities) => {
      answer('get_info', info)
      expect(await fixture.backend.capabilities(never)).toEqual(capabilities)
    })

    it.each(['make_invoice', 'lookup_invoice', 'list_transactions'])('must have %s', async method => {
      answer('get_info', without(method))
      await expect(fixture.backend.capabilities(never)).rejects.toThrow(`lacks ${method}`)
      await expect(fixture.backend.check(never)).rejects.toThrow(LightningUnavailable)
    })

    it.each([
      ['may not be asked', { error: { code: 'RESTRICTED', message: 'no' } }],
      ['does not know the question', { error: { code: 'NOT_IMPLEMENTED', message: 'no' } }],
      ['does not say', { error: null, result: { alias: 'a wallet' } }],
    ])('is read from its info event when it %s', async (_case, response) => {
      fixture.wallet.answer('get_info', response)
      const { methods } = without('pay_invoice')
      fixture.wallet.publishInfo({ methods, encryption: 'nip44_v2', createdAt: fixture.now() + 1 })
      expect(await fixture.backend.capabilities(never)).toEqual({ ...all, pay: false })
    })

    it.each(['UNAUTHORIZED', 'RATE_LIMITED', 'INTERNAL', 'OTHER'])('is unavailable: %s', async code => {
      refuse('get_info', code)
      await expect(fixture.backend.check(never)).rejects.toThrow(`the wallet does not do what was asked (${code})`)
    })
  })
})

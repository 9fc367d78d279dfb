import { afterEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import { type NwcFixture, openNwc } from './open-nwc.ts'

describe('invoices of a wallet through Nostr Wallet Connect', () => {
  let fixture: NwcFixture
  afterEach(() => fixture.close())

  const open = async (options: Parameters<typeof openNwc>[0] = {}) => {
    fixture = await openNwc(options)
    return fixture
  }
  const methods = () => fixture.wallet.calls.map(call => call.method)
  const paramsOf = (method: string) =>
    fixture.wallet.calls.filter(call => call.method === method).map(call => call.params)
  const create = (changes: Parameters<typeof requestOf>[0] = {}) =>
    fixture.backend.createInvoice(requestOf(changes), never)

  it('are asked for as NIP-47 says, with the key in the metadata', async () => {
    const { now } = await open()
    await create()
    const { amountMsat: amount, description, expirySeconds: expiry, idempotencyKey } = requestOf()
    const request = expect.stringMatching(/^[0-9a-f]{32}$/)
    const metadata = { idempotency_key: idempotencyKey, request }
    expect(paramsOf('make_invoice')).toEqual([{ amount, description, expiry, metadata }])
    const from = now() - 86_400 - 600
    expect(paramsOf('list_transactions')).toEqual([{ from, limit: 10, offset: 0, unpaid: true, type: 'incoming' }])
    const descriptionHash = sha256('metadata')
    await create({ idempotencyKey: 'zap', descriptionHash })
    expect(paramsOf('make_invoice')[1]).toEqual({
      amount,
      description_hash: descriptionHash,
      expiry,
      metadata: { idempotency_key: 'zap', request },
    })
  })

  it('are looked for at the start, however many there are, and then no more', async () => {
    await open()
    const keys = Array.from({ length: 15 }, (_, index) => `key ${index}`)
    const all = []
    for (const idempotencyKey of keys) all.push(await create({ idempotencyKey }))
    const reopened = await fixture.reopen()
    const before = fixture.wallet.calls.length
    for (const [index, idempotencyKey] of keys.entries()) {
      expect(await reopened.createInvoice(requestOf({ idempotencyKey }), never)).toEqual(all[index])
    }
    // The wallet gives four at a time, and then none.
    expect(methods().slice(before)).toEqual(Array(5).fill('list_transactions'))
  })

  it('are not looked for at the start where keys do not outlive the process', async () => {
    await open({ backend: { historySeconds: 0 } })
    await create()
    expect(methods()).toEqual(['make_invoice'])
  })

  it('are looked for again by everyone when the list could not be had', async () => {
    const { wallet } = await open()
    wallet.answer('list_transactions', { error: { code: 'RATE_LIMITED', message: 'slower' } })
    await expect(create()).rejects.toThrow(LightningUnavailable)
    wallet.answer('list_transactions', undefined)
    await expect(create()).resolves.toMatchObject({ expiresAt: fixture.now() + 900 })
    expect(paramsOf('make_invoice')).toHaveLength(1)
  })

  it('are found by their key when the answer was lost', async () => {
    const { wallet, now, advance } = await open()
    wallet.fail('create', 'drop-after')
    await expect(create()).rejects.toThrow(LightningUnavailable)
    const asked = now()
    advance(30)
    await create()
    expect(methods()).toEqual(['list_transactions', 'make_invoice', 'list_transactions'])
    expect(paramsOf('list_transactions')[1]).toMatchObject({ from: asked - 600, unpaid: true })
  })

  it('are made twice when the answer was lost and the wallet keeps no metadata', async () => {
    const { wallet } = await open({ keepsMetadata: false })
    wallet.fail('create', 'drop-after')
    await expect(create()).rejects.toThrow(LightningUnavailable)
    const made = await create()
    expect(await create()).toEqual(made)
    expect(paramsOf('make_invoice')).toHaveLength(2)
  })

  it.each([
    ['amount', { amountMsat: 22_000_000 }],
    ['description', { description: 'bob@example.com for 1 year' }],
    ['expiry', { expirySeconds: 600 }],
    ['description hash', { descriptionHash: sha256('metadata') }],
  ])('are never another for the same key: %s', async (_case, changes) => {
    await open()
    await create()
    await expect(create(changes)).rejects.toThrow('used again for a different request')
    const reopened = await fixture.reopen()
    const again = reopened.createInvoice(requestOf(changes), never)
    await expect(again).rejects.toThrow('used again for a different request')
    await expect(again).rejects.not.toThrow(LightningUnavailable)
  })

  it('of a key that the metadata cannot hold are not made', async () => {
    await open()
    await expect(create({ idempotencyKey: 'k'.repeat(4_060) })).rejects.toThrow(RangeError)
    await expect(create({ idempotencyKey: 'k'.repeat(4_000) })).resolves.toHaveProperty('bolt11')
    expect(paramsOf('make_invoice')).toHaveLength(1)
  })

  it('of whole satoshis only are not made of parts', async () => {
    await open({ backend: { resolutionMsat: 1_000 } })
    expect(await fixture.backend.capabilities(never)).toMatchObject({ resolutionMsat: 1_000 })
    await expect(create({ amountMsat: 1_500 })).rejects.toThrow(RangeError)
    await expect(create({ amountMsat: 2_000 })).resolves.toHaveProperty('bolt11')
  })

  it('are not waited for longer than the signal says, whoever else waits', async () => {
    const { wallet, backend } = await open()
    wallet.answer('make_invoice', null)
    const patient = create()
    patient.catch(() => undefined)
    await expect(backend.createInvoice(requestOf(), AbortSignal.timeout(30))).rejects.toThrow(LightningUnavailable)
    await backend.close()
    await expect(patient).rejects.toThrow(LightningUnavailable)
  })

  const other =
    'lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqscc6gd6ql3jrc5yzme8v4ntcewwz5cnw92tz0pc8qcuufvq7khhr8wpald05e92xw006sq94mg8v2ndf4sefvf9sygkshp5zfem29trqq2yxxz7'
  it.each([
    ['nothing', {}],
    ['no invoice', { payment_hash: '00'.repeat(32) }],
    ['text that is no invoice', { invoice: 'lnbc', payment_hash: '00'.repeat(32) }],
    ['an invoice of another hash', { invoice: other, payment_hash: '00'.repeat(32) }],
    ['a number', { invoice: 7, payment_hash: '00'.repeat(32) }],
  ])('are unavailable when the wallet answers %s', async (_case, result) => {
    const { wallet } = await open()
    wallet.answer('make_invoice', { error: null, result })
    await expect(create()).rejects.toThrow(LightningUnavailable)
    wallet.answer('make_hold_invoice', { error: null, result })
    await expect(create({ idempotencyKey: 'held', hold: true })).rejects.toThrow(LightningUnavailable)
  })

  describe('that are held', () => {
    const held = { idempotencyKey: 'held', hold: true }
    const paymentHash = sha256(Buffer.from(requestOf(held).preimage, 'hex'))

    it('are asked for by the hash of the preimage, which the wallet is not told', async () => {
      const { wallet } = await open()
      expect(await create(held)).toMatchObject({ paymentHash })
      const { amountMsat: amount, description, expirySeconds: expiry, preimage } = requestOf(held)
      expect(paramsOf('make_hold_invoice')).toEqual([{ amount, description, expiry, payment_hash: paymentHash }])
      expect(JSON.stringify(wallet.calls.map(call => call.params))).not.toContain(preimage)
    })

    it('are found by their hash, when an answer was lost and after a restart', async () => {
      const { wallet } = await open()
      wallet.fail('create', 'drop-after')
      await expect(create(held)).rejects.toThrow(LightningUnavailable)
      const made = await create(held)
      expect(await (await fixture.reopen()).createInvoice(requestOf(held), never)).toEqual(made)
      expect(paramsOf('make_hold_invoice')).toHaveLength(1)
    })

    it('are the same where the wallet tells no description', async () => {
      const { wallet } = await open()
      const made = await create(held)
      const told = { ...(await wallet.ledger.tell(paymentHash)), description: null, description_hash: null }
      wallet.answer('lookup_invoice', { error: null, result: told })
      expect(await (await fixture.reopen()).createInvoice(requestOf(held), never)).toEqual(made)
    })

    it('are the same when more than asked has arrived', async () => {
      const { pay } = await open()
      const made = await create(held)
      await pay(made.bolt11, { receivedMsat: requestOf().amountMsat + 1 })
      expect(await (await fixture.reopen()).createInvoice(requestOf(held), never)).toEqual(made)
    })

    it.each([
      ['amount', { ...held, amountMsat: 22_000_000 }],
      ['description', { ...held, description: 'bob@example.com' }],
      ['description hash', { ...held, descriptionHash: sha256('metadata') }],
    ])('are never another for the same key: %s', async (_case, changes) => {
      await open()
      await create(held)
      await expect(create(changes)).rejects.toThrow('used again for a different request')
      const reopened = await fixture.reopen()
      const again = reopened.createInvoice(requestOf(changes), never)
      await expect(again).rejects.toThrow('used again for a different request')
    })

    it('are not made where the wallet does not know them', async () => {
      const { wallet, backend } = await open()
      const unknown = { error: { code: 'NOT_IMPLEMENTED', message: 'Unknown method' } }
      for (const method of ['make_hold_invoice', 'settle_hold_invoice', 'cancel_hold_invoice']) {
        wallet.answer(method, unknown)
      }
      await expect(create(held)).rejects.toThrow('cannot hold payments')
      await expect(backend.settleHold(requestOf(held).preimage, never)).rejects.toThrow('cannot hold payments')
      await expect(backend.cancelHold(paymentHash, never)).rejects.toThrow('cannot hold payments')
    })

    it('are settled and cancelled as NIP-47 says', async () => {
      const { backend, pay } = await open()
      const { preimage } = requestOf(held)
      await pay((await create(held)).bolt11)
      await backend.settleHold(preimage, never)
      expect(paramsOf('settle_hold_invoice')).toEqual([{ preimage }])
      await backend.cancelHold(paymentHash, never)
      expect(paramsOf('cancel_hold_invoice')).toEqual([{ payment_hash: paymentHash }])
    })

    it.each(['RATE_LIMITED', 'RESTRICTED', 'INTERNAL', 'OTHER'])(
      'are neither lost nor cancelled while a payment waits and the wallet says %s',
      async code => {
        const { backend, wallet, pay } = await open()
        await pay((await create(held)).bolt11)
        wallet.answer('settle_hold_invoice', { error: { code, message: '' } })
        wallet.answer('cancel_hold_invoice', { error: { code, message: '' } })
        await expect(backend.settleHold(requestOf(held).preimage, never)).rejects.toThrow(LightningUnavailable)
        await expect(backend.cancelHold(paymentHash, never)).rejects.toThrow(LightningUnavailable)
      },
    )

    it('may not be cancelled before they are paid, as with Alby Hub, and end by themselves', async () => {
      const { backend, wallet, advance } = await open()
      await create(held)
      wallet.answer('cancel_hold_invoice', { error: { code: 'NOT_FOUND', message: '' } })
      await expect(backend.cancelHold(paymentHash, never)).rejects.toThrow(LightningUnavailable)
      advance(requestOf().expirySeconds)
      expect(await backend.cancelHold(paymentHash, never)).toBe('cancelled')
    })
  })
})

import { afterEach, describe, expect, it, vi } from 'vitest'
import { type IncomingPayment, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf } from '../invoice-request.ts'
import { type NwcFixture, openNwc } from './open-nwc.ts'

describe('what arrives at a wallet through Nostr Wallet Connect', () => {
  let fixture: NwcFixture
  afterEach(() => fixture.close())

  const open = async (options: Parameters<typeof openNwc>[0] = {}) => {
    fixture = await openNwc(options)
    return fixture
  }
  const payNew = async (idempotencyKey: string, hold = false) => {
    const created = await fixture.backend.createInvoice(requestOf({ idempotencyKey, hold }), never)
    await fixture.pay(created.bolt11)
    return created.paymentHash
  }
  const listens = () =>
    vi.waitFor(() => expect(fixture.wallet.calls.map(call => call.method)).toContain('list_transactions'))
  /** Everything that a stream tells, until it is stopped. */
  const follow = (cursor: string | null = null) => {
    const stop = new AbortController()
    const seen: IncomingPayment[] = []
    const ended = (async () => {
      for await (const one of fixture.backend.incoming(cursor, stop.signal)) seen.push(one)
    })()
    ended.catch(() => undefined)
    return {
      seen,
      ended,
      sees: (count: number) => vi.waitFor(() => expect(seen).toHaveLength(count)),
      stop: async () => {
        stop.abort()
        await ended
      },
    }
  }

  it('is found without notifications, by going through the list', async () => {
    const { wallet } = await open({ backend: { pace: { sweepMs: 20 } } })
    wallet.notify(0)
    const following = follow()
    await listens()
    const hashes = [await payNew('a'), await payNew('b')]
    const held = await payNew('c', true)
    await following.sees(3)
    await following.stop()
    expect(following.seen.map(one => one.paymentHash)).toEqual([...hashes, held])
  })

  it('is told once, however often it is notified, over however many relays', async () => {
    const { wallet } = await open({ relayCount: 2, backend: { pace: { sweepMs: 20 } } })
    wallet.notify(3)
    const following = follow()
    await listens()
    const first = await payNew('a')
    await following.sees(1)
    const second = await payNew('b')
    await following.sees(2)
    await following.stop()
    expect(following.seen.map(one => one.paymentHash)).toEqual([first, second])
  })

  it('is not believed of a notification: it is looked up', async () => {
    const { wallet, backend } = await open()
    const { paymentHash } = await backend.createInvoice(requestOf(), never)
    const following = follow()
    await vi.waitFor(() => expect(wallet.calls.filter(call => call.method === 'list_transactions')).toHaveLength(3))
    const lie = (type: string, notification: unknown) =>
      wallet.send(wallet.sign(23197, { notification_type: type, notification }, [['p', wallet.clientPubkey]]))
    lie('payment_received', { type: 'incoming', payment_hash: paymentHash, state: 'settled', amount: 1, settled_at: 1 })
    lie('payment_received', { payment_hash: '00'.repeat(32) })
    lie('payment_received', { payment_hash: 'nothing' })
    lie('payment_received', null)
    lie('payment_sent', { payment_hash: paymentHash })
    lie('hold_invoice_accepted', { payment_hash: paymentHash })
    wallet.send(wallet.signText(23197, 'unreadable', [['p', wallet.clientPubkey]]))
    wallet.send(wallet.sign(23197, ['no', 'object'], [['p', wallet.clientPubkey]]))
    const paid = await payNew('paid')
    await following.sees(1)
    await following.stop()
    expect(following.seen).toMatchObject([{ paymentHash: paid, receivedMsat: requestOf().amountMsat }])
    const looked = wallet.calls.filter(call => call.method === 'lookup_invoice').map(call => call.params.payment_hash)
    expect(looked).toEqual([paymentHash, '00'.repeat(32), paymentHash, paid])
  })

  it('goes on while one relay is left, and ends with the last', async () => {
    const { relays } = await open({ relayCount: 2 })
    const following = follow()
    await listens()
    await vi.waitFor(() => expect(relays.map(relay => relay.connections())).toEqual([1, 1]))
    relays[0]?.disconnect()
    await vi.waitFor(() => expect(relays[0]?.connections()).toBe(0))
    const paid = await payNew('a')
    await following.sees(1)
    for (const relay of relays) relay.disconnect()
    await expect(following.ended).rejects.toThrow(LightningUnavailable)
    expect(following.seen).toMatchObject([{ paymentHash: paid }])
  })

  it('ends when the backend is closed', async () => {
    const { backend, relays } = await open()
    const following = follow()
    await listens()
    await backend.close()
    await expect(following.ended).rejects.toThrow(LightningUnavailable)
    await vi.waitFor(() => expect(relays[0]?.connections()).toBe(0))
  })

  it('leaves no connection behind when nobody listens any more', async () => {
    const { relays } = await open()
    await payNew('a')
    await collect(fixture.backend, null, 1)
    const following = follow()
    await following.sees(1)
    await following.stop()
    // The one for calls.
    await vi.waitFor(() => expect(relays[0]?.connections()).toBe(1))
  })

  it('is told as waiting and then as settled', async () => {
    const { backend, wallet } = await open()
    const following = follow()
    await listens()
    const held = await payNew('held', true)
    await following.sees(1)
    await backend.settleHold(requestOf({ idempotencyKey: 'held' }).preimage, never)
    await following.sees(2)
    await following.stop()
    expect(following.seen).toMatchObject([
      { paymentHash: held, status: 'accepted', cursor: null },
      { paymentHash: held, status: 'settled', cursor: expect.stringContaining(wallet.walletPubkey.slice(0, 16)) },
    ])
  })

  it('is listed from long enough before the cursor that old invoices are found', async () => {
    const { wallet, advance, backend } = await open()
    const old = await backend.createInvoice(requestOf({ idempotencyKey: 'old', expirySeconds: 80_000 }), never)
    const first = await payNew('first')
    const [seen] = await collect(backend, null, 1)
    advance(79_000)
    const between = await payNew('between')
    await fixture.pay(old.bolt11)
    const rest = await collect(backend, seen?.cursor ?? null, 2)
    expect(rest.map(one => one.paymentHash).sort()).toEqual([between, old.paymentHash].sort())
    expect(seen).toMatchObject({ paymentHash: first })
    const asked = wallet.calls.filter(call => call.method === 'list_transactions').map(call => call.params)
    expect(asked.at(-1)).toMatchObject({ from: (seen?.at ?? 0) - 86_400, unpaid: true, type: 'incoming' })
  })

  it.each([
    ['of another wallet', `${'0'.repeat(16)}:1790000000:`],
    ['of another backend', '17'],
    ['that is none', 'x:y:z'],
    ['that is empty', ''],
  ])('is told from the first with a cursor %s', async (_case, cursor) => {
    await open()
    const paid = await payNew('a')
    expect(await collect(fixture.backend, cursor, 1)).toMatchObject([{ paymentHash: paid }])
  })

  it('is unavailable when a look-up has no answer, and comes again from the cursor', async () => {
    const { wallet } = await open()
    const following = follow()
    await listens()
    wallet.fail('lookup', 'unavailable')
    const paid = await payNew('a')
    await expect(following.ended).rejects.toThrow(LightningUnavailable)
    expect(following.seen).toEqual([])
    expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash: paid }])
  })
})

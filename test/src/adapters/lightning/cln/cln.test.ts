import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createClnBackend } from '../../../../../src/adapters/lightning/cln/backend.ts'
import { type InvoiceRequest, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import type { LightningFixture } from '../contract.ts'
import { never, requestOf } from '../invoice-request.ts'
import { authority, impostor, server as own } from './certificates.ts'
import { type ClnServer, runes } from './cln-server.ts'
import { askedOf, openCln } from './open-cln.ts'

describe('Core Lightning', () => {
  let fixture: LightningFixture
  let server: ClnServer

  beforeEach(async () => {
    ;({ fixture, server } = await openCln())
  })
  afterEach(() => fixture.close())

  const create = (changes: Partial<InvoiceRequest> = {}) => fixture.backend.createInvoice(requestOf(changes), never)
  const connect = (rune: string) => createClnBackend({ url: `${server.url}/`, rune, now: fixture.now })

  describe('makes invoices', () => {
    it('by the documented call', async () => {
      const { preimage, amountMsat, description, expirySeconds } = requestOf()
      await create({ idempotencyKey: 'order:7', preimage })
      expect(server.local.calls).toHaveLength(1)
      const [call] = server.local.calls
      expect(call).toMatchObject({ method: 'POST', path: '/v1/invoice' })
      expect(call?.headers).toMatchObject({ rune: runes.all, 'content-type': 'application/json' })
      expect(askedOf(server, 'invoice')).toEqual([
        { amount_msat: amountMsat, label: 'panda:order:7', description, expiry: expirySeconds, preimage },
      ])
    })

    it.each([
      ['long', 'k'.repeat(500)],
      ['in other scripts', 'заказ "7"\n'],
      ['like a hash of another', `#${'0'.repeat(64)}`],
    ])('with labels that the node takes, for a key that is %s', async (_case, idempotencyKey) => {
      expect(await create({ idempotencyKey })).toEqual(await create({ idempotencyKey }))
      const [{ label }] = askedOf(server, 'invoice') as [{ label: string }]
      expect(label).toMatch(/^panda#[0-9a-f]{64}$/)
    })

    it('with descriptions that need escapes in JSON', async () => {
      const description = 'a "quoted" back\\slash\\u0041,\ta tab'
      expect(await create({ description })).toEqual(await create({ description }))
    })

    it.each<[string, Partial<InvoiceRequest>]>([
      ['another amount', { amountMsat: 1_000 }],
      ['another description', { description: 'something else' }],
      ['another time to pay', { expirySeconds: 901 }],
      ['another preimage', { preimage: 'ab'.repeat(32) }],
      ['another key, although the preimage is the same', { idempotencyKey: 'other', preimage: requestOf().preimage }],
    ])('not for %s than before', async (_case, changes) => {
      await create()
      const again = create(changes)
      await expect(again).rejects.toThrow(/different request/)
      await expect(again).rejects.not.toBeInstanceOf(LightningUnavailable)
    })

    it.each<[string, Partial<InvoiceRequest>]>([
      ['to be held', { hold: true }],
      ['with the hash of a description', { descriptionHash: '00'.repeat(32) }],
      ['with control characters', { description: 'bell \u0007' }],
      ['with half a character', { description: '\ud83d' }],
    ])('not %s, and does not ask the node', async (_case, changes) => {
      await expect(create(changes)).rejects.toThrow(RangeError)
      expect(server.local.calls).toEqual([])
    })

    it('not of another preimage, whatever the node says', async () => {
      const other = { bolt11: 'lnbcrt1', payment_hash: 'ab'.repeat(32), expires_at: fixture.now() + 900 }
      server.answerNext('invoice', { status: 201, json: other })
      await expect(create()).rejects.toThrow('an invoice of another preimage')
    })

    it('anew when the first one was deleted while it was looked for', async () => {
      await create()
      server.answerNext('listinvoices', { status: 201, json: { invoices: [] } })
      await expect(create()).rejects.toThrow(LightningUnavailable)
    })
  })

  it('holds nothing', async () => {
    await expect(fixture.backend.settleHold('00'.repeat(32), never)).rejects.toThrow(/cannot hold payments/)
    await expect(fixture.backend.cancelHold('00'.repeat(32), never)).rejects.toThrow(/cannot hold payments/)
    expect(await fixture.backend.capabilities(never)).toMatchObject({ hold: false })
  })

  it('counts the funds of channels that can send', async () => {
    await fixture.pay((await create({ amountMsat: 21_000_001 })).bolt11)
    expect(await fixture.backend.balanceMsat(never)).toBe(21_000_001)
  })

  describe('refuses', () => {
    it.each([
      ['a rune that is not of this node', 'rune-of-somebody-else=='],
      ['a rune that was blacklisted', runes.blacklisted],
    ])('%s, and no error shows it', async (_case, rune) => {
      const backend = connect(rune)
      const { paymentHash } = await create()
      const calls = [
        backend.capabilities(never),
        backend.createInvoice(requestOf(), never),
        backend.lookUpInvoice(paymentHash, never),
        backend.lookUpPayment({ idempotencyKey: 'a', paymentHash }, never),
        backend.balanceMsat(never),
        backend.check(never),
        backend.incoming(null, never)[Symbol.asyncIterator]().next(),
      ]
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === 'fulfilled') throw new Error('the call was answered')
        expect(outcome.reason).toBeInstanceOf(LightningUnavailable)
        expect(`${outcome.reason.stack} ${outcome.reason.cause}`).not.toContain(rune)
      }
      expect(backend.name).toBe('cln')
    })

    it('to pay by a rune that does not allow it, and says so before', async () => {
      const backend = connect(runes.noPaying)
      expect(await backend.capabilities(never)).toMatchObject({ pay: false })
      const { bolt11 } = await fixture.outsideInvoice({ amountMsat: 1_000 })
      const request = { idempotencyKey: 'a', bolt11, maxFeeMsat: 0 }
      expect(await backend.pay(request, never)).toEqual({
        status: 'failed',
        reason: 'the node does not let this rune pay',
      })
      expect(await backend.createInvoice(requestOf(), never)).toMatchObject({ paymentHash: expect.any(String) })
    })

    it('to pay where there is no xpay, and says so before', async () => {
      server.answerNext('xpay', { status: 404, json: { code: -32601, message: "Unknown command 'xpay'" } })
      expect(await fixture.backend.capabilities(never)).toMatchObject({ pay: false })
    })

    it('as CLNRest did when it was written in Python', async () => {
      const message = 'Not permitted: method is not equal to getinfo'
      server.answerNext('xpay', { status: 403, json: { error: { code: 1502, message } } })
      expect(await fixture.backend.capabilities(never)).toMatchObject({ pay: false })
    })
  })

  describe('over TLS', () => {
    const tls = { cert: own.cert, key: own.key }

    it.each([
      ['the server’s certificate', own.cert],
      ['the server’s certificate and its authority’s', own.cert + authority],
    ])('is trusted by %s', async (_case, certificate) => {
      const { fixture: secure } = await openCln({ tls, certificate })
      await expect(secure.backend.check(never)).resolves.toBeUndefined()
      await secure.close()
    })

    it.each([
      ['nothing', undefined],
      ['another certificate', impostor.cert],
      ['another certificate of the same authority', impostor.cert + authority],
      ['its authority alone', authority],
    ])('is not trusted by %s, and does not learn the rune', async (_case, certificate) => {
      const { fixture: secure, server: guarded } = await openCln({ tls, ...(certificate && { certificate }) })
      await expect(secure.backend.check(never)).rejects.toThrow(LightningUnavailable)
      expect(guarded.local.calls).toEqual([])
      await secure.close()
    })

    it('is not asked for over an open connection, nor by what is no certificate', () => {
      const node = { rune: runes.all, now: fixture.now }
      expect(() => createClnBackend({ ...node, url: server.url, certificate: own.cert })).toThrow(
        'needs an URL of HTTPS',
      )
      const secure = { ...node, url: server.url.replace('http:', 'https:') }
      expect(() => createClnBackend({ ...secure, certificate: own.key })).toThrow('is not one in PEM')
    })
  })
})

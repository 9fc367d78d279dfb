import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createLndBackend } from '../../../../../src/adapters/lightning/lnd/backend.ts'
import { type LightningBackend, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { collect } from '../contract-of-streams.ts'
import { never, requestOf } from '../invoice-request.ts'
import { makeCertificate } from './certificates.ts'
import { type LndFixture, openLnd } from './open-lnd.ts'

const own = makeCertificate('lnd of ours')
const other = makeCertificate('lnd of others')
const signedByOwn = makeCertificate('lnd of a thief', own)

async function withLnd(
  certificate: { key: string; cert: string },
  pinned: string | undefined,
  work: (backend: LightningBackend, fixture: LndFixture) => Promise<void>,
): Promise<void> {
  const fixture = await openLnd(() => (pinned === undefined ? {} : { certificate: pinned }), certificate)
  await work(fixture.backend, fixture)
  await fixture.close()
}

describe('the certificate of LND', () => {
  it('is one that verifies', () => {
    for (const { cert, keys } of [own, other]) expect(new X509Certificate(cert).verify(keys.publicKey)).toBe(true)
    expect(new X509Certificate(signedByOwn.cert).checkIssued(new X509Certificate(own.cert))).toBe(true)
  })

  it('is accepted when it is the pinned one, whatever host it names', () =>
    withLnd(own, own.cert, async (backend, fixture) => {
      await backend.check(never)
      const { bolt11, paymentHash } = await backend.createInvoice(requestOf(), never)
      await fixture.pay(bolt11)
      expect(await collect(backend, null, 1)).toMatchObject([{ paymentHash }])
    }))

  it.each([
    ['another', other, own.cert, 'does not answer'],
    [
      'another that the pinned one has signed',
      { ...signedByOwn, cert: signedByOwn.cert + own.cert },
      own.cert,
      'than the pinned one',
    ],
    ['one that no authority has signed, where none is pinned', own, undefined, 'does not answer'],
  ])('is refused when it is %s, before the macaroon is shown', (_case, certificate, pinned, words) =>
    withLnd(certificate, pinned, async (backend, fixture) => {
      await expect(backend.check(never)).rejects.toThrow(words)
      await expect(backend.createInvoice(requestOf(), never)).rejects.toThrow(LightningUnavailable)
      await expect(collect(backend, null, 1)).rejects.toThrow(LightningUnavailable)
      const payment = { idempotencyKey: 'payment', bolt11: 'lnbcrt1', maxFeeMsat: 0 }
      expect(await backend.pay(payment, never)).toEqual({ status: 'unknown' })
      expect(fixture.server.calls).toEqual([])
    }),
  )

  it('is not asked for over an open connection', async () => {
    const fixture = await openLnd()
    const { url, macaroon } = fixture.server
    const secure = createLndBackend({
      url: url.replace('http:', 'https:'),
      macaroon,
      certificate: own.cert,
      now: fixture.now,
    })
    await expect(secure.check(never)).rejects.toThrow(LightningUnavailable)
    expect(fixture.server.calls).toEqual([])
    await fixture.close()
  })

  it('must be one', () => {
    const options = { url: 'https://127.0.0.1', macaroon: '00', now: () => 0 }
    expect(() => createLndBackend({ ...options, certificate: 'not a certificate' })).toThrow('certificate')
    expect(() => createLndBackend({ ...options, url: 'http://127.0.0.1', certificate: own.cert })).toThrow(
      'certificate',
    )
  })
})

import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { phoenixdWebhookHash } from '../../../../../src/adapters/lightning/phoenixd/webhook.ts'

// The example of phoenix.acinq.co/server/api, webhook authentication.
const secret = 'ef72d3b96324106dfbf83f2a4efeff7dddb4ce923e9664cb56baf34cc52936b6'
const paymentHash = 'e628f8a516e9d3ee5e212a675f8d0c9dc5e7a5d500c5f4f91c62e9e921492653'
const event = { type: 'payment_received', timestamp: 1712785550079, amountSat: 8, paymentHash, externalId: null }
const body = Buffer.from(JSON.stringify(event, null, 4))
const signature = '77ffc40401024fb417e45fdd002de06bdbf3b48b90d09d05cccd06462920aed7'
const sign = (bytes: Uint8Array, key: string | Buffer = secret) => createHmac('sha256', key).update(bytes).digest('hex')

describe('a webhook call of phoenixd', () => {
  it('tells a payment hash when it is signed, as in the documentation', () => {
    expect(sign(body)).toBe(signature)
    expect(phoenixdWebhookHash(secret, body, signature)).toBe(paymentHash)
    expect(phoenixdWebhookHash(secret, new Uint8Array(body), signature.toUpperCase())).toBe(paymentHash)
  })

  const forged: [string, string, Uint8Array, string | undefined][] = [
    ['no signature', secret, body, undefined],
    ['an empty signature', secret, body, ''],
    ['zeros', secret, body, '0'.repeat(64)],
    ['a signature that lacks its end', secret, body, signature.slice(0, 62)],
    ['a signature with more after it', secret, body, `${signature}00`],
    ['a signature with one bit changed', secret, body, `6${signature.slice(1)}`],
    ['a prefix that others use', secret, body, `sha256=${signature}`],
    ['a signature in Base64', secret, body, Buffer.from(signature, 'hex').toString('base64')],
    ['letters that are no digits', secret, body, 'g'.repeat(64)],
    ['two signatures', secret, body, `${signature}, ${signature}`],
    ['a signature of another secret', secret, body, sign(body, 'another')],
    ['a signature of the secret’s bytes', secret, body, sign(body, Buffer.from(secret, 'hex'))],
    ['another secret', 'another', body, signature],
    ['an empty secret', '', body, sign(body, '')],
    ['the hash of the secret and the body', secret, body, sign(Buffer.concat([Buffer.from(secret), body]), '')],
    ['another amount', secret, Buffer.from(body.toString().replace('8', '9')), signature],
    ['another payment', secret, Buffer.from(body.toString().replace(paymentHash, '00'.repeat(32))), signature],
    ['the same in other bytes', secret, Buffer.from(JSON.stringify(event)), signature],
    ['a space after it', secret, Buffer.concat([body, Buffer.from(' ')]), signature],
    ['nothing', secret, Buffer.alloc(0), signature],
  ]
  it.each(forged)('is nothing with %s', (_case, key, bytes, header) => {
    expect(phoenixdWebhookHash(key, bytes, header)).toBe(null)
  })

  it.each([
    ['no JSON', 'payment_received'],
    ['half of it', '{"type":"payment_received"'],
    ['nothing', ''],
    ['null', 'null'],
    ['another event', JSON.stringify({ ...event, type: 'payment_sent' })],
    ['no hash', JSON.stringify({ ...event, paymentHash: undefined })],
    ['no real hash', JSON.stringify({ ...event, paymentHash: `${paymentHash.slice(2)}/.` })],
    ['a list for a hash', JSON.stringify({ ...event, paymentHash: [paymentHash] })],
  ])('tells nothing that is signed and has %s', (_case, text) => {
    const bytes = Buffer.from(text)
    expect(phoenixdWebhookHash(secret, bytes, sign(bytes))).toBe(null)
  })
})

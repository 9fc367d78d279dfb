import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createStrikeBackend } from '../../../../../src/adapters/lightning/strike/backend.ts'
import { readWebhook } from '../../../../../src/adapters/lightning/strike/webhook.ts'

const secret = 'the secret of the subscription'
const entityId = '6b91e56d-fce9-4eec-995f-1d08fe6ba380'
const event = {
  id: 'd2b2bf1c-3f4a-4b0c-9d3e-6f1a2b3c4d5e',
  eventType: 'receive-request.receive-completed',
  webhookVersion: 'v1',
  data: { entityId, changes: ['state'] },
  created: '2026-09-21T14:13:20.123+00:00',
  deliverySuccess: true,
}
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const sign = (body: Uint8Array, key = secret) => createHmac('sha256', key).update(body).digest('hex')
const body = bytes(event)
const hint = { eventType: event.eventType, entityId }

describe('a webhook of Strike', () => {
  it('gives what it is about, and nothing that is to be believed', () => {
    expect(readWebhook(body, sign(body), secret)).toEqual(hint)
    expect(readWebhook(body, sign(body).toUpperCase(), secret)).toEqual(hint)
  })

  const forged: [string, Uint8Array, string | undefined][] = [
    ['without a signature', body, undefined],
    ['with an empty one', body, ''],
    ['with that of another body', body, sign(bytes({ ...event, id: 'x' }))],
    ['with that of another secret', body, sign(body, 'another')],
    ['with that of no secret', body, sign(body, '')],
    ['with half of one', body, sign(body).slice(0, 32)],
    ['with more than one', body, `${sign(body)}00`],
    ['with one that is no hex', body, 'z'.repeat(64)],
    ['with one digit changed', body, sign(body).replace(/.$/, digit => (digit === '0' ? '1' : '0'))],
    ['written again in other words', bytes(JSON.stringify(event, null, 1)), sign(body)],
    ['with a space more', bytes(`${body} `), sign(body)],
    ['signed in base64', body, Buffer.from(sign(body), 'hex').toString('base64')],
  ]
  it.each(forged)('is forged: %s', (_case, forgedBody, signature) => {
    expect(readWebhook(forgedBody, signature, secret)).toBe(null)
  })

  it.each([
    ['no JSON', 'event'],
    ['half of it', '{"eventType":'],
    ['nothing', ''],
    ['no object', '7'],
    ['no entity', JSON.stringify({ ...event, data: {} })],
    ['an entity that is a path', JSON.stringify({ ...event, data: { entityId: '../payments' } })],
    ['no type', JSON.stringify({ ...event, eventType: 7 })],
    ['more than any event', JSON.stringify({ ...event, more: 'x'.repeat(70_000) })],
  ])('is not as documented, although signed: %s', (_case, text) => {
    expect(readWebhook(bytes(text), sign(bytes(text)), secret)).toBe(null)
  })

  it('is taken by a backend that has the secret', () => {
    const options = { url: 'http://127.0.0.1:1', apiKey: 'key', now: () => 0 }
    expect(createStrikeBackend({ ...options, webhookSecret: secret }).takeWebhook(body, sign(body))).toEqual(hint)
    expect(createStrikeBackend({ ...options, webhookSecret: 'another' }).takeWebhook(body, sign(body))).toBe(null)
    expect(createStrikeBackend(options).takeWebhook(body, sign(body))).toBe(null)
  })
})

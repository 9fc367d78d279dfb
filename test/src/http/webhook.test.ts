import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createHttpApp } from '../../../src/http/app.ts'
import { stubDeps } from './stub.ts'

const secret = 'hunter2'
const sign = (body: string) => createHmac('sha256', secret).update(body).digest('hex')
const body = '{"type":"payment_received",  "paymentHash":"aa"}'

let taken: string[]
beforeEach(() => {
  taken = []
})
const appWith = (overrides: Parameters<typeof stubDeps>[0] = {}) =>
  createHttpApp(
    stubDeps({
      webhook: (rawBody, header) => {
        const text = Buffer.from(rawBody).toString('utf8')
        if (header('x-signature') !== sign(text)) return false
        taken.push(text)
        return true
      },
      ...overrides,
    }),
  )
const post = (text: string, headers: Record<string, string> = {}, app = appWith()) =>
  app.request('/v1/webhooks/lightning', { method: 'POST', headers, body: text })

describe('POST /v1/webhooks/lightning', () => {
  it.each([
    ['with spaces', body],
    ['with a byte order mark', `\ufeff${body}`],
  ])('is checked over the body as it came, and taken: %s', async (_case, sent) => {
    expect((await post(sent, { 'x-signature': sign(sent) })).status).toBe(200)
    expect(taken).toEqual([sent])
  })

  it.each<[string, string, Record<string, string>]>([
    ['another body', body.replace('  ', ' '), { 'x-signature': sign(body) }],
    ['another signature', body, { 'x-signature': sign('') }],
    ['no signature', body, {}],
  ])('is refused with %s', async (_why, sent, headers) => {
    const response = await post(sent, headers)
    expect([response.status, await response.json()]).toMatchObject([401, { error: { code: 'UNAUTHORIZED' } }])
    expect(taken).toEqual([])
  })

  it('is not there when the backend does not call', async () => {
    expect((await post(body, {}, appWith({ webhook: null }))).status).toBe(404)
  })

  it('is rationed by address, before anything is read', async () => {
    const app = appWith({ mayPost: () => false })
    expect((await post(body, { 'x-signature': sign(body) }, app)).status).toBe(429)
    expect(taken).toEqual([])
  })

  it('has a body of bounded length', async () => {
    const long = ' '.repeat(64 * 1_024 + 1)
    expect((await post(long, { 'x-signature': sign(long) })).status).toBe(413)
  })
})

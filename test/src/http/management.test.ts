import { describe, expect, it } from 'vitest'
import type { ManagementRequest } from '../../../relay/management/management.ts'
import { createHttpApp } from '../../../src/http/app.ts'
import { stubDeps } from './stub.ts'

const contentType = 'application/nostr+json+rpc'
const asked: ManagementRequest[] = []
const app = createHttpApp(
  stubDeps({
    manage: async request => {
      asked.push(request)
      return request.authorization === 'Nostr good'
        ? { status: 200, body: { result: true } }
        : { status: 401, body: { error: 'auth-required: no' } }
    },
  }),
)
const post = (headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer> = '{}', to = app) =>
  to.request('/', { method: 'POST', headers: { 'content-type': contentType, ...headers }, body })

describe('POST / (NIP-86)', () => {
  it('hands the header and the body to the relay as they came', async () => {
    const response = await post({ authorization: 'Nostr good' }, '{"method":"supportedmethods", "params": []}')
    expect([response.status, await response.json()]).toEqual([200, { result: true }])
    expect(asked.at(-1)).toEqual({
      authorization: 'Nostr good',
      body: '{"method":"supportedmethods", "params": []}',
    })
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('says to others how to authorize, readably for web pages', async () => {
    const response = await post({})
    expect([response.status, await response.json()]).toEqual([401, { error: 'auth-required: no' }])
    expect(response.headers.get('www-authenticate')).toBe('Nostr')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    const preflight = await app.request('/', { method: 'OPTIONS' })
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization')
  })

  it.each([
    ['another content type', { 'content-type': 'application/json' }, '{}', 415],
    ['a packed body', { 'content-encoding': 'gzip' }, '{}', 415],
    ['a body too large', {}, 'x'.repeat(16_385), 413],
    ['a body that says less than it is', { 'content-length': '99999999' }, '{}', 413],
    ['no UTF-8', {}, new Uint8Array([0xff, 0xfe]), 400],
  ])('refuses %s before anything is looked at', async (_case, headers, body, status) => {
    const before = asked.length
    expect((await post({ authorization: 'Nostr good', ...headers }, body)).status).toBe(status)
    expect(asked).toHaveLength(before)
  })

  it('is rationed by address', async () => {
    const ips: string[] = []
    const rationed = createHttpApp(stubDeps({ mayPost: ip => ips.push(ip) > 1 }))
    expect((await post({}, '{}', rationed)).status).toBe(429)
    expect((await post({}, '{}', rationed)).status).toBe(401)
    expect(ips).toEqual(['192.0.2.1', '192.0.2.1'])
  })
})

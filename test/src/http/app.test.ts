import { describe, expect, it } from 'vitest'
import { createHttpApp } from '../../../src/http/app.ts'
import { stubDeps } from './stub.ts'

const app = createHttpApp(stubDeps())

describe('the root', () => {
  it('gives the relay information document to whoever accepts it (NIP-11)', async () => {
    const response = await app.request('/', { headers: { accept: 'text/html, application/nostr+json;q=0.9' } })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ name: 'stub' })
    expect(response.headers.get('content-type')).toBe('application/nostr+json')
    expect(response.headers.get('vary')).toBe('Accept')
    for (const name of ['origin', 'headers', 'methods']) {
      expect(response.headers.has(`access-control-allow-${name}`)).toBe(true)
    }
  })

  it('says to others in one line what it is', async () => {
    const response = await app.request('/')
    expect(response.headers.get('content-type')).toContain('text/plain')
    expect((await response.text()).trim().split('\n')).toHaveLength(1)
  })
})

describe('the methods', () => {
  it('are served with their schemas', async () => {
    const response = await app.request('/v1/methods')
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ 'identifier.get': { params: {}, result: {} } })
  })
})

describe('health', () => {
  it('is 200 while the process answers', async () => {
    expect((await app.request('/healthz')).status).toBe(200)
  })

  it.each([
    ['ready', true, 200],
    ['not ready', false, 503],
  ])('lists the checks when %s', async (_case, ok, status) => {
    const checks = [
      { name: 'store', ok: true, detail: 'writes' },
      { name: 'wallet', ok, detail: 'answers' },
    ]
    const response = await createHttpApp(stubDeps({ readiness: async () => checks })).request('/readyz')
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ ready: ok, checks })
  })
})

describe('the metrics', () => {
  const deps = { mayReadMetrics: () => true, metricsText: async () => 'a_total 1\n' }

  it('are for insiders', async () => {
    const response = await createHttpApp(stubDeps(deps)).request('/metrics')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toBe('a_total 1\n')
  })

  it('cannot be read by a web page that is open on a machine of theirs', async () => {
    const response = await createHttpApp(stubDeps(deps)).request('/metrics', {
      headers: { origin: 'https://a.example' },
    })
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
  })

  it.each(['POST', 'OPTIONS', 'DELETE'])('take no %s', async method => {
    const response = await createHttpApp(stubDeps(deps)).request('/metrics', { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  it.each(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT'])(
    'are like any path that is not served for others: %s',
    async method => {
      const asked: unknown[] = []
      const outside = createHttpApp(stubDeps({ ...deps, mayReadMetrics: incoming => asked.push(incoming) === 0 }))
      const [metrics, nothing] = [
        await outside.request('/metrics', { method }),
        await outside.request('/none', { method }),
      ]
      expect(asked).toEqual([undefined])
      expect([metrics.status, await metrics.text()]).toEqual([404, await nothing.text()])
      expect([...metrics.headers]).toEqual([...nothing.headers])
    },
  )
})

describe('replies', () => {
  it('are counted by route and status, and nothing that was asked for becomes a route', async () => {
    const replies: [string, number][] = []
    const counting = createHttpApp(
      stubDeps({
        onReply: (route, status) => replies.push([route, status]),
        readiness: () => Promise.reject(new Error('no')),
        onError: () => undefined,
      }),
    )
    await counting.request('/healthz')
    await counting.request('/healthz?a=b')
    await counting.request('/readyz')
    await counting.request('/', { method: 'OPTIONS' })
    await counting.request('/', { method: 'DELETE' })
    await counting.request('/v1/commands', { method: 'POST' })
    for (const path of ['/secret', '/metrics', '/healthz/', '/HEALTHZ']) await counting.request(path)
    expect(replies).toEqual([
      ['/healthz', 200],
      ['/healthz', 200],
      ['/readyz', 500],
      ['/', 204],
      ['/', 405],
      ['/v1/commands', 415],
      ['other', 404],
      ['other', 404],
      ['other', 404],
      ['other', 404],
    ])
  })
})

describe('every path', () => {
  it.each([
    ['GET', '/nothing', 404, 'NOT_FOUND'],
    ['POST', '/nothing', 404, 'NOT_FOUND'],
    ['DELETE', '/', 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/v1/commands', 405, 'METHOD_NOT_ALLOWED'],
    ['PUT', '/v1/queries', 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/healthz', 405, 'METHOD_NOT_ALLOWED'],
  ])('refuses %s %s readably for web pages', async (method, path, status, code) => {
    const response = await app.request(path, { method })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  it.each([
    ['/', 'GET, HEAD, POST, OPTIONS'],
    ['/v1/commands', 'POST, OPTIONS'],
    ['/v1/queries', 'POST, OPTIONS'],
    ['/readyz', 'GET, HEAD, OPTIONS'],
  ])('tells in a preflight what %s takes', async (path, methods) => {
    const response = await app.request(path, { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-methods')).toBe(methods)
    expect(response.headers.get('access-control-allow-headers')).toContain('Content-Type')
  })

  it('turns an exception into a 500 that says nothing of it', async () => {
    const seen: unknown[] = []
    const deps = stubDeps({
      readiness: () => Promise.reject(new Error('password is hunter2')),
      onError: error => seen.push(error),
    })
    const response = await createHttpApp(deps).request('/readyz')
    expect(response.status).toBe(500)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.text()).not.toContain('hunter2')
    expect(seen).toHaveLength(1)
  })
})

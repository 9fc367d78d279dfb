import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHttpApp } from '../../../src/http/app.ts'
import { nameOf, toHost } from '../../../src/http/nip05.ts'
import { createHttpServer, serveHttp } from '../../../src/http/server.ts'
import { alice, stubDeps } from './stub.ts'

const path = '/.well-known/nostr.json'
const found = (name: string) => ({ names: { [name]: alice }, relays: { [alice]: ['wss://relay.example'] } })
const nobody = { names: {}, relays: {} }

type Answer = { status: number; headers: Headers; body: string }
type Ask = (
  target: string,
  options?: { method?: string; host?: string; headers?: Record<string, string> },
) => Promise<Answer>

/** Through Hono alone, as tests of other parts call it. */
const app = createHttpApp(stubDeps())
const askApp: Ask = async (target, { method = 'GET', host = 'example.com', headers = {} } = {}) => {
  const response = await app.request(`http://${host}${target}`, { method, headers })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** Through a socket, where the server answers plain lookups itself. */
const server = createHttpServer()
serveHttp(server, app, { ...stubDeps(), onUpgrade: (_, socket) => socket.destroy() })
const askServer: Ask = (target, { method = 'GET', host = 'example.com', headers = {} } = {}) =>
  new Promise((resolve, reject) => {
    const lines = Object.entries({ host, connection: 'close', ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    let text = ''
    socket.on('data', data => {
      text += data
    })
    socket.on('error', reject)
    socket.on('end', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n')
      const [statusLine = '', ...fields] = head.split('\r\n')
      const pairs = fields.map(field => field.split(/: (.*)/).slice(0, 2) as [string, string])
      resolve({ status: Number(statusLine.split(' ')[1]), headers: new Headers(pairs), body })
    })
    socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
  })

beforeAll(() => new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise<void>(resolve => void server.close(() => resolve())))

describe.each<[string, Ask]>([
  ['the app', askApp],
  ['the server', askServer],
])('NIP-05 lookups through %s', (_, ask) => {
  it.each([
    ['a known name', `${path}?name=alice`, 200, found('alice')],
    ['a name in upper case', `${path}?name=ALICE`, 200, found('alice')],
    ['an escaped name', `${path}?name=%61lice`, 200, found('alice')],
    ['a name among other parameters', `${path}?x=1&name=alice&y=2`, 200, found('alice')],
    ['the first of two names', `${path}?name=alice&name=bob`, 200, found('alice')],
    ['no name: the root name only', path, 200, found('_')],
    ['no name but a parameter that ends alike', `${path}?myname=bob`, 200, found('_')],
    ['a name nobody has', `${path}?name=bob`, 200, nobody],
    ['an empty name', `${path}?name=`, 200, nobody],
    ['a name with a forbidden character', `${path}?name=al%20ice`, 200, nobody],
    ['a name with a broken escape', `${path}?name=%zz`, 200, nobody],
    ['a name that is far too long', `${path}?name=${'a'.repeat(5_000)}`, 200, nobody],
  ])('answers %s', async (_case, target, status, body) => {
    const answer = await ask(target)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.body)).toEqual(body)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.has('location')).toBe(false)
  })

  it.each([
    ['with a port', 'example.com:4848', 200],
    ['in upper case', 'EXAMPLE.com', 200],
    ['that is an IPv6 literal with a port', '[::1]:4848', 200],
    ['that is an IPv6 literal', '[::1]', 200],
    ['that is not ours', 'example.org', 404],
    ['that contains ours', 'example.com.evil.example', 404],
  ])('takes a host %s', async (_case, host, status) => {
    const answer = await ask(`${path}?name=alice`, { host })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    if (status === 404) expect(JSON.parse(answer.body).error.code).toBe('NOT_FOUND')
  })

  it('lets a known name be kept for its time to live and an unknown one briefly', async () => {
    const kept = async (target: string) => (await ask(target)).headers.get('cache-control')
    expect(await kept(`${path}?name=alice`)).toBe('public, max-age=3600')
    expect(await kept(`${path}?name=bob`)).toBe('public, max-age=10')
    expect((await ask(path, { host: 'example.org' })).headers.get('cache-control')).toBe('no-store')
  })

  it('answers 304 to whoever has the current answer, and the answer to others', async () => {
    const etag = (await ask(`${path}?name=alice`)).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[a-z0-9-]+"$/)
    const statusWith = async (ifNoneMatch: string) =>
      (await ask(`${path}?name=alice`, { headers: { 'if-none-match': ifNoneMatch } })).status
    expect(await statusWith(etag)).toBe(304)
    expect(await statusWith(`"other", W/${etag}`)).toBe(304)
    expect(await statusWith('*')).toBe(304)
    expect(await statusWith('"other"')).toBe(200)
    const unchanged = await ask(`${path}?name=alice`, { headers: { 'if-none-match': etag } })
    expect(unchanged.body).toBe('')
    expect(unchanged.headers.get('etag')).toBe(etag)
    expect(unchanged.headers.get('access-control-allow-origin')).toBe('*')
    expect((await ask(path)).headers.get('etag')).not.toBe(etag)
  })

  it('answers HEAD like GET without the body', async () => {
    const [head, get] = [await ask(`${path}?name=alice`, { method: 'HEAD' }), await ask(`${path}?name=alice`)]
    expect(head.status).toBe(200)
    expect(head.body).toBe('')
    for (const name of ['etag', 'cache-control', 'content-length', 'access-control-allow-origin']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name))
    }
  })

  it('answers a preflight, and refuses other methods readably', async () => {
    const preflight = await ask(path, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS')
    const post = await ask(path, { method: 'POST' })
    expect(post.status).toBe(405)
    expect(post.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    expect(post.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('has nothing at longer paths', async () => {
    expect((await ask(`${path}x?name=alice`)).status).toBe(404)
    expect((await ask(`${path}/?name=alice`)).status).toBe(404)
  })
})

describe('an exception during a lookup', () => {
  it('is told and becomes a 500 that web pages can read', async () => {
    const seen: unknown[] = []
    const bug = new Error('disk gone')
    const deps = stubDeps({
      resolveNip05: () => {
        throw bug
      },
      onError: error => seen.push(error),
    })
    const broken = createHttpServer()
    serveHttp(broken, createHttpApp(deps), { ...deps, onUpgrade: (_, socket) => socket.destroy() })
    await new Promise<void>(resolve => void broken.listen(0, '127.0.0.1', resolve))
    const response = await fetch(`http://127.0.0.1:${(broken.address() as AddressInfo).port}${path}?name=alice`)
    expect(response.status).toBe(500)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.text()).not.toContain('disk gone')
    expect(seen).toEqual([bug])
    await new Promise<void>(resolve => {
      broken.close(() => resolve())
      broken.closeAllConnections()
    })
  })
})

describe('taking a URL apart by hand', () => {
  it('finds the name that URLSearchParams finds', () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9._-]{0,12}$/)
    const key = fc.constantFrom('name', 'names', 'nam', 'x', 'n.ame')
    fc.assert(
      fc.property(fc.array(fc.tuple(key, part), { maxLength: 6 }), pairs => {
        const query = pairs.map(([name, value]) => `${name}=${value}`).join('&')
        const expected = new URLSearchParams(query).get('name')?.toLowerCase() ?? null
        expect(nameOf(`${path}?${query}`)).toBe(expected)
      }),
    )
  })

  it('finds the host that URL finds', () => {
    const host = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map(ip => `[${ip}]`),
    )
    fc.assert(
      fc.property(host, fc.option(fc.integer({ min: 1, max: 65_535 })), (name, port) => {
        const authority = port === null ? name : `${name}:${port}`
        expect(toHost(authority.toUpperCase())).toBe(name.toLowerCase())
      }),
    )
  })

  it('never lets a name through that is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), text => {
        const name = nameOf(`${path}?name=${encodeURIComponent(text)}`)
        expect(name).toMatch(/^[a-z0-9._-]{0,64}$/)
      }),
    )
  })
})

import { describe, expect, it } from 'vitest'
import { createAddressList, createClientIp } from '../../../src/http/client-ip.ts'
import { createInsiderCheck } from '../../../src/http/insider.ts'

const loopback = ['127.0.0.0/8', '::1']

function check(
  options: { allow?: string[]; proxies?: string[]; http?: string | null; websocket?: string | null } = {},
) {
  const isProxy = createAddressList(options.proxies ?? [])
  const { http = null, websocket = null } = options
  return createInsiderCheck({
    allow: options.allow ?? loopback,
    isProxy,
    clientIp: createClientIp(isProxy),
    publicUrls: { http, websocket },
  })
}

const from = (remoteAddress: string | undefined, headers: Record<string, string | string[]> = {}) => ({
  headers: { host: '127.0.0.1:4848', ...headers },
  socket: { remoteAddress },
})

describe('an insider', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.8.9.10', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['192.0.2.1', false],
    ['::ffff:192.0.2.1', false],
    ['2001:db8::1', false],
    ['fe80::1%lo', false],
    ['', false],
    [undefined, false],
  ])('is whom the list names: %s %s', (peer, allowed) => {
    expect(check()(from(peer))).toBe(allowed)
  })

  it('is nobody without a socket, and nobody by an empty list', () => {
    expect(check()(undefined)).toBe(false)
    expect(check({ allow: [] })(from('127.0.0.1'))).toBe(false)
  })

  it('may be a network elsewhere', () => {
    const isInsider = check({ allow: ['10.1.0.0/16', 'fd00::/8'] })
    expect([isInsider(from('10.1.2.3')), isInsider(from('fd00::5')), isInsider(from('127.0.0.1'))]).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe('a proxy on this machine that nobody has listed', () => {
  it.each([
    ['x-forwarded-for', '203.0.113.9'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-for', ''],
    ['x-real-ip', '127.0.0.1'],
    ['forwarded', 'for=127.0.0.1'],
    ['via', '1.1 nginx'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'localhost'],
    ['cf-connecting-ip', '127.0.0.1'],
  ])('opens nothing by saying that it is one: %s: %s', (name, value) => {
    expect(check()(from('127.0.0.1', { [name]: value }))).toBe(false)
  })

  it('opens nothing though it says nothing, when it passes on the public name', () => {
    const isInsider = check({ http: 'https://panda.example', websocket: 'wss://relay.example:8443' })
    for (const host of ['panda.example', 'PANDA.example:443', 'relay.example', 'relay.example:8443']) {
      expect(isInsider(from('127.0.0.1', { host }))).toBe(false)
    }
    for (const host of ['127.0.0.1:4848', 'localhost', '[::1]:4848', 'panda']) {
      expect(isInsider(from('127.0.0.1', { host }))).toBe(true)
    }
  })

  it('is not looked for where the service has no other name than localhost', () => {
    const isInsider = check({ http: 'http://localhost:4848', websocket: 'ws://127.0.0.1:4848' })
    expect(isInsider(from('127.0.0.1', { host: 'localhost:4848' }))).toBe(true)
    expect(isInsider(from('127.0.0.1', { host: '127.0.0.1:4848' }))).toBe(true)
  })
})

describe('a listed proxy', () => {
  const proxied = (forwarded: string | string[], options: Parameters<typeof check>[0] = {}) =>
    check({ proxies: ['127.0.0.1', '10.0.0.0/24'], http: 'https://panda.example', ...options })(
      from('127.0.0.1', { 'x-forwarded-for': forwarded, 'x-forwarded-proto': 'https', host: 'panda.example' }),
    )

  it('opens to clients that are allowed themselves', () => {
    const allow = [...loopback, '192.0.2.0/24']
    expect(proxied('192.0.2.7', { allow })).toBe(true)
    expect(proxied('192.0.2.7:4711', { allow })).toBe(true)
    expect(proxied('::ffff:192.0.2.7', { allow })).toBe(true)
    expect(proxied('192.0.2.7, 10.0.0.3', { allow })).toBe(true)
  })

  it('opens to nobody when it is not allowed itself', () => {
    expect(proxied('192.0.2.7', { allow: ['192.0.2.7'] })).toBe(false)
  })

  it.each<[string, string | string[]]>([
    ['a stranger', '203.0.113.9'],
    ['a stranger who says that he is local', '127.0.0.1, 203.0.113.9'],
    ['a stranger behind two of them', '127.0.0.1, 203.0.113.9, 10.0.0.3'],
    ['a stranger in several headers', ['127.0.0.1', '203.0.113.9']],
    ['a client that is not named', 'unknown'],
    ['a client that hides behind what is no address', '203.0.113.9, unknown, 127.0.0.1'],
    ['a socket of its own', 'unix:'],
    ['an empty name', ''],
    ['an empty name behind a good one', '127.0.0.1,'],
    ['a zone', '203.0.113.9%127.0.0.1'],
    ['an address in other notation', '0x7f.1'],
    ['an address in octal', '0177.0.0.1'],
    ['an address inside IPv6 that is not mapped', '::127.0.0.1'],
  ])('does not open to %s', (_case, forwarded) => {
    expect(proxied(forwarded)).toBe(false)
  })

  it('does not open when only another header says for whom', () => {
    const isInsider = check({ proxies: ['127.0.0.1'] })
    expect(isInsider(from('127.0.0.1', { 'x-real-ip': '127.0.0.1' }))).toBe(false)
    expect(isInsider(from('127.0.0.1', { forwarded: 'for=127.0.0.1' }))).toBe(false)
  })

  it('does not keep a program beside it from asking directly, but by the public name it does', () => {
    const isInsider = check({ proxies: ['127.0.0.1'], http: 'https://panda.example' })
    expect(isInsider(from('127.0.0.1'))).toBe(true)
    expect(isInsider(from('127.0.0.1', { host: 'panda.example' }))).toBe(false)
  })
})

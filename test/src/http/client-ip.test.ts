import { describe, expect, it } from 'vitest'
import { createAddressList, createClientIp } from '../../../src/http/client-ip.ts'
import { parseNetwork } from '../../../src/http/network.ts'

const from = (remoteAddress: string | undefined, forwarded?: string) => ({
  headers: { 'x-forwarded-for': forwarded },
  socket: { remoteAddress },
})

describe('the address of a client', () => {
  it.each<[string, string[], string | undefined, string | undefined, string]>([
    ['is the peer', [], '192.0.2.1', undefined, '192.0.2.1'],
    ['is the peer whatever it claims', [], '192.0.2.1', '198.51.100.1', '192.0.2.1'],
    ['is the peer when another proxy is listed', ['10.0.0.1'], '192.0.2.1', '198.51.100.1', '192.0.2.1'],
    ['is what a listed proxy says', ['10.0.0.1'], '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['is what a proxy of a listed network says', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    [
      'is the right-most that is no proxy',
      ['10.0.0.0/8'],
      '10.1.2.3',
      '1.1.1.1, 198.51.100.1, 10.9.9.9',
      '198.51.100.1',
    ],
    ['is the left-most when all are proxies', ['10.0.0.0/8'], '10.1.2.3', '10.4.4.4,10.5.5.5', '10.4.4.4'],
    ['is the proxy without a header', ['10.0.0.1'], '10.0.0.1', undefined, '10.0.0.1'],
    ['is the proxy with an empty header', ['10.0.0.1'], '10.0.0.1', '', '10.0.0.1'],
    ['ends at what is no address', ['10.0.0.0/8'], '10.0.0.1', '198.51.100.1, unknown, 10.2.2.2', '10.2.2.2'],
    ['is never the text of a client', ['10.0.0.1'], '10.0.0.1', '"><script>', '10.0.0.1'],
    ['is without the port that a proxy appends', ['10.0.0.1'], '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['is IPv6', [], '2001:DB8:0:0::1', undefined, '2001:db8::1'],
    ['is IPv6 from a proxy', ['::1'], '::1', '2001:db8::2', '2001:db8::2'],
    ['is IPv6 in brackets with a port', ['::1'], '::1', '[2001:db8::2]:443', '2001:db8::2'],
    ['is from an IPv6 network of proxies', ['2001:db8::/32'], '2001:db8:1::9', '198.51.100.1', '198.51.100.1'],
    ['is IPv4 when the socket speaks IPv6', [], '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['is IPv4 when written as IPv6 in hex', [], '::ffff:c000:201', undefined, '192.0.2.1'],
    ['knows an IPv4 proxy on an IPv6 socket', ['127.0.0.1'], '::ffff:127.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['is without a zone', [], 'fe80::1%eth0', undefined, 'fe80::1'],
    ['is without a zone in the header', ['::1'], '::1', 'fe80::1%eth0', 'fe80::1'],
    ['is the proxy by its address without zone', ['fe80::1'], 'fe80::1%eth0', '198.51.100.1', '198.51.100.1'],
    ['ends at a zone on IPv4, which has none', ['10.0.0.1'], '10.0.0.1', '198.51.100.1, 1.2.3.4%.5.6', '1.2.3.4'],
    ['is IPv4 when the header has it as IPv6', ['10.0.0.1'], '10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['is IPv4 when the header has it as IPv6 in hex', ['10.0.0.1'], '10.0.0.1', '::FFFF:c633:6401', '198.51.100.1'],
    ['knows a proxy that is written as IPv6', ['::ffff:10.0.0.1'], '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    [
      'knows a proxy in the header as IPv6',
      ['10.0.0.0/8'],
      '10.0.0.1',
      '198.51.100.1, ::ffff:10.0.0.2',
      '198.51.100.1',
    ],
    ['is no other notation of a proxy', ['127.0.0.1'], '127.0.0.1', '198.51.100.1, 127.1', '127.0.0.1'],
    ['is no number with leading zeros', ['127.0.0.1'], '127.0.0.1', '198.51.100.1, 0127.0.0.1', '127.0.0.1'],
    ['ends at an empty hop', ['10.0.0.1'], '10.0.0.1', '198.51.100.1,', '10.0.0.1'],
    ['ends at a bracket that stays open', ['10.0.0.1'], '10.0.0.1', '198.51.100.1, [2001:db8::1', '10.0.0.1'],
    ['ends at what another header would say', ['10.0.0.1'], '10.0.0.1', 'for=198.51.100.1', '10.0.0.1'],
    ['is the peer on a network beside the list', ['10.0.0.0/31'], '10.0.0.2', '198.51.100.1', '10.0.0.2'],
    ['is the peer on IPv6 that ends like a proxy', ['127.0.0.1'], '::127.0.0.1', '198.51.100.1', '::127.0.0.1'],
    ['is unknown when the socket is gone', [], undefined, '198.51.100.1', 'unknown'],
  ])('%s', (_case, proxies, peer, forwarded, expected) => {
    expect(createClientIp(createAddressList(proxies))(from(peer, forwarded))).toBe(expected)
  })

  it.each(['x-real-ip', 'forwarded', 'cf-connecting-ip', 'true-client-ip', 'x-client-ip', 'x-forwarded'])(
    'is not what %s says, of which proxies pass on what clients send',
    name => {
      const clientIp = createClientIp(createAddressList(['10.0.0.1']))
      const headers = { [name]: 'for=198.51.100.1, 198.51.100.1' }
      expect(clientIp({ headers, socket: { remoteAddress: '10.0.0.1' } })).toBe('10.0.0.1')
    },
  )

  it('is read from the last of several headers on', () => {
    const clientIp = createClientIp(createAddressList(['10.0.0.0/8']))
    const headers = { 'x-forwarded-for': ['1.1.1.1, 2.2.2.2', '198.51.100.1, 10.0.0.2'] }
    expect(clientIp({ headers, socket: { remoteAddress: '10.0.0.1' } })).toBe('198.51.100.1')
  })

  it('is found at once however much a client has written before it', () => {
    const clientIp = createClientIp(createAddressList(['10.0.0.1', '::1']))
    const forwarded = `${'::1,'.repeat(4_000)}198.51.100.1`
    const startMs = performance.now()
    for (let index = 0; index < 100; index++) expect(clientIp(from('10.0.0.1', forwarded))).toBe('198.51.100.1')
    expect(performance.now() - startMs).toBeLessThan(200)
  })

  it('is unknown without a socket', () => {
    expect(createClientIp(createAddressList(['10.0.0.1']))(undefined)).toBe('unknown')
  })

  it('cannot be set up with something else than addresses', () => {
    expect(() => createAddressList(['proxy.example'])).toThrow(RangeError)
  })
})

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8, family: 'ipv4' }],
    ['10.0.0.1', { address: '10.0.0.1', prefix: 32, family: 'ipv4' }],
    ['2001:DB8::/32', { address: '2001:db8::', prefix: 32, family: 'ipv6' }],
    ['10.0.0.0/33', null],
    ['10.0.0.0/-1', null],
    ['10.0.0.0/', null],
    ['10.0.0.0/8/8', null],
    ['10.0.0', null],
    ['::ffff:10.0.0.0/104', null],
    ['::/129', null],
    ['', null],
  ])('%s is read as %o', (text, expected) => {
    expect(parseNetwork(text)).toEqual(expected)
  })
})

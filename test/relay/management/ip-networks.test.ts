import { describe, expect, it } from 'vitest'
import { createIpTest, parseIpNetwork } from '../../../relay/management/ip-networks.ts'

describe('a network', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7/24', '192.0.2.0/24'],
    ['10.255.0.1/9', '10.128.0.0/9'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:DB8::1', '2001:db8::/64'],
    ['2001:db8:0:0:1:2:3:4', '2001:db8::/64'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
    ['2001:db8::1/128', '2001:db8::1/128'],
    ['::1', '::/64'],
    ['64:ff9b::192.0.2.1/128', '64:ff9b::c000:201/128'],
  ])('%s has one spelling', (text, spelled) => {
    expect(parseIpNetwork(text)?.text).toBe(spelled)
    expect(parseIpNetwork(spelled)?.text).toBe(spelled)
  })

  it.each([
    ...['', 'a', '192.0.2', '192.0.2.256', '192.0.2.1/', '192.0.2.1/33', '192.0.2.1/7', '192.0.2.1/24/24', '::/15'],
    ...['2001:db8::/129', '1:2:3:4:5:6:7:8:9', '::ffff:192.0.2.0/24', 'fe80::1%eth0', ' ::1', '192.0.2.1/-1'],
  ])('is not %j', text => expect(parseIpNetwork(text)).toBeNull())
})

describe('a list of networks', () => {
  const isListed = createIpTest(['192.0.2.0/24', '2001:db8::5', '198.51.100.1', 'nonsense'])

  it.each(['192.0.2.0', '192.0.2.255', '::ffff:192.0.2.1', '2001:db8::ffff', '2001:DB8:0:0:1::', '198.51.100.1'])(
    'has %s',
    ip => expect(isListed(ip)).toBe(true),
  )

  it.each(['192.0.3.0', '2001:db8:0:1::', '198.51.100.2', 'unknown', '', '::1', '0.0.0.0'])('has not %s', ip =>
    expect(isListed(ip)).toBe(false),
  )

  it('of IPv6 around nothing leaves IPv4 alone, and the other way round', () => {
    const isListed = createIpTest(['::1', '::/16', '10.0.0.0/8'])
    expect(['127.0.0.1', '192.0.2.1', '::ffff:192.0.2.1'].filter(isListed)).toEqual([])
    expect(['::1', '::ffff:10.0.0.1'].filter(isListed)).toEqual(['::1', '::ffff:10.0.0.1'])
  })

  it('may be empty', () => expect(createIpTest([])('192.0.2.1')).toBe(false))
})

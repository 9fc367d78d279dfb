import { describe, expect, it } from 'vitest'
import { createConnectionCounter, networkOf } from '../../../relay/connection/connection-counter.ts'

describe('the network of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['2001::1:2:3:4:5', '2001:0:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s: %s', (ip, network) => expect(networkOf(ip)).toBe(network))
})

describe('the counter', () => {
  it('refuses one too many of an address until another leaves', () => {
    const counter = createConnectionCounter({ maxConnections: 10, connectionsPerIp: 2 })
    expect([1, 2, 3].map(() => counter.enter('192.0.2.1'))).toEqual([null, null, '429 Too Many Requests'])
    expect(counter.enter('192.0.2.2')).toBeNull()
    counter.leave('192.0.2.1')
    expect([1, 2].map(() => counter.enter('192.0.2.1'))).toEqual([null, '429 Too Many Requests'])
  })

  it('counts a customer’s IPv6 addresses as one', () => {
    const counter = createConnectionCounter({ maxConnections: 10, connectionsPerIp: 1 })
    expect(counter.enter('2001:db8:1:2::1')).toBeNull()
    expect(counter.enter('2001:db8:1:2:ffff::2')).toBe('429 Too Many Requests')
    expect(counter.enter('2001:db8:1:3::1')).toBeNull()
    counter.leave('2001:db8:1:2:ffff::2')
    expect(counter.enter('2001:db8:1:2::3')).toBeNull()
  })

  it('refuses one too many in all, and what it refused does not count', () => {
    const counter = createConnectionCounter({ maxConnections: 2, connectionsPerIp: 2 })
    const enter = (host: number) => counter.enter(`192.0.2.${host}`)
    expect([1, 2, 3, 4].map(enter)).toEqual([null, null, '503 Service Unavailable', '503 Service Unavailable'])
    counter.leave('192.0.2.1')
    expect([3, 4].map(enter)).toEqual([null, '503 Service Unavailable'])
  })
})

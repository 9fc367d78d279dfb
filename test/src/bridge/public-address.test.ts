import { describe, expect, it } from 'vitest'
import { isPublicAddress } from '../../../src/bridge/public-address.ts'
import { createPublicLookup, type Resolve } from '../../../src/bridge/public-lookup.ts'
import { relayKey, strangersRelayKey } from '../../../src/bridge/relay-url.ts'

describe('an address', () => {
  it.each(['1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '223.255.255.255', '2606:4700::1111', '2a00::1'])(
    '%s is public',
    address => expect(isPublicAddress(address)).toBe(true),
  )

  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.255', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.1.1', '198.18.0.1'],
    ...['198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', '100::1'],
    ...['2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', 'fc00::1', 'fd12::1', 'fe80::1', 'fe80::1%eth0'],
    ...['fec0::1', 'ff02::1', '5f00::1', '2606:4700::1111%eth0', 'localhost', '', '1.1.1', '0x7f.1', '127.1'],
  ])('%s is not', address => expect(isPublicAddress(address)).toBe(false))
})

describe('a look-up', () => {
  const lookUp = (resolve: Resolve, all: boolean) =>
    new Promise((done, fail) =>
      createPublicLookup(resolve)('relay.example.com', { all }, (error, address, family) =>
        error ? fail(error) : done(all ? address : [address, family]),
      ),
    )
  const answering = (...addresses: string[]) => {
    return () => Promise.resolve(addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })))
  }

  it('gives public addresses in the form that is asked for', async () => {
    expect(await lookUp(answering('1.1.1.1', '2606:4700::1111'), true)).toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ])
    expect(await lookUp(answering('1.1.1.1'), false)).toEqual(['1.1.1.1', 4])
  })

  it.each([['127.0.0.1'], ['1.1.1.1', '10.0.0.1'], ['2606:4700::1111', '::1'], ['1.1.1.1', '::ffff:127.0.0.1']])(
    'gives nothing when there is a private one: %s %s',
    async (...addresses) => {
      for (const all of [true, false]) {
        await expect(lookUp(answering(...addresses.filter(Boolean)), all)).rejects.toThrow('not public')
      }
    },
  )

  it('looks anew each time, so that a name gains nothing by changing', async () => {
    const answers = ['1.1.1.1', '127.0.0.1']
    const changing: Resolve = () => Promise.resolve([{ address: answers.shift() ?? '', family: 4 }])
    expect(await lookUp(changing, false)).toEqual(['1.1.1.1', 4])
    await expect(lookUp(changing, false)).rejects.toThrow('not public')
  })

  it('fails when there is no answer', async () => {
    await expect(lookUp(answering(), true)).rejects.toThrow('no address')
    await expect(lookUp(() => Promise.reject(new Error('no such name')), true)).rejects.toThrow('no such name')
  })
})

describe('the URL of a relay', () => {
  it.each([
    ['wss://Relay.Example.com', 'wss://relay.example.com/'],
    ['wss://relay.example.com:443/', 'wss://relay.example.com/'],
    ['wss://relay.example.com/path?x=1#here', 'wss://relay.example.com/path?x=1'],
  ])('%s is %s', (text, key) => {
    expect(relayKey(text)).toBe(key)
    expect(strangersRelayKey(text, false)).toBe(key)
  })

  it.each([
    'https://relay.example.com',
    'relay.example.com',
    'wss://',
    'wss://a:b@c.example',
    `wss://${'a.'.repeat(200)}b`,
  ])('%s is none', text => {
    expect(relayKey(text)).toBe(null)
    expect(strangersRelayKey(text, true)).toBe(null)
  })

  it.each([
    'wss://0x7f.1/',
    'wss://2130706433/',
    'wss://017700000001/',
    'wss://[::ffff:127.0.0.1]/',
    'wss://intranet/',
  ])('%s is none of a stranger, however it is written', text => {
    expect(strangersRelayKey(text, false)).toBe(null)
    expect(strangersRelayKey(text, true)).not.toBe(null)
  })
})

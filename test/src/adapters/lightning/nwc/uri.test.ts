import { describe, expect, it } from 'vitest'
import { parseNwcUri } from '../../../../../src/adapters/lightning/nwc/uri.ts'

// The example of NIP-47.
const walletPubkey = 'b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4'
const secret = '71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c'
const relay = 'relay=wss%3A%2F%2Frelay.damus.io'
const uri = `nostr+walletconnect://${walletPubkey}?${relay}&secret=${secret}`
const relaysOf = (count: number) =>
  Array.from({ length: count }, (_, index) => `relay=wss://relay${index}.example`).join('&')
const groupOrder = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'

describe('a Nostr Wallet Connect URI', () => {
  it('is read as NIP-47 writes it', () => {
    expect(parseNwcUri(uri)).toEqual({ walletPubkey, relays: ['wss://relay.damus.io/'], secret })
  })

  it.each([
    ['with an address for payments', `${uri}&lud16=alice%40example.com`],
    ['with parameters that are not known', `${uri}&name=Alice`],
    ['with a path of nothing', uri.replace('?', '/?')],
    ['with the relay not encoded', uri.replace(relay, 'relay=wss://relay.damus.io')],
    ['with the relay twice', `${uri}&${relay}`],
  ])('is read %s', (_case, text) => {
    expect(parseNwcUri(text)).toEqual({ walletPubkey, relays: ['wss://relay.damus.io/'], secret })
  })

  it('has up to five relays, on any port, with TLS or without', () => {
    expect(parseNwcUri(uri.replace(relay, relaysOf(5)))?.relays).toHaveLength(5)
    expect(parseNwcUri(uri.replace(relay, 'relay=ws://127.0.0.1:7000/nwc'))?.relays).toEqual([
      'ws://127.0.0.1:7000/nwc',
    ])
  })

  it.each([
    ['nothing', ''],
    ['another protocol', uri.replace('nostr+walletconnect', 'nostrwalletconnect')],
    ['a web address', uri.replace('nostr+walletconnect', 'https')],
    ['no protocol', uri.slice(uri.indexOf('//'))],
    ['no public key', uri.replace(walletPubkey, '')],
    ['a short public key', uri.replace(walletPubkey, walletPubkey.slice(2))],
    ['an npub', uri.replace(walletPubkey, 'npub10xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqpkge6d')],
    ['a public key that is no point', uri.replace(walletPubkey, 'f'.repeat(64))],
    ['capital letters', uri.replace(secret, secret.toUpperCase())],
    ['no secret', uri.replace(`&secret=${secret}`, '')],
    ['an empty secret', uri.replace(secret, '')],
    ['two secrets', `${uri}&secret=${secret}`],
    ['a long secret', `${uri}00`],
    ['a secret of zero', uri.replace(secret, '0'.repeat(64))],
    ['a secret that is no key', uri.replace(secret, groupOrder)],
    ['no relay', uri.replace(relay, '')],
    ['six relays', uri.replace(relay, relaysOf(6))],
    ['a relay that is a web page', uri.replace(relay, 'relay=https://relay.damus.io')],
    ['a relay that is no URL', uri.replace(relay, 'relay=relay.damus.io')],
    ['a relay with a password', uri.replace(relay, 'relay=wss://me:pass@relay.damus.io')],
    ['a relay with a fragment', uri.replace(relay, 'relay=wss%3A%2F%2Frelay.damus.io%23here')],
    ['a relay with a line break', uri.replace(relay, 'relay=wss%3A%2F%2Frelay.damus.io%0A')],
    ['a relay with a long path', uri.replace(relay, `relay=wss://relay.damus.io/${'a'.repeat(256)}`)],
    ['one good relay and one bad', `${uri}&relay=relay.example`],
    ['a user', uri.replace('//', '//me@')],
    ['a port', uri.replace('?', ':80?')],
    ['a path', uri.replace('?', '/wallet?')],
    ['a fragment', `${uri}#here`],
    ['a space before it', ` ${uri}`],
    ['too much', `${uri}&name=${'a'.repeat(2_048)}`],
  ])('is refused with %s', (_case, text) => {
    expect(parseNwcUri(text)).toBe(null)
  })
})

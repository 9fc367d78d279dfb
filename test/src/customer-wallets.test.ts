import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCustomerWallets } from '../../src/customer-wallets.ts'
import { never } from './adapters/lightning/invoice-request.ts'
import { type LocalRelay, startRelay } from './adapters/lightning/nwc/local-relay.ts'
import { keyOf } from './service.ts'

const now = () => 1_790_000_000
const uriFor = (...relays: string[]) => {
  const query = new URLSearchParams({ secret: 'ab'.repeat(32) })
  for (const relay of relays) query.append('relay', relay)
  return `nostr+walletconnect://${keyOf(5).publicKey}?${query}`
}

let relay: LocalRelay
beforeEach(async () => {
  relay = await startRelay()
})
afterEach(() => relay.close())

describe('a wallet whose relays a stranger names', () => {
  const inside = async () => [{ address: '127.0.0.1', family: 4 }]
  it.each([
    ['an address of this machine', 'wss://127.0.0.1'],
    ['the same in IPv6', 'wss://[::1]'],
    ['a name that leads there', 'wss://inside.example'],
    ['in the clear', 'ws://inside.example'],
    ['another port', 'wss://inside.example:8443'],
    ['a name of this network', 'wss://localhost'],
  ])('is not connected to at %s', async (_case, url) => {
    const open = createCustomerWallets({ mayBePrivate: false, now, resolve: inside })
    const wallet = open(uriFor(url))
    await expect(wallet?.connect(never)).rejects.toThrow('no relay of the wallet takes the connection')
    expect(wallet?.isPrivate()).toBe(true)
    wallet?.close()
  })

  it('is away, and not private, when its name is unknown', async () => {
    const resolve = () => Promise.reject(new Error('no such name'))
    const wallet = createCustomerWallets({ mayBePrivate: false, now, resolve })(uriFor('wss://nowhere.example'))
    await expect(wallet?.connect(never)).rejects.toThrow()
    expect(wallet?.isPrivate()).toBe(false)
    wallet?.close()
  })

  it('may be anywhere in a closed network', async () => {
    const wallet = createCustomerWallets({ mayBePrivate: true, now })(uriFor(relay.url))
    await wallet?.connect(never)
    expect(relay.connections()).toBe(1)
    wallet?.close()
  })

  it('is none when what was kept is no connection', () => {
    expect(createCustomerWallets({ mayBePrivate: true, now })('nostr+walletconnect://hello')).toBeNull()
  })
})

import { openPayingWallet } from './adapters/lightning/nwc/payer.ts'
import { openWebSocket } from './adapters/lightning/nwc/relay-connection.ts'
import { createPublicLookup, type Resolve } from './bridge/public-lookup.ts'
import { strangersRelayKey } from './bridge/relay-url.ts'
import type { StrangersWallet } from './jobs/wallet-payments.ts'

/** A wallet's answer and what it says of itself have some thousand characters. */
const maxMessageBytes = 32 * 1_024

/**
 * Opens wallets whose relays strangers name: by TLS, at public addresses only, which are looked at when connecting.
 * `mayBePrivate`: closed networks and tests. `resolve` finds the addresses of host names.
 */
export function createCustomerWallets(options: {
  mayBePrivate: boolean
  /** Unix seconds. */
  now(): number
  resolve?: Resolve
}): (uri: string) => StrangersWallet | null {
  const { mayBePrivate, now, resolve } = options
  return uri => {
    let isPrivate = false
    const refused = () => {
      isPrivate = true
    }
    const lookup = mayBePrivate ? undefined : createPublicLookup(resolve, refused)
    const connect = (url: string) => {
      if (strangersRelayKey(url, mayBePrivate) === null) {
        refused()
        throw new Error('this relay is not one that a stranger may name')
      }
      return openWebSocket(url, lookup, maxMessageBytes)
    }
    const wallet = openPayingWallet({ uri, now, connect })
    return wallet === null ? null : { ...wallet, isPrivate: () => isPrivate }
  }
}

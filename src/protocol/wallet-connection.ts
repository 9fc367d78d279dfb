import { z } from 'zod'

/** The length of a handle's secret, and of anything else that is kept as one. */
const maxCharacters = 2_048
const maxRelays = 5
const key = /^[0-9a-f]{64}$/

/** A Nostr Wallet Connect URI (NIP-47) of a wallet that is reached by TLS alone. What was found is in no message. */
export const walletConnection = z
  .string()
  .max(maxCharacters)
  .refine(isWalletConnection, 'a wallet connection: nostr+walletconnect:// with one secret and wss:// relays')

function isWalletConnection(text: string): boolean {
  if (/[\s\p{Cc}\p{Cs}]/u.test(text) || !URL.canParse(text)) return false
  const { protocol, hostname, searchParams } = new URL(text)
  if (protocol !== 'nostr+walletconnect:' || !key.test(hostname)) return false
  const secrets = searchParams.getAll('secret')
  const relays = searchParams.getAll('relay')
  const isKnown = secrets.length === 1 && secrets.every(secret => key.test(secret))
  return isKnown && relays.length > 0 && relays.length <= maxRelays && relays.every(isSecureRelay)
}

function isSecureRelay(text: string): boolean {
  return text.length <= 256 && URL.canParse(text) && new URL(text).protocol === 'wss:'
}

import { getConversationKey } from 'nostr-tools/nip44'

/** A connection to somebody's wallet (NIP-47, Nostr Wallet Connect URI). Whoever has the secret can use the wallet. */
export type NwcUri = {
  /** 32 bytes, hex: the key that answers. */
  readonly walletPubkey: string
  /** Where the wallet listens: one to five websocket URLs, none twice. */
  readonly relays: readonly string[]
  /** 32 bytes, hex: the key that asks. */
  readonly secret: string
}

const maxCharacters = 2_048
const maxRelays = 5
const maxRelayCharacters = 256

/** Reads a `nostr+walletconnect://` URI; `null` for anything that no wallet could have meant. */
export function parseNwcUri(text: string): NwcUri | null {
  if (text.length > maxCharacters || /[\s\p{Cc}\p{Cs}]/u.test(text) || !URL.canParse(text)) return null
  const { protocol, username, password, port, pathname, hash, hostname, searchParams } = new URL(text)
  if (protocol !== 'nostr+walletconnect:' || !['', '/'].includes(pathname)) return null
  if (`${username}${password}${port}${hash}` !== '') return null
  const [secret, ...otherSecrets] = searchParams.getAll('secret')
  if (secret === undefined || otherSecrets.length > 0 || !isKeyPair(secret, hostname)) return null
  const relays = searchParams.getAll('relay').map(relayUrl)
  if (relays.length === 0 || relays.length > maxRelays) return null
  const valid = relays.filter(url => url !== null)
  if (valid.length < relays.length) return null
  return { walletPubkey: hostname, relays: [...new Set(valid)], secret }
}

function relayUrl(text: string): string | null {
  if (text.length > maxRelayCharacters || /[\s\p{Cc}\p{Cs}]/u.test(text) || !URL.canParse(text)) return null
  const { protocol, username, password, hostname, hash, href } = new URL(text)
  const isPlain = `${username}${password}${hash}` === '' && hostname !== ''
  return isPlain && ['ws:', 'wss:'].includes(protocol) ? href : null
}

/** Not every 32 bytes are a key: a secret is below the group order, and half of all public keys are no point. */
function isKeyPair(secret: string, pubkey: string): boolean {
  const isHex = (key: string) => /^[0-9a-f]{64}$/.test(key)
  if (!isHex(secret) || !isHex(pubkey)) return false
  try {
    getConversationKey(Buffer.from(secret, 'hex'), pubkey)
    return true
  } catch {
    // The library throws on what is no key.
    return false
  }
}

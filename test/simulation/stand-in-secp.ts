import { hash } from 'node:crypto'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'

/**
 * Stands in for the curve where speed matters: keys, signatures and shared secrets are hashes, which agree with each
 * other as the curve's do and protect nothing.
 */
export function createStandInSecp(): Secp256k1 {
  const publicKeys = new Map<string, string>()
  const publicKey = (secretKey: Uint8Array): string => {
    const secret = Buffer.from(secretKey).toString('latin1')
    let key = publicKeys.get(secret)
    if (key === undefined) {
      key = digest(`key:${secret}`)
      publicKeys.set(secret, key)
    }
    return key
  }
  const signature = (message: Uint8Array, key: string) => {
    const half = digest(`signature:${key}:${Buffer.from(message).toString('hex')}`)
    return Buffer.from(half + half, 'hex')
  }
  return {
    implementation: 'tiny-secp256k1',
    verify: (signed, message, key) => signature(message, Buffer.from(key).toString('hex')).equals(signed),
    sign: (message, secretKey) => signature(message, publicKey(secretKey)),
    publicKey: secretKey => Buffer.from(publicKey(secretKey), 'hex'),
    sharedX: (secretKey, peer) => {
      const pair = [publicKey(secretKey), Buffer.from(peer).toString('hex')].sort()
      return Buffer.from(digest(`shared:${pair.join(':')}`), 'hex')
    },
  }
}

function digest(text: string): string {
  return hash('sha256', text)
}

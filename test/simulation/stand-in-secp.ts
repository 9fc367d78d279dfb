import { hash } from 'node:crypto'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'

/**
 * Stands in for the curve where speed matters: keys are hashes, a signature is what was signed and by whom, and shared secrets
 * agree with each other as the curve's do. Nothing of it protects anything.
 */
export function createStandInSecp(): Secp256k1 {
  const publicKeys = new Map<string, Buffer>()
  const publicKey = (secretKey: Uint8Array): Buffer => {
    const secret = Buffer.from(secretKey).toString('latin1')
    let key = publicKeys.get(secret)
    if (key === undefined) {
      key = digest(`key:${secret}`)
      publicKeys.set(secret, key)
    }
    return key
  }
  return {
    implementation: 'tiny-secp256k1',
    verify: (signed, message, key) => Buffer.concat([message, key]).equals(signed),
    sign: (message, secretKey) => Buffer.concat([message, publicKey(secretKey)]),
    publicKey,
    sharedX: (secretKey, peer) => {
      const pair = [publicKey(secretKey).toString('hex'), Buffer.from(peer).toString('hex')].sort()
      return digest(`shared:${pair.join(':')}`)
    },
  }
}

function digest(text: string): Buffer {
  return Buffer.from(hash('sha256', text), 'hex')
}

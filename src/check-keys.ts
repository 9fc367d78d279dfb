import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'

/**
 * Throws when one of the keys is no point of the curve: 64 hex digits may look like a key that nothing can be encrypted
 * to, and a notice to it would fail every command that causes one.
 */
export function checkKeys(secp: Secp256k1, role: string, keys: readonly string[]): void {
  const anySecret = Buffer.alloc(32, 1)
  for (const key of keys) {
    if (secp.sharedX(anySecret, Buffer.from(key, 'hex')) === null) {
      throw new Error(`${role}: ${key} is not a public key of the curve`)
    }
  }
}

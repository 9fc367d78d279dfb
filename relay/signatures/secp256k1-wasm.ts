import { isPrivate, pointMultiply, signSchnorr, verifySchnorr, xOnlyPointFromScalar } from 'tiny-secp256k1'
import type { Secp256k1 } from './secp256k1.ts'

const noAuxiliaryRandomness = new Uint8Array(32)

/** libsecp256k1 compiled to WebAssembly: runs everywhere, about six times slower than native code. */
export function createWasmSecp256k1(): Secp256k1 {
  return {
    implementation: 'tiny-secp256k1',
    verify(signature, message, publicKey) {
      if (signature.length !== 64 || message.length !== 32 || publicKey.length !== 32) return false
      // What is no number below the group order, or no point, is thrown by tiny-secp256k1.
      return attempt(() => verifySchnorr(message, publicKey, signature)) ?? false
    },
    sign(message, secretKey) {
      if (message.length !== 32) throw new RangeError('a message has 32 bytes')
      requireSecretKey(secretKey)
      return signSchnorr(message, secretKey, noAuxiliaryRandomness)
    },
    publicKey(secretKey) {
      requireSecretKey(secretKey)
      return xOnlyPointFromScalar(secretKey)
    },
    sharedX(secretKey, publicKey) {
      requireSecretKey(secretKey)
      if (publicKey.length !== 32) return null
      const compressed = Uint8Array.of(2, ...publicKey)
      const shared = attempt(() => pointMultiply(compressed, secretKey, true))
      return shared === null ? null : shared.slice(1)
    },
  }
}

function requireSecretKey(secretKey: Uint8Array): void {
  if (secretKey.length !== 32) throw new RangeError('a secret key has 32 bytes')
  if (!isPrivate(secretKey)) throw new RangeError('the secret key is zero or not below the group order')
}

function attempt<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}

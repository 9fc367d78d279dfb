import type { Secp256k1 } from './secp256k1.ts'
import { createNativeSecp256k1 } from './secp256k1-native.ts'
import { createWasmSecp256k1 } from './secp256k1-wasm.ts'

/** BIP-340 test vector 0, and the x coordinate of 6G = 2 (3G). */
const known = {
  secretKey: fromHex('0000000000000000000000000000000000000000000000000000000000000003'),
  publicKey: fromHex('f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9'),
  message: new Uint8Array(32),
  signature: fromHex(
    'e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0',
  ),
  two: fromHex('0000000000000000000000000000000000000000000000000000000000000002'),
  sharedX: fromHex('fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a1460297556'),
}

/**
 * The system's libsecp256k1 where there is a working one, else WebAssembly; `wasm` asks for WebAssembly even so.
 * Throws when no implementation computes the known results.
 */
export async function loadSecp256k1(prefer: 'native' | 'wasm' = 'native'): Promise<Secp256k1> {
  const native = prefer === 'native' ? await createNativeSecp256k1() : null
  if (native !== null && computesKnownResults(native)) return native
  const wasm = createWasmSecp256k1()
  if (!computesKnownResults(wasm)) throw new Error('no implementation of secp256k1 computes known results')
  return wasm
}

/** Whether each operation gives the result that is known for one input, so that a broken library is never used. */
export function computesKnownResults(secp256k1: Secp256k1): boolean {
  const { secretKey, publicKey, message, signature, two, sharedX } = known
  const otherMessage = message.with(0, 1)
  return (
    secp256k1.verify(signature, message, publicKey) &&
    !secp256k1.verify(signature, otherMessage, publicKey) &&
    isEqual(secp256k1.sign(message, secretKey), signature) &&
    isEqual(secp256k1.publicKey(secretKey), publicKey) &&
    isEqual(secp256k1.sharedX(two, publicKey), sharedX)
  )
}

function isEqual(actual: Uint8Array | null, expected: Uint8Array): boolean {
  return actual !== null && Buffer.compare(actual, expected) === 0
}

function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}

import type { Secp256k1 } from '../../../relay/signatures/secp256k1.ts'
import { createNativeSecp256k1 } from '../../../relay/signatures/secp256k1-native.ts'
import { createWasmSecp256k1 } from '../../../relay/signatures/secp256k1-wasm.ts'

export const wasm = createWasmSecp256k1()

/** `null` where the machine has no libsecp256k1. */
export const native = await createNativeSecp256k1()

export const implementations: Secp256k1[] = native === null ? [wasm] : [wasm, native]

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/**
 * The three operations on secp256k1 that Nostr needs. Implementations agree byte for byte:
 * signing uses 32 zero bytes of auxiliary randomness (BIP-340), so equal input gives equal signatures.
 */
export interface Secp256k1 {
  /** What runs, for the start message and metrics. */
  readonly implementation: 'libsecp256k1' | 'tiny-secp256k1'
  /** BIP-340 verification of a 64-byte signature of a 32-byte message by an x-only key. Malformed input is `false`. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** BIP-340 signature of a 32-byte message. Throws on an invalid secret key. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
  /** The x-only public key of a secret key. Throws on an invalid secret key. */
  publicKey(secretKey: Uint8Array): Uint8Array
  /** The x coordinate of the ECDH point (unhashed, as NIP-44 wants it), or `null` when the public key is not on the curve. */
  sharedX(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null
}

import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Secp256k1 } from './secp256k1.ts'

/** Sonames of the releases that have BIP-340 signing of 32-byte messages, newest first. */
const libraryNames = [
  'libsecp256k1.so.2',
  'libsecp256k1.so.1',
  'libsecp256k1.so.0',
  'libsecp256k1.so',
  'libsecp256k1.dylib',
  '/opt/homebrew/lib/libsecp256k1.dylib',
  '/usr/local/lib/libsecp256k1.dylib',
]

/** What signing and verifying contexts were called before contexts became universal; every release takes it. */
const contextFlags = 0x301
const publicKeyBytes = 64
const keypairBytes = 96
const maxParsedKeys = 4_096

type Koffi = typeof import('koffi')['default']
type Library = ReturnType<Koffi['load']>
type Pointer = Uint8Array | bigint | null
type NativeFunction = (...args: (Pointer | number)[]) => number

/**
 * The system's libsecp256k1 through koffi, or `null` when one of the two is missing or too old.
 * Native code sees only arguments whose lengths were checked here, and buffers of ours to write to.
 */
export async function createNativeSecp256k1(): Promise<Secp256k1 | null> {
  const koffi = await importKoffi()
  if (koffi === null) return null
  for (const name of libraryNames) {
    const library = attempt(() => koffi.load(name))
    const secp256k1 = library && attempt(() => bindLibrary(koffi, library))
    if (secp256k1) return secp256k1
  }
  return null
}

function bindLibrary(koffi: Koffi, library: Library): Secp256k1 {
  const bind = (prototype: string): NativeFunction => library.func(prototype)
  const isSecretKey = bind('int secp256k1_ec_seckey_verify(void *, void *)')
  const parseXOnly = bind('int secp256k1_xonly_pubkey_parse(void *, void *, void *)')
  const serializeXOnly = bind('int secp256k1_xonly_pubkey_serialize(void *, void *, void *)')
  const parsePoint = bind('int secp256k1_ec_pubkey_parse(void *, void *, void *, size_t)')
  const verifySchnorr = bind('int secp256k1_schnorrsig_verify(void *, void *, void *, size_t, void *)')
  const signSchnorr = bind('int secp256k1_schnorrsig_sign32(void *, void *, void *, void *, void *)')
  const createKeypair = bind('int secp256k1_keypair_create(void *, void *, void *)')
  const keypairXOnly = bind('int secp256k1_keypair_xonly_pub(void *, void *, void *, void *)')
  const ecdh = bind('int secp256k1_ecdh(void *, void *, void *, void *, void *, void *)')

  const context: bigint = library.func('void *secp256k1_context_create(unsigned int)')(contextFlags)
  // Blinds the multiplications by secrets against side channels; results do not depend on it.
  bind('int secp256k1_context_randomize(void *, void *)')(context, randomBytes(32))

  const xOnly = new Uint8Array(publicKeyBytes)
  const parsedKeys = new Map<string, Uint8Array>()
  const point = new Uint8Array(publicKeyBytes)
  const compressed = Uint8Array.of(2, ...new Uint8Array(32))
  const keypair = new Uint8Array(keypairBytes)
  const keypairSecret = new Uint8Array(32)
  let isKeypairSet = false

  function requireSecretKey(secretKey: Uint8Array): void {
    if (secretKey.length !== 32) throw new RangeError('a secret key has 32 bytes')
    if (isSecretKey(context, secretKey) !== 1)
      throw new RangeError('the secret key is zero or not below the group order')
  }

  // Creating a keypair costs as much as a signature, and nearly all signatures are by the service's key.
  function setKeypair(secretKey: Uint8Array): void {
    if (isKeypairSet && secretKey.length === 32 && timingSafeEqual(keypairSecret, secretKey)) return
    requireSecretKey(secretKey)
    if (createKeypair(context, keypair, secretKey) !== 1) throw new Error('creating a keypair failed')
    keypairSecret.set(secretKey)
    isKeypairSet = true
  }

  // secp256k1_ecdh multiplies in constant time, which secp256k1_ec_pubkey_tweak_mul does not, but it hashes
  // unless it is given a function of our own, called before it returns.
  const coordinate = koffi.array('uint8_t', 32, 'Typed')
  const sharedX = new Uint8Array(32)
  const keepX = koffi.register(
    (_output: bigint, x: bigint) => {
      sharedX.set(koffi.decode(x, coordinate))
      return 1
    },
    koffi.pointer(koffi.proto('int', ['void *', 'void *', 'void *', 'void *'])),
  )

  /** A key as the library wants it, or `null`; finding the point takes a tenth of a verification, and authors come again. */
  function parsed(publicKey: Uint8Array): Uint8Array | null {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, 32).toString('latin1')
    const known = parsedKeys.get(name)
    if (known !== undefined) return known
    const key = new Uint8Array(publicKeyBytes)
    if (parseXOnly(context, key, publicKey) !== 1) return null
    if (parsedKeys.size >= maxParsedKeys) parsedKeys.clear()
    parsedKeys.set(name, key)
    return key
  }

  return {
    implementation: 'libsecp256k1',
    verify(signature, message, publicKey) {
      if (signature.length !== 64 || message.length !== 32 || publicKey.length !== 32) return false
      const key = parsed(publicKey)
      return key !== null && verifySchnorr(context, signature, message, 32, key) === 1
    },
    sign(message, secretKey) {
      if (message.length !== 32) throw new RangeError('a message has 32 bytes')
      setKeypair(secretKey)
      const signature = new Uint8Array(64)
      // No auxiliary randomness is the same to the library as 32 zero bytes of it.
      if (signSchnorr(context, signature, message, keypair, null) !== 1) throw new Error('signing failed')
      return signature
    },
    publicKey(secretKey) {
      setKeypair(secretKey)
      const publicKey = new Uint8Array(32)
      keypairXOnly(context, xOnly, null, keypair)
      serializeXOnly(context, publicKey, xOnly)
      return publicKey
    },
    sharedX(secretKey, publicKey) {
      requireSecretKey(secretKey)
      if (publicKey.length !== 32) return null
      compressed.set(publicKey, 1)
      if (parsePoint(context, point, compressed, 33) !== 1) return null
      if (ecdh(context, point, point, secretKey, keepX, null) !== 1) throw new Error('ECDH failed')
      return sharedX.slice()
    },
  }
}

async function importKoffi(): Promise<Koffi | null> {
  try {
    return (await import('koffi')).default
  } catch {
    return null
  }
}

/** A library that is absent, or lacks a function that we need, is passed over. */
function attempt<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}

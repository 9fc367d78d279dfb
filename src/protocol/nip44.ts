import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto'

const version = 2
const minPlaintextBytes = 1
/** Lengths above need NIP-44's extended prefix, which no message of ours or to us comes near. */
const maxPlaintextBytes = 65_535
const nonceBytes = 32
const macBytes = 32
const overheadBytes = 1 + nonceBytes + macBytes
const minPayloadBytes = overheadBytes + 2 + 32
const maxPayloadBytes = overheadBytes + 2 + 65_536
const minPayloadChars = base64Chars(minPayloadBytes)
const maxPayloadChars = base64Chars(maxPayloadBytes)

const salt = Buffer.from('nip44-v2')
/** RFC 5869 numbers the blocks of an expansion in their last byte. */
const [firstBlock, secondBlock, thirdBlock] = [Buffer.of(1), Buffer.of(2), Buffer.of(3)]
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Why a payload could not be decrypted, in the order of the checks. */
export type DecryptionFailure =
  | 'unknown version'
  | 'invalid length'
  | 'invalid base64'
  | 'invalid MAC'
  | 'invalid padding'
  | 'invalid UTF-8'

/** The plaintext, or why there is none. */
export type Decrypted = { ok: true; plaintext: string } | { ok: false; reason: DecryptionFailure }

/** The long-term key of two accounts, from the 32-byte x coordinate of their shared point (NIP-44, "Encryption", step 1). */
export function conversationKey(sharedX: Uint8Array): Buffer {
  return createHmac('sha256', salt).update(sharedX).digest()
}

/** The three keys of one message: HKDF-expand of the conversation key with the nonce (NIP-44, "Encryption", step 3). */
export function messageKeys(conversationKey: Uint8Array, nonce: Uint8Array) {
  if (conversationKey.length !== 32) throw new RangeError('a conversation key has 32 bytes')
  if (nonce.length !== nonceBytes) throw new RangeError('a nonce has 32 bytes')
  const first = createHmac('sha256', conversationKey).update(nonce).update(firstBlock).digest()
  const second = createHmac('sha256', conversationKey).update(first).update(nonce).update(secondBlock).digest()
  const third = createHmac('sha256', conversationKey).update(second).update(nonce).update(thirdBlock).digest()
  return {
    chachaKey: first,
    chachaNonce: second.subarray(0, 12),
    hmacKey: Buffer.concat([second.subarray(12), third.subarray(0, 12)]),
  }
}

/** The padded length of a plaintext of so many bytes, without its prefix (NIP-44, `calc_padded_len`). */
export function paddedLength(plaintextBytes: number): number {
  if (plaintextBytes <= 32) return 32
  const nextPower = 2 ** (32 - Math.clz32(plaintextBytes - 1))
  const chunk = nextPower <= 256 ? 32 : nextPower / 8
  return chunk * Math.ceil(plaintextBytes / chunk)
}

/**
 * Encrypts 1 to 65,535 bytes of text into a base64 payload (NIP-44 version 2). A nonce used twice with one
 * conversation key discloses both texts. Throws a RangeError when a length is wrong: callers bound what they send.
 */
export function encrypt(plaintext: string, conversationKey: Uint8Array, nonce: Uint8Array): string {
  const plaintextBytes = Buffer.byteLength(plaintext)
  if (plaintextBytes < minPlaintextBytes || plaintextBytes > maxPlaintextBytes)
    throw new RangeError('a plaintext has 1 to 65535 bytes')
  const { chachaKey, chachaNonce, hmacKey } = messageKeys(conversationKey, nonce)
  const padded = Buffer.alloc(2 + paddedLength(plaintextBytes))
  padded.writeUInt16BE(plaintextBytes)
  padded.write(plaintext, 2)
  const payload = Buffer.allocUnsafe(overheadBytes + padded.length)
  payload[0] = version
  payload.set(nonce, 1)
  const ciphertext = chacha20(chachaKey, chachaNonce, padded)
  payload.set(ciphertext, 1 + nonceBytes)
  payload.set(mac(hmacKey, nonce, ciphertext), payload.length - macBytes)
  return payload.toString('base64')
}

/** Decrypts a NIP-44 version 2 payload. Whatever a stranger sends, the outcome is a value. */
export function decrypt(payload: string, conversationKey: Uint8Array): Decrypted {
  // '#' is NIP-44's flag for encodings other than base64, hence for versions other than ours.
  if (payload.startsWith('#')) return failed('unknown version')
  if (payload.length < minPayloadChars || payload.length > maxPayloadChars) return failed('invalid length')
  const bytes = Buffer.from(payload, 'base64')
  // Node skips what is not base64, so only a payload that comes out again as it went in was base64.
  if (bytes.toString('base64') !== payload) return failed('invalid base64')
  if (bytes[0] !== version) return failed('unknown version')
  if (bytes.length < minPayloadBytes || bytes.length > maxPayloadBytes) return failed('invalid length')
  const nonce = bytes.subarray(1, 1 + nonceBytes)
  const ciphertext = bytes.subarray(1 + nonceBytes, bytes.length - macBytes)
  const { chachaKey, chachaNonce, hmacKey } = messageKeys(conversationKey, nonce)
  const expected = mac(hmacKey, nonce, ciphertext)
  if (!timingSafeEqual(expected, bytes.subarray(bytes.length - macBytes))) return failed('invalid MAC')
  return unpad(chacha20(chachaKey, chachaNonce, ciphertext))
}

function unpad(padded: Buffer): Decrypted {
  const plaintextBytes = padded.readUInt16BE()
  // A zero length would announce the extended prefix, whose texts exceed our limit.
  if (plaintextBytes === 0 || padded.length !== 2 + paddedLength(plaintextBytes)) return failed('invalid padding')
  try {
    return { ok: true, plaintext: utf8.decode(padded.subarray(2, 2 + plaintextBytes)) }
  } catch {
    return failed('invalid UTF-8')
  }
}

/** ChaCha20 from block 0 (RFC 8439); it is its own inverse. OpenSSL's IV is the counter, then the nonce. */
function chacha20(key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Buffer {
  const iv = Buffer.alloc(16)
  iv.set(nonce, 4)
  return createCipheriv('chacha20', key, iv).update(data)
}

function mac(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array): Buffer {
  return createHmac('sha256', key).update(nonce).update(ciphertext).digest()
}

function base64Chars(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}

function failed(reason: DecryptionFailure): Decrypted {
  return { ok: false, reason }
}

import { createCipheriv, createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { v2 } from 'nostr-tools/nip44'
import { describe, expect, it } from 'vitest'
import {
  conversationKey,
  type DecryptionFailure,
  decrypt,
  encrypt,
  messageKeys,
  paddedLength,
} from '../../../src/protocol/nip44.ts'
import { fromHex, implementations, toHex } from '../../relay/signatures/secp256k1-implementations.ts'
import vectors from '../../vectors/nip44.json' with { type: 'json' }

const { valid, invalid } = vectors.v2
const key = fromHex('c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d')
const nonce = fromHex('00000000000000000000000000000000000000000000000000000000000000ff')
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const plaintexts = fc.string({ unit: 'binary', minLength: 1, maxLength: 1500 })

const reasons: [RegExp, DecryptionFailure][] = [
  [/^unknown version/, 'unknown version'],
  [/^invalid payload length/, 'invalid length'],
  [/^invalid base64/, 'invalid base64'],
  [/^invalid hmac/, 'invalid MAC'],
  [/^invalid padding/, 'invalid padding'],
]

/** A payload whose MAC is right, around whatever is given as padded plaintext. */
function seal(padded: Uint8Array, version = 2): string {
  const { chachaKey, chachaNonce, hmacKey } = messageKeys(key, nonce)
  const iv = Buffer.concat([Buffer.alloc(4), chachaNonce])
  const ciphertext = createCipheriv('chacha20', chachaKey, iv).update(padded)
  const mac = createHmac('sha256', hmacKey).update(nonce).update(ciphertext).digest()
  return Buffer.concat([Buffer.of(version), nonce, ciphertext, mac]).toString('base64')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

describe.each(implementations)('conversation keys with $implementation', secp256k1 => {
  it.each(valid.get_conversation_key)('of $pub2 ($note)', vector => {
    const sharedX = secp256k1.sharedX(fromHex(vector.sec1), fromHex(vector.pub2))
    expect(sharedX && toHex(conversationKey(sharedX))).toBe(vector.conversation_key)
  })

  it.each(valid.encrypt_decrypt)('are the same for both sides: $conversation_key', vector => {
    for (const [mine, theirs] of [
      [vector.sec1, vector.sec2],
      [vector.sec2, vector.sec1],
    ] as const) {
      const sharedX = secp256k1.sharedX(fromHex(mine), secp256k1.publicKey(fromHex(theirs)))
      expect(sharedX && toHex(conversationKey(sharedX))).toBe(vector.conversation_key)
    }
  })

  it.each(invalid.get_conversation_key)('are refused when $note', vector => {
    const share = () => secp256k1.sharedX(fromHex(vector.sec1), fromHex(vector.pub2))
    if (vector.note.startsWith('sec1')) expect(share).toThrow(RangeError)
    else expect(share()).toBeNull()
  })

  it('agree with nostr-tools', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (alice, bob) => {
        const publicKey = secp256k1.publicKey(bob)
        const sharedX = secp256k1.sharedX(alice, publicKey)
        expect(sharedX && toHex(conversationKey(sharedX))).toBe(
          toHex(v2.utils.getConversationKey(alice, toHex(publicKey))),
        )
      }),
      { numRuns: 10 },
    )
  })
})

describe('message keys', () => {
  it.each(valid.get_message_keys.keys)('for nonce $nonce', vector => {
    const keys = messageKeys(fromHex(valid.get_message_keys.conversation_key), fromHex(vector.nonce))
    expect(toHex(keys.chachaKey)).toBe(vector.chacha_key)
    expect(toHex(keys.chachaNonce)).toBe(vector.chacha_nonce)
    expect(toHex(keys.hmacKey)).toBe(vector.hmac_key)
  })

  it.each([
    ['a short conversation key', key.subarray(1), nonce],
    ['a long conversation key', Uint8Array.of(...key, 0), nonce],
    ['a short nonce', key, nonce.subarray(1)],
    ['a long nonce', key, Uint8Array.of(...nonce, 0)],
  ])('are not made of %s', (_name, givenKey, givenNonce) => {
    expect(() => messageKeys(givenKey, givenNonce)).toThrow(RangeError)
  })
})

describe('padding', () => {
  it.each(valid.calc_padded_len)('takes %i bytes to %i', (plain, padded) => {
    expect(paddedLength(plain ?? 0)).toBe(padded)
  })

  it('is never shorter than the text, nor longer by more than a quarter beyond 256 bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), plain => {
        expect(paddedLength(plain)).toBeGreaterThanOrEqual(plain)
        expect(paddedLength(plain)).toBeLessThanOrEqual(plain <= 256 ? Math.max(32, plain + 31) : plain * 1.25)
        expect(paddedLength(plain) % 32).toBe(0)
      }),
    )
  })
})

describe('encryption', () => {
  it.each(valid.encrypt_decrypt)('of vector $nonce gives its payload, and decryption its text', vector => {
    const conversation = fromHex(vector.conversation_key)
    expect(encrypt(vector.plaintext, conversation, fromHex(vector.nonce))).toBe(vector.payload)
    expect(decrypt(vector.payload, conversation)).toEqual({ ok: true, plaintext: vector.plaintext })
  })

  it.each(valid.encrypt_decrypt_long_msg)('of $repeat times $pattern', vector => {
    const plaintext = vector.pattern.repeat(vector.repeat)
    const conversation = fromHex(vector.conversation_key)
    const payload = encrypt(plaintext, conversation, fromHex(vector.nonce))
    expect(sha256(plaintext)).toBe(vector.plaintext_sha256)
    expect(sha256(payload)).toBe(vector.payload_sha256)
    expect(decrypt(payload, conversation)).toEqual({ ok: true, plaintext })
  })

  it.each(invalid.encrypt_msg_lengths)('of %i bytes is thrown', length => {
    expect(() => encrypt('a'.repeat(length), key, nonce)).toThrow(RangeError)
  })

  it('counts bytes, not characters', () => {
    expect(() => encrypt('🦄'.repeat(16_384), key, nonce)).toThrow(RangeError)
    expect(decrypt(encrypt('🦄'.repeat(16_383), key, nonce), key).ok).toBe(true)
  })

  it('gives the bytes of nostr-tools, and both can read them', () => {
    fc.assert(
      fc.property(plaintexts, bytes32, bytes32, (plaintext, conversation, fresh) => {
        const payload = encrypt(plaintext, conversation, fresh)
        expect(payload).toBe(v2.encrypt(plaintext, conversation, fresh))
        expect(decrypt(payload, conversation)).toEqual({ ok: true, plaintext })
      }),
    )
  })

  it('keeps a byte order mark at the start of the text', () => {
    expect(decrypt(encrypt('\uFEFFa', key, nonce), key)).toEqual({ ok: true, plaintext: '\uFEFFa' })
  })
})

describe('decryption', () => {
  it.each(invalid.decrypt)('of a vector fails with $note', vector => {
    const expected = reasons.find(([pattern]) => pattern.test(vector.note))?.[1]
    expect(expected).toBeDefined()
    expect(decrypt(vector.payload, fromHex(vector.conversation_key))).toEqual({ ok: false, reason: expected })
  })

  it.each(invalid.decrypt_msg_lengths)('of %i bytes fails', length => {
    expect(decrypt(Buffer.alloc(length, 2).toString('base64'), key)).toEqual({ ok: false, reason: 'invalid length' })
  })

  const text = Buffer.from('a'.repeat(32))
  const padded = (length: number, body: Uint8Array) => Buffer.concat([Buffer.of(length >> 8, length & 255), body])
  const whole = encrypt('hello', key, nonce)

  it.each<[string, string, DecryptionFailure]>([
    ['version 1', seal(padded(32, text), 1), 'unknown version'],
    ['version 3', seal(padded(32, text), 3), 'unknown version'],
    ['a later encoding', `#${whole}`, 'unknown version'],
    ['the flag of a later encoding alone', '#', 'unknown version'],
    ['nothing', '', 'invalid length'],
    ['more than the longest payload', 'A'.repeat(87_476), 'invalid length'],
    ['one byte less than the shortest payload', Buffer.alloc(98, 2).toString('base64'), 'invalid length'],
    ['white space within', `${whole.slice(0, 60)}\n${whole.slice(60)}`, 'invalid base64'],
    ['the URL alphabet', whole.replace(/^.{4}/, 'Ag-_'), 'invalid base64'],
    ['missing padding characters', seal(padded(33, Buffer.alloc(64))).replace(/=+$/, ''), 'invalid base64'],
    ['a text after the padding characters', `${seal(padded(33, Buffer.alloc(64)))}AAAA`, 'invalid base64'],
    ['a MAC by another key', encrypt('hello', nonce, nonce), 'invalid MAC'],
    ['a length of zero', seal(padded(0, text)), 'invalid padding'],
    ['the extended prefix', seal(Buffer.concat([Buffer.of(0, 0, 0, 0, 0, 32), text])), 'invalid padding'],
    ['a length beyond the text', seal(padded(33, text)), 'invalid padding'],
    ['a length far beyond the text', seal(padded(65_535, text)), 'invalid padding'],
    ['too much padding', seal(padded(32, Buffer.alloc(64))), 'invalid padding'],
    ['padding that is no multiple', seal(padded(32, Buffer.alloc(33))), 'invalid padding'],
    ['a byte that UTF-8 has not', seal(padded(1, Buffer.alloc(32, 0xff))), 'invalid UTF-8'],
    ['a character cut short', seal(padded(3, Buffer.from('🦄'.repeat(8)))), 'invalid UTF-8'],
    ['half a surrogate pair', seal(padded(3, Buffer.from('eda080'.padEnd(64, '0'), 'hex'))), 'invalid UTF-8'],
  ])('of %s fails', (_name, payload, reason) => {
    expect(decrypt(payload, key)).toEqual({ ok: false, reason })
  })

  it('of a payload with any one character altered fails', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= #\u0444'
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.constantFrom(...alphabet), (at, other) => {
        fc.pre(whole[at] !== other)
        expect(decrypt(whole.slice(0, at) + other + whole.slice(at + 1), key).ok).toBe(false)
      }),
    )
  })

  it('of anything at all is a value', () => {
    const payloads = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.uint8Array({ minLength: 90, maxLength: 400 }).map(bytes => Buffer.from(bytes).toString('base64')),
      fc.uint8Array({ maxLength: 200 }).map(bytes => seal(bytes)),
    )
    fc.assert(
      fc.property(payloads, payload => {
        const result = decrypt(payload, key)
        expect(result.ok ? typeof result.plaintext : typeof result.reason).toBe('string')
      }),
    )
  })
})

import fc from 'fast-check'
import { finalizeEvent, getPublicKey, verifyEvent } from 'nostr-tools/pure'
import { describe, expect, it } from 'vitest'
import bip340 from '../../vectors/bip340.json' with { type: 'json' }
import { fromHex, implementations, native, toHex, wasm } from './secp256k1-implementations.ts'

const groupOrder = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
const secretKey = fromHex('b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef')
const message = fromHex('243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89')
const zeros = new Uint8Array(32)

const secretKeys = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(key => isSecretKey(key))
const messages = fc.uint8Array({ minLength: 32, maxLength: 32 })

function isSecretKey(key: Uint8Array): boolean {
  return Buffer.compare(key, zeros) > 0 && Buffer.compare(key, groupOrder) < 0
}

describe('what runs here', () => {
  it('WebAssembly', () => {
    expect(implementations.map(each => each.implementation)).toContain('tiny-secp256k1')
  })

  it(native === null ? 'no native code: this machine has no libsecp256k1' : 'native code: libsecp256k1', () => {
    if (process.env.PANDA_REQUIRE_NATIVE === '1') expect(native).not.toBeNull()
    expect(implementations).toHaveLength(native === null ? 1 : 2)
  })
})

describe.each(implementations)('$implementation', secp256k1 => {
  const publicKey = secp256k1.publicKey(secretKey)
  const signature = secp256k1.sign(message, secretKey)

  describe('BIP-340 vectors', () => {
    // Events are identified by 32 bytes, so the vectors with messages of other lengths (15 to 18) are refused here.
    it.each(bip340)('verifies vector $index ($comment)', vector => {
      const accepted = secp256k1.verify(fromHex(vector.signature), fromHex(vector.message), fromHex(vector.publicKey))
      expect(accepted).toBe(vector.valid && vector.message.length === 64)
    })

    it.each(bip340.filter(vector => vector.secretKey !== undefined))('derives the key of vector $index', vector => {
      expect(toHex(secp256k1.publicKey(fromHex(vector.secretKey ?? '')))).toBe(vector.publicKey)
    })

    it.each(bip340.filter(vector => vector.auxRand === toHex(zeros) && vector.message.length === 64))(
      'signs vector $index, the one without auxiliary randomness',
      vector => {
        expect(toHex(secp256k1.sign(fromHex(vector.message), fromHex(vector.secretKey ?? '')))).toBe(vector.signature)
      },
    )
  })

  describe('malformed input', () => {
    const short = message.subarray(1)
    const long = Uint8Array.of(...message, 0)

    it.each([
      ['no signature', new Uint8Array(), message, publicKey],
      ['a short signature', signature.subarray(1), message, publicKey],
      ['a long signature', Uint8Array.of(...signature, 0), message, publicKey],
      ['an empty message', signature, new Uint8Array(), publicKey],
      ['a short message', signature, short, publicKey],
      ['a long message', signature, long, publicKey],
      ['a short key', signature, message, publicKey.subarray(1)],
      ['a compressed key', signature, message, Uint8Array.of(2, ...publicKey)],
      ['a key of zeros', signature, message, zeros],
      ['a signature of zeros', new Uint8Array(64), message, publicKey],
      ['a signature of ones', new Uint8Array(64).fill(255), message, publicKey],
    ])('%s is no valid signature', (_name, givenSignature, givenMessage, givenKey) => {
      expect(secp256k1.verify(givenSignature, givenMessage, givenKey)).toBe(false)
    })

    it.each([
      ['none', new Uint8Array()],
      ['a short one', secretKey.subarray(1)],
      ['a long one', Uint8Array.of(...secretKey, 0)],
      ['zero', zeros],
      ['the group order', groupOrder],
      ['all ones', new Uint8Array(32).fill(255)],
    ])('as a secret key, %s is thrown, and named by no error', (_name, invalid) => {
      const named = invalid.length > 0 ? toHex(invalid) : 'undefined'
      for (const use of [
        () => secp256k1.sign(message, invalid),
        () => secp256k1.publicKey(invalid),
        () => secp256k1.sharedX(invalid, publicKey),
      ]) {
        expect(use).toThrow(RangeError)
        expect(use).not.toThrow(named)
      }
    })

    it.each([
      ['a short one', short],
      ['a long one', long],
    ])('as a message to sign, %s is thrown', (_name, invalid) => {
      expect(() => secp256k1.sign(invalid, secretKey)).toThrow(RangeError)
    })

    it.each([
      ['none', new Uint8Array()],
      ['a short one', publicKey.subarray(1)],
      ['a compressed one', Uint8Array.of(2, ...publicKey)],
      ['zero', zeros],
      ['one not on the curve', fromHex('eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34')],
      ['one above the field', new Uint8Array(32).fill(255)],
    ])('with a public key, %s, nothing is shared', (_name, invalid) => {
      expect(secp256k1.sharedX(secretKey, invalid)).toBeNull()
    })

    it('leaves the next operation unharmed', () => {
      expect(() => secp256k1.sign(message, zeros)).toThrow()
      expect(secp256k1.sharedX(secretKey, zeros)).toBeNull()
      expect(secp256k1.verify(signature, message, zeros)).toBe(false)
      expect(() => secp256k1.publicKey(zeros)).toThrow()
      expect(secp256k1.sign(message, secretKey)).toEqual(signature)
      expect(secp256k1.publicKey(secretKey)).toEqual(publicKey)
      expect(secp256k1.verify(signature, message, publicKey)).toBe(true)
    })
  })

  it('takes views into larger buffers', () => {
    const frame = Buffer.concat([Buffer.alloc(7), signature, message, publicKey, secretKey])
    const [start, end] = [frame.subarray(7, 71), frame.subarray(71, 103)]
    expect(secp256k1.verify(start, end, frame.subarray(103, 135))).toBe(true)
    expect(secp256k1.sign(end, frame.subarray(135))).toEqual(signature)
    expect(secp256k1.publicKey(frame.subarray(135))).toEqual(publicKey)
    expect(secp256k1.sharedX(frame.subarray(135), frame.subarray(103, 135))).toEqual(
      secp256k1.sharedX(secretKey, publicKey),
    )
  })

  it('hands out bytes that later operations leave alone', () => {
    const shared = secp256k1.sharedX(secretKey, publicKey)
    const copies = [publicKey.slice(), signature.slice(), shared?.slice()]
    const other = message
    secp256k1.sharedX(other, secp256k1.publicKey(other))
    secp256k1.sign(other, other)
    expect([publicKey, signature, shared]).toEqual(copies)
  })

  it('verifies what it signed, and nothing else', () => {
    fc.assert(
      fc.property(secretKeys, messages, fc.nat(127), fc.integer({ min: 1, max: 255 }), (secret, text, at, flip) => {
        const key = secp256k1.publicKey(secret)
        const signed = secp256k1.sign(text, secret)
        expect(secp256k1.verify(signed, text, key)).toBe(true)
        const altered = Uint8Array.of(...signed, ...text, ...key)
        altered[at] = (altered[at] ?? 0) ^ flip
        expect(secp256k1.verify(altered.slice(0, 64), altered.slice(64, 96), altered.slice(96))).toBe(false)
      }),
    )
  })

  it('shares one coordinate between two keys', () => {
    fc.assert(
      fc.property(secretKeys, secretKeys, (alice, bob) => {
        const shared = secp256k1.sharedX(alice, secp256k1.publicKey(bob))
        expect(shared).not.toBeNull()
        expect(shared).toEqual(secp256k1.sharedX(bob, secp256k1.publicKey(alice)))
      }),
    )
  })

  it('agrees with nostr-tools on keys and signatures of events', () => {
    fc.assert(
      fc.property(secretKeys, fc.string(), (secret, content) => {
        const theirs = finalizeEvent({ kind: 1, created_at: 1_790_000_000, tags: [], content }, secret)
        expect(secp256k1.verify(fromHex(theirs.sig), fromHex(theirs.id), fromHex(theirs.pubkey))).toBe(true)
        expect(toHex(secp256k1.publicKey(secret))).toBe(getPublicKey(secret))
        const { id, pubkey, created_at, kind, tags } = theirs
        const sig = toHex(secp256k1.sign(fromHex(id), secret))
        expect(verifyEvent({ id, pubkey, created_at, kind, tags, content, sig })).toBe(true)
      }),
      { numRuns: 10 },
    )
  })
})

describe.each(native === null ? [] : [native])('$implementation and WebAssembly give equal bytes', libsecp256k1 => {
  it('for public keys, signatures and shared coordinates', () => {
    fc.assert(
      fc.property(secretKeys, messages, messages, (secret, text, other) => {
        expect(libsecp256k1.publicKey(secret)).toEqual(wasm.publicKey(secret))
        expect(libsecp256k1.sign(text, secret)).toEqual(wasm.sign(text, secret))
        // About half of all 32-byte strings are no x coordinate of the curve.
        expect(libsecp256k1.sharedX(secret, other)).toEqual(wasm.sharedX(secret, other))
      }),
    )
  })

  it('for the verdict on arbitrary signatures', () => {
    const signatures = fc.uint8Array({ minLength: 64, maxLength: 64 })
    fc.assert(
      fc.property(signatures, messages, messages, (given, text, key) => {
        expect(libsecp256k1.verify(given, text, key)).toBe(wasm.verify(given, text, key))
      }),
    )
  })
})

import { createRequire } from 'node:module'
import fc from 'fast-check'
import { finalizeEvent, getPublicKey, nip44, verifyEvent } from 'nostr-tools'
import { describe, expect, it } from 'vitest'
import { loadSecp256k1 } from '../../../relay/signatures/secp256k1-load.ts'
import { createSigner, nonceOf, type Sealing } from '../../../src/protocol/signer.ts'

// The very package that nostr-tools signs with: it is nostr-tools' dependency, not ours.
const ours = createRequire(import.meta.url)
const theirs = createRequire(ours.resolve('nostr-tools'))
const { schnorr } = (await import(theirs.resolve('@noble/curves/secp256k1.js'))) as {
  schnorr: { sign(message: Uint8Array, secretKey: Uint8Array, auxRand: Uint8Array): Uint8Array }
}

const secp = await loadSecp256k1()
const secretKey = new Uint8Array(32).fill(7)
const peerSecret = new Uint8Array(32).fill(9)
const peer = getPublicKey(peerSecret)
const signer = createSigner(secp, secretKey)
const conversation = nip44.v2.utils.getConversationKey(peerSecret, signer.publicKey)
const template = { kind: 2411, created_at: 1_790_000_000, tags: [['e', 'a"b\\c\n']], content: 'ä 🐼' }
const sealing: Sealing = { commandId: 'ab'.repeat(32), kind: 2411, recipient: peer, index: 0 }

describe('signing', () => {
  it('gives the BIP-340 signature without auxiliary randomness, every time', () => {
    const event = signer.sign(template)
    const expected = schnorr.sign(Buffer.from(event.id, 'hex'), secretKey, new Uint8Array(32))
    expect(event.sig).toBe(Buffer.from(expected).toString('hex'))
    expect(signer.sign(template)).toEqual(event)
  })

  it('gives the id that others compute and a signature that they accept', () => {
    const event = signer.sign(template)
    expect(event.id).toBe(finalizeEvent(template, secretKey).id)
    expect(verifyEvent({ ...event })).toBe(true)
    expect(event.pubkey).toBe(getPublicKey(secretKey))
  })

  it('does not take over a pubkey from the template', () => {
    expect(signer.sign({ ...template, ...{ pubkey: peer } }).pubkey).toBe(signer.publicKey)
  })
})

describe('sealing and opening', () => {
  it('agrees with nostr-tools in both directions', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 2_000 }), text => {
        const payload = signer.seal(text, sealing)
        expect(nip44.v2.decrypt(payload ?? '', conversation)).toBe(text)
        expect(signer.open(nip44.v2.encrypt(text, conversation), peer)).toBe(text)
      }),
      { numRuns: 50 },
    )
  })

  it('gives the same bytes for the same input', () => {
    expect(signer.seal('hello', sealing)).toBe(createSigner(secp, secretKey).seal('hello', sealing))
  })

  it.each([
    { case: 'not base64', payload: '!!!' },
    { case: 'empty', payload: '' },
    { case: 'for somebody else', payload: nip44.v2.encrypt('x', new Uint8Array(32).fill(3)) },
    { case: 'altered', payload: `${nip44.v2.encrypt('hello', conversation).slice(0, -8)}AAAAAAA=` },
  ])('opens nothing that is $case', ({ payload }) => {
    expect(signer.open(payload, peer)).toBeNull()
  })

  it('is null for a key that is no point of the curve, each time it is asked', () => {
    const nowhere = 'ff'.repeat(32)
    expect(signer.seal('x', { ...sealing, recipient: nowhere })).toBeNull()
    expect(signer.seal('x', { ...sealing, recipient: nowhere })).toBeNull()
    expect(signer.open(nip44.v2.encrypt('x', conversation), nowhere)).toBeNull()
  })

  it('is acquainted with those whose shared key it has computed', () => {
    const fresh = createSigner(secp, secretKey)
    expect(fresh.isAcquainted(peer)).toBe(false)
    fresh.open('', peer)
    expect(fresh.isAcquainted(peer)).toBe(true)
  })

  it('refuses an invalid secret key', () => {
    expect(() => createSigner(secp, new Uint8Array(32))).toThrow()
    expect(() => createSigner(secp, new Uint8Array(32).fill(0xff))).toThrow()
  })
})

type Sealed = { plaintext: string; sealing: Sealing }
type NonceFunction = (nonceKey: Uint8Array, plaintext: string, sealing: Sealing) => Buffer

/** Two different texts that a nonce function would encrypt to one recipient with one keystream, if it has such. */
function collision(nonce: NonceFunction, texts: readonly Sealed[]): [Sealed, Sealed] | null {
  const nonceKey = new Uint8Array(32).fill(5)
  const seen = new Map<string, Sealed>()
  for (const text of texts) {
    const keystream = `${text.sealing.recipient} ${nonce(nonceKey, text.plaintext, text.sealing).toString('hex')}`
    const other = seen.get(keystream)
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(text)) return [other, text]
    seen.set(keystream, text)
  }
  return null
}

const anySealed: fc.Arbitrary<Sealed> = fc.record({
  // Few values of each, so that any two texts differ in one place only more often than not.
  plaintext: fc.constantFrom('a', 'b', '0:a', ':'),
  sealing: fc.record({
    commandId: fc.constantFrom('aa'.repeat(32), 'bb'.repeat(32)),
    kind: fc.constantFrom(2411, 2412, 22_411),
    recipient: fc.constantFrom('cc'.repeat(32), 'dd'.repeat(32)),
    index: fc.constantFrom(0, 1, 10),
  }),
})
const anyTexts = fc.array(anySealed, { minLength: 20, maxLength: 60 })

describe('nonces', () => {
  it('never repeat for one recipient with another plaintext, kind, index or command', () => {
    fc.assert(fc.property(anyTexts, texts => collision(nonceOf, texts) === null))
  })

  const weak: { without: string; nonce: NonceFunction }[] = [
    { without: 'the plaintext', nonce: (key, _plaintext, at) => nonceOf(key, '', at) },
    { without: 'the kind', nonce: (key, plaintext, at) => nonceOf(key, plaintext, { ...at, kind: 0 }) },
    { without: 'the index', nonce: (key, plaintext, at) => nonceOf(key, plaintext, { ...at, index: 0 }) },
    { without: 'the command', nonce: (key, plaintext, at) => nonceOf(key, plaintext, { ...at, commandId: '' }) },
    { without: 'anything but the command', nonce: (_key, _plaintext, at) => Buffer.from(at.commandId, 'hex') },
  ]
  it.each(weak)('would be found to repeat without $without', ({ nonce }) => {
    expect(fc.check(fc.property(anyTexts, texts => collision(nonce, texts) === null)).failed).toBe(true)
  })

  it('depend on the key that makes them', () => {
    expect(nonceOf(new Uint8Array(32), 'a', sealing)).not.toEqual(nonceOf(new Uint8Array(32).fill(1), 'a', sealing))
  })
})

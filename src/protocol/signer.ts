import { createHash, createHmac } from 'node:crypto'
import { type EventTemplate, eventId, type VerifiedEvent } from '../../relay/event.ts'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'
import { conversationKey, decrypt, encrypt } from './nip44.ts'

/** What an encrypted text belongs to; all of it goes into the nonce, so that no two texts share a keystream. */
export type Sealing = {
  readonly commandId: string
  readonly kind: number
  readonly recipient: string
  readonly index: number
}

/** The service's key at work: signs, encrypts and decrypts. The same input gives the same bytes at every replay. */
export type Signer = {
  readonly publicKey: string
  sign(template: EventTemplate): VerifiedEvent
  /** NIP-44 v2 to the recipient, or `null` when the recipient's key is no point of the curve. */
  seal(plaintext: string, sealing: Sealing): string | null
  /** The plaintext of what `author` encrypted to the service, or `null`. */
  open(payload: string, author: string): string | null
  /** Whether `open` would be cheap for this author, the shared key being known already. */
  isAcquainted(author: string): boolean
}

/** How many shared keys are kept; one is about 200 bytes with its map entry. */
const maxConversationKeys = 20_000

/** Makes the signer of a secret key. Throws when the key is invalid. */
export function createSigner(secp: Secp256k1, secretKey: Uint8Array): Signer {
  const publicKey = Buffer.from(secp.publicKey(secretKey)).toString('hex')
  const nonceKey = createHmac('sha256', secretKey).update('panda/nip44-nonce').digest()
  const conversationKeys = new Map<string, Buffer | null>()

  const keyWith = (peer: string): Buffer | null => {
    const known = conversationKeys.get(peer)
    if (known !== undefined) return known
    const shared = secp.sharedX(secretKey, Buffer.from(peer, 'hex'))
    const key = shared === null ? null : conversationKey(shared)
    if (conversationKeys.size >= maxConversationKeys) {
      const oldest = conversationKeys.keys().next()
      if (!oldest.done) conversationKeys.delete(oldest.value)
    }
    conversationKeys.set(peer, key)
    return key
  }

  return {
    publicKey,
    sign: template => {
      const unsigned = { ...template, pubkey: publicKey }
      const id = eventId(unsigned)
      const sig = Buffer.from(secp.sign(Buffer.from(id, 'hex'), secretKey)).toString('hex')
      return { ...unsigned, id, sig } as VerifiedEvent
    },
    seal: (plaintext, sealing) => {
      const key = keyWith(sealing.recipient)
      return key === null ? null : encrypt(plaintext, key, nonceOf(nonceKey, plaintext, sealing))
    },
    open: (payload, author) => {
      const key = keyWith(author)
      if (key === null) return null
      const opened = decrypt(payload, key)
      return opened.ok ? opened.plaintext : null
    },
    isAcquainted: author => conversationKeys.has(author),
  }
}

/**
 * The nonce of one encrypted text. From the command id alone, a result and a notice of one command would share their
 * keystream and give each other away.
 */
export function nonceOf(nonceKey: Uint8Array, plaintext: string, sealing: Sealing): Buffer {
  const { commandId, kind, recipient, index } = sealing
  return createHmac('sha256', nonceKey)
    .update(`${commandId}:${kind}:${recipient}:${index}:`)
    .update(createHash('sha256').update(plaintext).digest())
    .digest()
}

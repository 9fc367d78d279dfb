import { eventId } from '../../relay/event.ts'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'
import { createSigner, type Signer } from '../../src/protocol/signer.ts'

/** Makes the signer of a secret key. */
export type MakeSigner = (secretKey: Uint8Array) => Signer

/** Whose arithmetic a world has: of the curve, or of what stands in for it. */
export type Cryptography = { readonly secp: Secp256k1; readonly makeSigner: MakeSigner }

/** Signers as the service has them. */
export function realSigners(secp: Secp256k1): Cryptography {
  return { secp, makeSigner: secretKey => createSigner(secp, secretKey) }
}

/**
 * Stand in where speed matters: a sealed text is the plaintext with the keys of the two who may read it, so that whoever is
 * neither cannot, as with NIP-44.
 */
export function standInSigners(secp: Secp256k1): Cryptography {
  const makeSigner: MakeSigner = secretKey => {
    const publicKey = Buffer.from(secp.publicKey(secretKey)).toString('hex')
    const between = (peer: string) => (publicKey < peer ? `${publicKey}:${peer}:` : `${peer}:${publicKey}:`)
    return {
      publicKey,
      sign: template => {
        const unsigned = { ...template, pubkey: publicKey }
        const id = eventId(unsigned)
        const sig = Buffer.from(secp.sign(Buffer.from(id, 'hex'), secretKey)).toString('hex')
        return { ...unsigned, id, sig } as ReturnType<Signer['sign']>
      },
      seal: (plaintext, { commandId, kind, recipient, index }) =>
        Buffer.from(`${between(recipient)}${commandId}:${kind}:${index}\n${plaintext}`).toString('base64'),
      open: (payload, author) => {
        const text = Buffer.from(payload, 'base64').toString()
        return text.startsWith(between(author)) ? text.slice(text.indexOf('\n') + 1) : null
      },
      isAcquainted: () => true,
    }
  }
  return { secp, makeSigner }
}

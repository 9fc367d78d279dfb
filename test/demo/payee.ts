import { createHash } from 'node:crypto'
import { type RecoveryIdType, recover } from 'tiny-secp256k1'

const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const signatureWords = 104
const checksumWords = 6

/**
 * The node that has signed an invoice: compressed public key, hex, recovered from the signature (BOLT 11, "Data Part").
 * `signature` is the 64 bytes and the recovery id, in hex, as decoders give it.
 */
export function payeeOf(bolt11: string, signature: string): string {
  const separator = bolt11.lastIndexOf('1')
  const words = [...bolt11.slice(separator + 1)].map(letter => alphabet.indexOf(letter))
  const signed = toBytes(words.slice(0, -(signatureWords + checksumWords)))
  const digest = createHash('sha256').update(bolt11.slice(0, separator)).update(signed).digest()
  const bytes = Buffer.from(signature, 'hex')
  const key = recover(digest, bytes.subarray(0, 64), bytes[64] as RecoveryIdType, true)
  if (key === null) throw new Error('no key has made this signature')
  return Buffer.from(key).toString('hex')
}

/** Groups of five bits as bytes, the last one filled up with zeros. */
function toBytes(words: readonly number[]): Buffer {
  const bits = words.map(word => word.toString(2).padStart(5, '0')).join('')
  const bytes = bits.match(/.{1,8}/g) ?? []
  return Buffer.from(bytes.map(byte => Number.parseInt(byte.padEnd(8, '0'), 2)))
}

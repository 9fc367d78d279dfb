import { createHash, hash } from 'node:crypto'
import type { Position } from './positions.ts'

/** Bytes of keys. What they are made of is said in `databases.ts`. */

export const positionBytes = 20
export const seqBytes = 6
export const kindBytes = 2
export const authorKindBytes = 10
export const tagBytes = 9
export const maxUint48 = 2 ** 48 - 1

/** seq as a key or value. */
export function seqKey(seq: number): Buffer {
  const key = Buffer.allocUnsafe(seqBytes)
  key.writeUIntBE(seq, 0, seqBytes)
  return key
}

/** Unix seconds, as a value or at the beginning of a key. */
export function timeValue(seconds: number): Buffer {
  const value = Buffer.allocUnsafe(6)
  value.writeUIntBE(seconds, 0, 6)
  return value
}

/** An index key: prefix and position of one event. */
export function indexKey(prefix: Buffer, createdAt: number, id: Buffer, seq: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + positionBytes)
  writePosition(key, writeBytes(key, 0, prefix), createdAt, id, seq)
  return key
}

/** Writes the position of an event and returns where it ends, as all that write a part of a key. */
export function writePosition(target: Buffer, at: number, createdAt: number, id: Buffer, seq: number): number {
  target.writeUIntBE(maxUint48 - createdAt, at, 6)
  writeBytes(target, at + 6, id, 8)
  return target.writeUIntBE(seq, at + 14, seqBytes)
}

/** Copying a few bytes by `copy` takes longer than this. */
export function writeBytes(target: Buffer, at: number, bytes: Buffer, count = bytes.length): number {
  for (let index = 0; index < count; index++) target[at + index] = bytes[index] ?? 0
  return at + count
}

/** The first key of a prefix that comes after a position. */
export function keyAfter(prefix: Buffer, { time, idHigh, idLow, seq }: Position): Buffer {
  const { length } = prefix
  // In byte order the next key is the same with a zero byte behind it.
  const key = Buffer.alloc(length + positionBytes + 1)
  prefix.copy(key)
  key.writeUIntBE(time, length, 6)
  key.writeUInt32BE(idHigh, length + 6)
  key.writeUInt32BE(idLow, length + 10)
  key.writeUIntBE(seq, length + 14, seqBytes)
  return key
}

/** The first key of a prefix that is not newer than a time. */
export function startKey(prefix: Buffer, until: number): Buffer {
  const key = Buffer.alloc(prefix.length + 6)
  prefix.copy(key)
  key.writeUIntBE(maxUint48 - until, prefix.length, 6)
  return key
}

/** The first key of a prefix that is older than a time. */
export function endKey(prefix: Buffer, since: number): Buffer {
  const key = Buffer.alloc(prefix.length + 6, 0xff)
  prefix.copy(key)
  // Beyond the oldest second there is still its own positions' tail, which 6 bytes of 0xff do not cover.
  if (since > 0) key.writeUIntBE(maxUint48 - since + 1, prefix.length, 6)
  else return Buffer.concat([key, Buffer.alloc(positionBytes, 0xff)])
  return key
}

/** seq at the end of an index key. */
export function seqOfKey(key: Buffer): number {
  return key.readUIntBE(key.length - seqBytes, seqBytes)
}

export function kindPrefix(kind: number): Buffer {
  const prefix = Buffer.allocUnsafe(kindBytes)
  prefix.writeUInt16BE(kind)
  return prefix
}

export function authorPrefix(pubkey: Buffer): Buffer {
  return pubkey.subarray(0, 8)
}

export function authorKindPrefix(pubkey: Buffer, kind: number): Buffer {
  const prefix = Buffer.allocUnsafe(authorKindBytes)
  writeAuthorKind(prefix, 0, pubkey, kind)
  return prefix
}

export function writeAuthorKind(target: Buffer, at: number, pubkey: Buffer, kind: number): number {
  return target.writeUInt16BE(kind, writeBytes(target, at, pubkey, 8))
}

/** letter and 8 bytes of the value: its own when it is the hex of a key or id, else of its hash. */
export function tagPrefix(letter: string, value: string): Buffer {
  const prefix = Buffer.allocUnsafe(tagBytes)
  writeTag(prefix, 0, letter, value)
  return prefix
}

export function writeTag(target: Buffer, at: number, letter: string, value: string): number {
  target[at] = letter.charCodeAt(0)
  // What is not hex is not written; a hash of 16 digits is cheaper as text than as bytes of its own.
  if (value.length !== 64 || target.write(value, at + 1, 8, 'hex') !== 8) {
    target.write(hash('sha1', value, 'hex'), at + 1, 8, 'hex')
  }
  return at + tagBytes
}

/** kind, author and `d` of a replaceable or addressable event; a long `d` stands by its hash. */
export function addressKey(kind: number, pubkey: Buffer, identifier: string): Buffer {
  const name = Buffer.from(identifier)
  const tail = name.length <= 64 ? name : createHash('sha256').update(name).digest()
  const key = Buffer.allocUnsafe(35 + tail.length)
  key.writeUInt16BE(kind, 0)
  pubkey.copy(key, 2)
  key[34] = name.length <= 64 ? 0 : 1
  tail.copy(key, 35)
  return key
}

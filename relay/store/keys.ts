import { createHash } from 'node:crypto'
import type { Position } from './positions.ts'

/** Bytes of keys. What they are made of is said in `databases.ts`. */

export const positionBytes = 20
export const seqBytes = 6
export const maxUint48 = 2 ** 48 - 1

/** seq as a key or value. */
export function seqKey(seq: number): Buffer {
  const key = Buffer.allocUnsafe(seqBytes)
  key.writeUIntBE(seq, 0, seqBytes)
  return key
}

/** An index key: prefix and position of one event. */
export function indexKey(prefix: Buffer, createdAt: number, id: Buffer, seq: number): Buffer {
  const { length } = prefix
  const key = Buffer.allocUnsafe(length + positionBytes)
  // Copying a few bytes by `copy` takes longer than all of this.
  for (let index = 0; index < length; index++) key[index] = prefix[index] ?? 0
  key.writeUIntBE(maxUint48 - createdAt, length, 6)
  key.writeUInt32BE(id.readUInt32BE(0), length + 6)
  key.writeUInt32BE(id.readUInt32BE(4), length + 10)
  key.writeUIntBE(seq, length + 14, seqBytes)
  return key
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
  const prefix = Buffer.allocUnsafe(2)
  prefix.writeUInt16BE(kind)
  return prefix
}

export function authorPrefix(pubkey: Buffer): Buffer {
  return pubkey.subarray(0, 8)
}

export function authorKindPrefix(pubkey: Buffer, kind: number): Buffer {
  const prefix = Buffer.allocUnsafe(10)
  prefix.writeUInt32BE(pubkey.readUInt32BE(0), 0)
  prefix.writeUInt32BE(pubkey.readUInt32BE(4), 4)
  prefix.writeUInt16BE(kind, 8)
  return prefix
}

/** letter and 8 bytes of the value: its own when it is the hex of a key or id, else of its hash. */
export function tagPrefix(letter: string, value: string): Buffer {
  const prefix = Buffer.allocUnsafe(9)
  prefix[0] = letter.charCodeAt(0)
  if (value.length !== 64 || prefix.write(value.slice(0, 16), 1, 'hex') !== 8) {
    createHash('sha1').update(value).digest().copy(prefix, 1, 0, 8)
  }
  return prefix
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

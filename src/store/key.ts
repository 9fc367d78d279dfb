/** How a part of a key is written: text ends in a zero byte, numbers are 6 bytes big endian, so keys sort as their parts do. */
export type KeyPart = 'text' | 'hash' | 'ref' | 'uint'

/** The values a key is made of: strings for text, 64 hex digits for a hash, 32 for a ref, and safe integers below 2^48. */
export type KeyOf<Parts extends readonly KeyPart[]> = {
  readonly [Index in keyof Parts]: Parts[Index] extends 'uint' ? number : string
}

const maxUint = 2 ** 48 - 1
const hexBytes = { hash: 32, ref: 16 } as const

/** The bytes of a key or of a key's first parts. Throws on a value that does not fit its part: that is a bug of the caller. */
export function encodeKey(parts: readonly KeyPart[], values: readonly (string | number)[]): Buffer {
  let length = 0
  // Every row that is read or written comes through here: without iterators a tenth of a command's garbage is not made.
  for (let index = 0; index < values.length; index++) length += partLength(parts[index], values[index])
  const key = Buffer.allocUnsafe(length)
  let offset = 0
  for (let index = 0; index < values.length; index++) {
    const part = parts[index]
    const value = values[index]
    if (part === 'uint') {
      offset = key.writeUIntBE(value as number, offset, 6)
    } else if (part === 'text') {
      offset += key.write(value as string, offset, 'utf8')
      key[offset++] = 0
    } else {
      offset += key.write(value as string, offset, 'hex')
    }
  }
  if (offset !== length) throw new Error(`key value is not the hex it should be: ${JSON.stringify(values)}`)
  return key
}

function partLength(part: KeyPart | undefined, value: string | number | undefined): number {
  if (part === 'uint') {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= maxUint) return 6
  } else if (part === 'text') {
    if (typeof value === 'string' && !value.includes('\0')) return Buffer.byteLength(value) + 1
  } else if (part !== undefined) {
    if (typeof value === 'string' && value.length === hexBytes[part] * 2) return hexBytes[part]
  }
  throw new Error(`key value ${JSON.stringify(value)} does not fit a ${part ?? 'missing'} part`)
}

/** The values of a whole key. Throws when the bytes are not such a key. */
export function decodeKey(parts: readonly KeyPart[], key: Buffer): (string | number)[] {
  const values: (string | number)[] = []
  let offset = 0
  for (const part of parts) {
    if (part === 'uint') {
      values.push(key.readUIntBE(offset, 6))
      offset += 6
    } else if (part === 'text') {
      const end = key.indexOf(0, offset)
      if (end < 0) throw new Error(`key ${key.toString('hex')} has a text without end`)
      values.push(key.toString('utf8', offset, end))
      offset = end + 1
    } else {
      values.push(key.toString('hex', offset, offset + hexBytes[part]))
      offset += hexBytes[part]
    }
  }
  if (offset !== key.length) throw new Error(`key ${key.toString('hex')} is longer or shorter than its parts`)
  return values
}

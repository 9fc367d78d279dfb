/** The bytes of negentropy messages, protocol version 1 (NIP-77, appendix). */

export const protocolVersion = 0x61
export const idBytes = 32
export const fingerprintBytes = 16

/** Where a range ends: before the first item that is not less. `id` may be the beginning of one; the rest counts as zeros. */
export type Bound = { readonly time: number; readonly id: Buffer }

/** A range as the other side sent it; ids lie one after the other. */
export type Range =
  | { readonly mode: 'skip'; readonly bound: Bound }
  | { readonly mode: 'fingerprint'; readonly bound: Bound; readonly fingerprint: Buffer }
  | { readonly mode: 'ids'; readonly bound: Bound; readonly ids: Buffer }

const noId = Buffer.alloc(0)
const infinity = 0

/** The lower bound of the first range, and the upper bound of the last. */
export const firstBound: Bound = { time: 0, id: noId }
export const lastBound: Bound = { time: Number.POSITIVE_INFINITY, id: noId }

/** Reads the ranges that follow the version byte: the next one, `null` after the last, or what is wrong with the message. */
export function createRangeReader(message: Buffer): () => Range | null | string {
  let offset = 1
  let previous = firstBound

  /** A number of base-128 digits, or -1 when it is cut short or larger than numbers are exact. */
  const readNumber = (): number => {
    let value = 0
    for (;;) {
      const digit = message[offset++]
      if (digit === undefined) return -1
      value = value * 128 + (digit & 127)
      if (value > Number.MAX_SAFE_INTEGER) return -1
      if (digit < 128) return value
    }
  }

  const readBytes = (length: number): Buffer | null => {
    if (length > message.length - offset) return null
    offset += length
    return message.subarray(offset - length, offset)
  }

  const readBound = (): Bound | string => {
    const encoded = readNumber()
    const length = readNumber()
    if (encoded < 0 || length < 0) return 'a bound is cut short'
    if (length > idBytes) return 'the id of a bound is too long'
    const id = readBytes(length)
    if (id === null) return 'a bound is cut short'
    const time = encoded === infinity ? lastBound.time : previous.time + encoded - 1
    if (time > Number.MAX_SAFE_INTEGER && encoded !== infinity) return 'the time of a bound is too large'
    const bound = { time, id }
    return compareBounds(previous, bound) > 0 ? 'the ranges are out of order' : bound
  }

  return () => {
    if (offset >= message.length) return null
    if (previous.time === lastBound.time) return 'a range follows the last'
    const bound = readBound()
    if (typeof bound === 'string') return bound
    previous = bound
    const mode = readNumber()
    if (mode === 0) return { mode: 'skip', bound }
    if (mode === 1) {
      const fingerprint = readBytes(fingerprintBytes)
      return fingerprint === null ? 'a fingerprint is cut short' : { mode: 'fingerprint', bound, fingerprint }
    }
    if (mode !== 2) return 'a range has an unknown mode'
    const count = readNumber()
    const ids = count < 0 ? null : readBytes(count * idBytes)
    return ids === null ? 'a list of ids is cut short' : { mode: 'ids', bound, ids }
  }
}

/** A message under construction. */
export type MessageWriter = {
  length(): number
  bound(bound: Bound): void
  number(value: number): void
  bytes(bytes: Uint8Array): void
  /** Remembers where it is; the returned function takes back what was written since. */
  mark(): () => void
  message(): Buffer
}

/** Begins a message. Times are written as differences, so a writer is for one message only. */
export function createMessageWriter(): MessageWriter {
  let buffer = Buffer.allocUnsafe(4_096)
  let length = 0
  let lastTime = 0

  const makeRoom = (bytes: number) => {
    if (length + bytes <= buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(length + bytes, buffer.length * 2))
    buffer.copy(larger, 0, 0, length)
    buffer = larger
  }
  const writeNumber = (value: number) => {
    makeRoom(8)
    length = putNumber(buffer, length, value)
  }
  const writeBytes = (bytes: Uint8Array) => {
    makeRoom(bytes.length)
    buffer.set(bytes, length)
    length += bytes.length
  }

  writeBytes(Buffer.of(protocolVersion))
  return {
    length: () => length,
    bound: ({ time, id }) => {
      if (time === lastBound.time) {
        writeNumber(infinity)
      } else {
        writeNumber(1 + time - lastTime)
        lastTime = time
      }
      writeNumber(id.length)
      writeBytes(id)
    },
    number: writeNumber,
    bytes: writeBytes,
    mark: () => {
      const [markedLength, markedTime] = [length, lastTime]
      return () => {
        length = markedLength
        lastTime = markedTime
      }
    },
    message: () => buffer.subarray(0, length),
  }
}

/** Writes a number as base-128 digits, the most significant first; returns where it ends. */
export function putNumber(target: Uint8Array, offset: number, value: number): number {
  let digits = 1
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits++
  let rest = value
  for (let at = offset + digits - 1; at >= offset; at--) {
    target[at] = (rest % 128) | (at === offset + digits - 1 ? 0 : 128)
    rest = Math.floor(rest / 128)
  }
  return offset + digits
}

/** Of two bounds of one time, the one whose id is less comes first; missing bytes count as zeros. */
function compareBounds(a: Bound, b: Bound): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1
  const length = Math.max(a.id.length, b.id.length)
  for (let index = 0; index < length; index++) {
    const difference = (a.id[index] ?? 0) - (b.id[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

import type { KeyRange as LmdbRange } from '../../relay/store/merged-range.ts'
import type { KeyPart } from './key.ts'
import type { Table } from './table.ts'
import type { RangeOptions } from './transaction.ts'

/** The keys that a range asks for: from `low` on, before `high`, and beyond `after` in the direction of reading. */
export type KeyRange = {
  readonly low: Buffer
  readonly high: Buffer
  readonly after: Buffer | null
  readonly reverse: boolean
}

/** The keys that begin with a prefix, within what the options say. */
export function keyRange<Parts extends readonly KeyPart[], Row>(
  table: Table<Parts, Row>,
  prefix: readonly (string | number)[],
  { after, upTo, reverse = false }: RangeOptions,
): KeyRange {
  const low = table.encodePrefix(prefix)
  const high = firstBeyond(upTo === undefined ? low : table.encodePrefix([...prefix, ...upTo]))
  return { low, high, after: after === undefined ? null : table.encodePrefix(after), reverse }
}

/** Whether a key is one of them. */
export function isInRange({ low, high, after, reverse }: KeyRange, key: Buffer): boolean {
  if (Buffer.compare(key, low) < 0 || Buffer.compare(key, high) >= 0) return false
  if (after === null) return true
  const order = Buffer.compare(key, after)
  return reverse ? order < 0 : order > 0
}

/** The same for LMDB, which in reverse wants the upper bound as start. */
export function lmdbRange({ low, high, after, reverse }: KeyRange, limit: number | undefined): LmdbRange {
  // A position outside the prefix must not let rows of another prefix in.
  const isLater = after !== null && Buffer.compare(after, low) >= 0
  const isEarlier = after !== null && Buffer.compare(after, high) < 0
  const range: LmdbRange = reverse
    ? { start: isEarlier ? after : high, end: low, reverse: true, exclusiveStart: true, inclusiveEnd: true }
    : { start: isLater ? after : low, end: high, exclusiveStart: isLater }
  return limit === undefined ? range : { ...range, limit }
}

/** The first bytes that sort behind everything beginning with `prefix`; an empty prefix has all keys before it. */
function firstBeyond(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix)
  for (let index = next.length - 1; index >= 0; index--) {
    const byte = next[index] ?? 0
    if (byte < 0xff) {
      next[index] = byte + 1
      return next.subarray(0, index + 1)
    }
  }
  return Buffer.alloc(64, 0xff)
}

import { createHash } from 'node:crypto'
import type { Filter } from './filter.ts'

/** NIP-45's HyperLogLog of authors: an estimate that clients can merge with those of other relays. */

export const registerCount = 256

const hex64 = /^[0-9a-f]{64}$/
const address = /^[0-9]{1,5}:([0-9a-f]{64}):/

/**
 * Where in an author's key the register stands, from the first value of the filter's first tag attribute; `null` when the
 * filter has none, for which NIP-45 defines no offset.
 */
export function offsetFor(filter: Pick<Filter, 'tags'>): number | null {
  const [values] = filter.tags.values()
  const value = values?.[0]
  if (value === undefined) return null
  return 8 + Number.parseInt(hexOf(value).charAt(32), 16)
}

function hexOf(value: string): string {
  if (hex64.test(value)) return value
  return address.exec(value)?.[1] ?? createHash('sha256').update(value).digest('hex')
}

/** Counts an author: the register that one byte names keeps the longest run of zero bits seen behind it, plus one. */
export function addAuthor(registers: Uint8Array, pubkey: Uint8Array, offset: number): void {
  const register = pubkey[offset] ?? 0
  let rank = 1
  for (let index = offset + 1; index < pubkey.length; index++) {
    const byte = pubkey[index] ?? 0
    if (byte !== 0) {
      rank += Math.clz32(byte) - 24
      break
    }
    rank += 8
  }
  if (rank > (registers[register] ?? 0)) registers[register] = rank
}

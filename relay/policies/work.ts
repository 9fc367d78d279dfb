import type { NostrEvent } from '../event.ts'
import type { Policy } from './policy.ts'

/**
 * Proof of work (NIP-13): an id that begins with so many zero bits, and a target of at least as many in the nonce tag, so
 * that luck with a lower target does not count. With `isKnown`, keys that it knows need none.
 */
export function requireWork(bits: number, isKnown: (pubkey: string) => boolean = () => false): Policy {
  return event => {
    const difficulty = difficultyOf(event.id)
    const target = targetOf(event)
    if (difficulty >= bits && target >= bits) return null
    if (isKnown(event.pubkey)) return null
    if (difficulty < bits) return `pow: difficulty ${difficulty} is less than ${bits}`
    return `pow: the nonce tag's target ${target} is less than ${bits}`
  }
}

/** The leading zero bits of an id in hex. */
export function difficultyOf(id: string): number {
  let bits = 0
  for (let at = 0; at < id.length; at++) {
    const digit = Number.parseInt(id.charAt(at), 16)
    if (digit !== 0) return bits + Math.clz32(digit) - 28
    bits += 4
  }
  return bits
}

/** The difficulty that the author committed to; 0 when the first nonce tag has none. */
function targetOf({ tags }: NostrEvent): number {
  const target = tags.find(tag => tag[0] === 'nonce')?.[2] ?? ''
  return /^[0-9]{1,3}$/.test(target) ? Number(target) : 0
}

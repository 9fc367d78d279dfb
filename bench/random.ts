/** A seeded source of numbers in [0, 1): the same sequence at every run (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number from 0 to below `limit`. */
export function pick(random: () => number, limit: number): number {
  return Math.floor(random() * limit)
}

/** Bytes as lower-case hex. */
export function randomHex(random: () => number, bytes: number): string {
  let hex = ''
  for (let written = 0; written < bytes; written += 4)
    hex += pick(random, 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return hex.slice(0, bytes * 2)
}

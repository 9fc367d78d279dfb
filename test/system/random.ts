/** Chance that a seed repeats. */
export type Random = {
  /** From 0 to 1, 1 excluded. */
  fraction(): number
  /** A whole number from 0, `below` excluded. */
  whole(below: number): number
  /** One of several. */
  pick<Value>(values: readonly [Value, ...Value[]]): Value
  chance(probability: number): boolean
}

/** Makes a source of chance from a seed (mulberry32): not for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (below: number) => Math.floor(fraction() * below)
  return {
    fraction,
    whole,
    pick: values => values[whole(values.length)] ?? values[0],
    chance: probability => fraction() < probability,
  }
}

/** The seed to use: `PANDA_SEED` to repeat a run, otherwise one of the moment. */
export function chooseSeed(): number {
  const wanted = Number(process.env.PANDA_SEED)
  return Number.isSafeInteger(wanted) && wanted > 0 ? wanted : Date.now() % 2 ** 31
}

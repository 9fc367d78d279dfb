import type { Sample } from '../../relay/metrics/exposition.ts'

/** A count for every pair that has been counted. What is counted comes from closed lists, or memory would not be bounded. */
export type Tally = {
  count(first: string, second?: string | number): void
  read(): Sample[]
}

/** Makes a tally with nothing in it. */
export function createTally(): Tally {
  const counts = new Map<string, Map<string | number, number>>()
  return {
    count: (first, second = '') => {
      let bySecond = counts.get(first)
      if (bySecond === undefined) {
        bySecond = new Map()
        counts.set(first, bySecond)
      }
      bySecond.set(second, (bySecond.get(second) ?? 0) + 1)
    },
    read: () => {
      const samples: Sample[] = []
      for (const [first, bySecond] of counts) {
        for (const [second, value] of bySecond) samples.push([value, first, String(second)])
      }
      return samples
    },
  }
}

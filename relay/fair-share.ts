/** Room that many share, and of which whoever has least still finds some. */
export type FairShare = {
  /** Whether so much more may come of this one. */
  hasRoom(of: string, amount: number): boolean
  take(of: string, amount: number): void
  giveBack(of: string, amount: number): void
  /** Calls once, on a turn of the event loop after something was given back. */
  whenGivenBack(again: () => void): void
  taken(): number
}

/**
 * Makes the room. Each may have as much of it as is free: one alone takes half, two a third each, and there is always some
 * left for the next (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998).
 */
export function createFairShare(capacity: number): FairShare {
  const takenBy = new Map<string, number>()
  let taken = 0
  let waiting: (() => void)[] = []
  let isWaking = false

  const wake = () => {
    isWaking = false
    const all = waiting
    waiting = []
    for (const again of all) again()
  }

  return {
    hasRoom: (of, amount) =>
      // Something large may come when there is nothing else.
      taken === 0 ? amount <= capacity : (takenBy.get(of) ?? 0) + amount <= capacity - taken - amount,
    take: (of, amount) => {
      takenBy.set(of, (takenBy.get(of) ?? 0) + amount)
      taken += amount
    },
    giveBack: (of, amount) => {
      if (amount === 0) return
      const left = (takenBy.get(of) ?? 0) - amount
      if (left > 0) takenBy.set(of, left)
      else takenBy.delete(of)
      taken -= amount
      if (isWaking || waiting.length === 0) return
      isWaking = true
      setImmediate(wake)
    },
    whenGivenBack: again => void waiting.push(again),
    taken: () => taken,
  }
}

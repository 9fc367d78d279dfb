/** Room that many share, and of which whoever has least still finds some. */
export type FairShare = {
  /** Whether so much more may come of this one. */
  hasRoom(of: string, amount: number): boolean
  take(of: string, amount: number): void
  giveBack(of: string, amount: number): void
  taken(): number
}

/**
 * Makes the room. Each may have as much of it as is free: one alone takes half, two a third each, and there is always some
 * left for the next (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998).
 */
export function createFairShare(capacity: number): FairShare {
  const takenBy = new Map<string, number>()
  let taken = 0
  return {
    hasRoom: (of, amount) => (takenBy.get(of) ?? 0) + amount <= capacity - taken - amount,
    take: (of, amount) => {
      takenBy.set(of, (takenBy.get(of) ?? 0) + amount)
      taken += amount
    },
    giveBack: (of, amount) => {
      const left = (takenBy.get(of) ?? 0) - amount
      if (left > 0) takenBy.set(of, left)
      else takenBy.delete(of)
      taken -= amount
    },
    taken: () => taken,
  }
}

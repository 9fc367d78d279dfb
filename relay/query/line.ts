/** The queries of one connection: a few are worked on, and the others wait with no more than what they ask for. */
export type Line = {
  /** Whether one that joins begins at once, beside no other. */
  isFree(): boolean
  /** Has `begin` called when its turn has come; it must not reject. Returns how to leave: `false` once it has begun. */
  join(begin: () => Promise<void>): () => boolean
}

/** Makes it, for so many at once. One under way holds pages of each index range it reads, which is too much for all. */
export function createLine(atOnce: number): Line {
  const waiting = new Set<() => Promise<void>>()
  let underWay = 0
  const next = () => {
    for (const begin of waiting) {
      if (underWay === atOnce) return
      waiting.delete(begin)
      underWay++
      void begin().finally(() => {
        underWay--
        next()
      })
    }
  }
  return {
    isFree: () => underWay + waiting.size === 0,
    join: begin => {
      waiting.add(begin)
      next()
      return () => waiting.delete(begin)
    },
  }
}

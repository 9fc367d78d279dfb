/** Resolves when it is the caller's turn. */
export type Turns = () => Promise<void>

/**
 * Lets long work of many connections take turns: one caller goes on in each turn of the event loop, so that sockets and the
 * writer are looked at between any two slices, however many queries are under way. Who joins gets as many turns as any
 * other, in the order of asking, however much it has under way.
 */
export function createTurns(metrics: { queriesWaiting: number }): { join(): Turns } {
  /** Those of which something waits. */
  const lines: (() => void)[][] = []
  let waiting = 0
  const count = (change: 1 | -1) => {
    waiting += change
    metrics.queriesWaiting = waiting
  }
  const next = () => {
    const line = lines.shift()
    line?.shift()?.()
    count(-1)
    if (line !== undefined && line.length > 0) lines.push(line)
    if (lines.length > 0) setImmediate(next)
  }
  return {
    join: () => {
      const line: (() => void)[] = []
      return () =>
        new Promise(resolve => {
          line.push(resolve)
          if (line.length === 1) lines.push(line)
          count(1)
          if (waiting === 1) setImmediate(next)
        })
    },
  }
}

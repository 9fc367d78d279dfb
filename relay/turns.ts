/** Resolves when it is the caller's turn. */
export type Turns = () => Promise<void>

/**
 * Lets long work of many connections take turns: one caller goes on in each turn of the event loop, in the order of asking,
 * so that sockets and the writer are looked at between any two slices, however many queries are under way.
 */
export function createTurns(metrics: { queriesWaiting: number }): Turns {
  const waiting: (() => void)[] = []
  const next = () => {
    waiting.shift()?.()
    metrics.queriesWaiting = waiting.length
    if (waiting.length > 0) setImmediate(next)
  }
  return () =>
    new Promise(resolve => {
      waiting.push(resolve)
      metrics.queriesWaiting = waiting.length
      if (waiting.length === 1) setImmediate(next)
    })
}

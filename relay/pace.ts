/** Whether what is done of its kind has had its time on this turn of the event loop. */
export type Pace = () => boolean

/** Makes a pace of so many milliseconds a turn, counted from the first time that it is asked on a turn. */
export function createPace(budgetMs: number, nowMs: () => number = () => performance.now()): Pace {
  let startMs: number | null = null
  return () => {
    if (startMs !== null) return nowMs() - startMs >= budgetMs
    startMs = nowMs()
    setImmediate(() => {
      startMs = null
    })
    return false
  }
}

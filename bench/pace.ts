/** Calls `act` every so often with how many are due since the last call, at a steady rate, until `count` have been. */
export function every(milliseconds: number, perSecond: number, count: number, act: (due: number) => void): void {
  const startMs = performance.now()
  let done = 0
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor(((performance.now() - startMs) / 1_000) * perSecond)) - done
    done += due
    if (due > 0) act(due)
    if (done >= count) clearInterval(timer)
  }, milliseconds)
}

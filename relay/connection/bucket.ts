const monotonicMs = () => performance.now()

/** A token bucket: `burst` at once, refilled at `perSecond`; the returned function takes some, or says no. */
export function createBucket(options: {
  perSecond: number
  burst: number
  nowMs?: () => number
}): (cost?: number) => boolean {
  const { perSecond, burst, nowMs = monotonicMs } = options
  let tokens = burst
  let atMs = nowMs()
  return (cost = 1) => {
    const time = nowMs()
    tokens = Math.min(burst, tokens + ((time - atMs) / 1_000) * perSecond)
    atMs = time
    if (tokens < Math.min(cost, burst)) return false
    tokens -= cost
    return true
  }
}

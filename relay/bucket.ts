/** A token bucket: `burst` at once, refilled at `perSecond`; the returned function takes one, or says no. */
export function createBucket(options: { perSecond: number; burst: number; nowMs?: () => number }): () => boolean {
  const { perSecond, burst, nowMs = () => performance.now() } = options
  let tokens = burst
  let atMs = nowMs()
  return () => {
    const time = nowMs()
    tokens = Math.min(burst, tokens + ((time - atMs) / 1_000) * perSecond)
    atMs = time
    if (tokens < 1) return false
    tokens--
    return true
  }
}

/**
 * Takes one, or so many, from the ration of a key; `false`, and nothing is taken, when there are not as many left. With a
 * cost of 0 it only says whether one is left.
 */
export type Ration<Key = string> = (key: Key, cost?: number) => boolean

/** How many keys a ration remembers; the least lately seen is forgotten first. */
const maxKeys = 50_000

/** A token bucket per key: `burst` at once, refilled at `perSecond`. Memory is bounded. `nowMs` is monotonic. */
export function createRation(options: { perSecond: number; burst: number; nowMs(): number }): Ration {
  const { perSecond, burst, nowMs } = options
  const buckets = new Map<string, { tokens: number; atMs: number }>()
  let latest: string | undefined

  const bucketOf = (key: string, atMs: number) => {
    const known = buckets.get(key)
    if (known !== undefined && key === latest) return known
    const bucket = known ?? { tokens: burst, atMs }
    // Put back at the end, so that the map is in order of last use.
    buckets.delete(key)
    if (buckets.size >= maxKeys) {
      const oldest = buckets.keys().next()
      if (!oldest.done) buckets.delete(oldest.value)
    }
    buckets.set(key, bucket)
    latest = key
    return bucket
  }

  return (key, cost = 1) => {
    const atMs = nowMs()
    const bucket = bucketOf(key, atMs)
    bucket.tokens = Math.min(burst, bucket.tokens + ((atMs - bucket.atMs) / 1_000) * perSecond)
    bucket.atMs = atMs
    // What is no number is never enough.
    if (!(bucket.tokens >= Math.max(1, cost))) return false
    bucket.tokens -= cost
    return true
  }
}

import { createBucket } from '../connection/bucket.ts'

/** How many keys are remembered, at most. */
const maxKeys = 50_000

/**
 * A token bucket for each key. Memory is bounded however many keys there are: they are kept in two halves, and when the
 * newer is full, what was not seen since the older was begun is forgotten, which gives a key its burst again.
 */
export function createBuckets(options: {
  perSecond: number
  burst: number
  nowMs?: () => number
  max?: number
}): (key: string) => boolean {
  const half = Math.max(1, Math.floor((options.max ?? maxKeys) / 2))
  let newer = new Map<string, () => boolean>()
  let older = new Map<string, () => boolean>()
  return key => {
    const recent = newer.get(key)
    if (recent !== undefined) return recent()
    const bucket = older.get(key) ?? createBucket(options)
    if (newer.size >= half) {
      older = newer
      newer = new Map()
    }
    newer.set(ownCopy(key), bucket)
    return bucket()
  }
}

/** A key may be part of a header or message, all of which would be kept for it. */
function ownCopy(key: string): string {
  return Buffer.from(key).toString()
}

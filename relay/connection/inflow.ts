import type { Limits } from '../limits.ts'
import type { Reading } from './reading.ts'

/** What a frame takes beside its payload: its header and its mask. */
const frameBytes = 8

/**
 * Bounds how fast a client is read from: the returned function is told of each frame's payload, and stops reading for as
 * long as it takes until what was too much is allowed for. Nothing is lost: the rest waits with the client.
 */
export function createInflow(options: {
  reading: Reading
  limits: Pick<Limits, 'bytesPerSecond' | 'bytesBurst'>
  nowMs?: () => number
  later?: (run: () => void, ms: number) => void
}): (payloadBytes: number) => void {
  const { reading, limits, nowMs = () => performance.now(), later = runLater } = options
  const { bytesPerSecond, bytesBurst } = limits
  let left = bytesBurst
  let atMs = nowMs()
  let isHolding = false
  return payloadBytes => {
    const time = nowMs()
    left = Math.min(bytesBurst, left + ((time - atMs) / 1_000) * bytesPerSecond) - payloadBytes - frameBytes
    atMs = time
    if (left >= 0 || isHolding) return
    isHolding = true
    reading.pause()
    const holdMs = Math.ceil((-left / bytesPerSecond) * 1_000)
    later(() => {
      isHolding = false
      reading.resume()
    }, holdMs)
  }
}

function runLater(run: () => void, ms: number): void {
  setTimeout(run, ms).unref()
}

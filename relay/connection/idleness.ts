/**
 * Tells connections that nobody uses: asked at intervals whether there was any use of it since, the returned function says
 * whether there has been none for so long.
 */
export function createIdleness(
  idleSeconds: number,
  nowMs: () => number = () => performance.now(),
): (isUsed: boolean) => boolean {
  let sinceMs = nowMs()
  return isUsed => {
    const time = nowMs()
    if (isUsed) sinceMs = time
    return time - sinceMs >= idleSeconds * 1_000
  }
}

/** The clock that the log is written by. */
export type LogClock = {
  /** Log time, Unix seconds: never before the last entry, and never across an unconfirmed jump. */
  now(): number
  /** The jump that nobody has confirmed yet, in seconds, or `null` when time runs. */
  unconfirmedJumpSeconds(): number | null
  /** An operator says that the machine's clock is right. */
  confirm(): void
}

/** A step of more than this since the last entry or heartbeat is not believed. */
const maxJumpSeconds = 3_600

/**
 * Makes log time of the machine's clock: `max(clock, last entry's time)`. After a jump of more than an hour it goes on
 * from the last time believed, by the monotonic clock, until an operator confirms: one bad step must not expire every name.
 */
export function createLogClock(options: {
  /** Unix seconds by the machine's clock. */
  wallSeconds(): number
  /** Milliseconds by a clock that is never set. */
  monotonicMs(): number
  /** Unix seconds when the service was last seen running: the newer of last entry and heartbeat; `null` on first start. */
  lastSeen: number | null
  /** Told once of each jump, in seconds. */
  onJump(seconds: number): void
}): LogClock {
  let believed = { time: options.lastSeen ?? options.wallSeconds(), atMs: options.monotonicMs() }
  let jump: number | null = null

  const elapsed = () => believed.time + Math.floor((options.monotonicMs() - believed.atMs) / 1_000)
  return {
    now: () => {
      const wall = options.wallSeconds()
      const expected = elapsed()
      if (jump === null && wall - expected > maxJumpSeconds) {
        jump = wall - expected
        options.onJump(jump)
      }
      if (jump !== null) return expected
      // A clock set back leaves log time standing until the clock has caught up.
      if (wall > believed.time) believed = { time: wall, atMs: options.monotonicMs() }
      return believed.time
    },
    unconfirmedJumpSeconds: () => jump,
    confirm: () => {
      jump = null
      believed = { time: Math.max(options.wallSeconds(), elapsed()), atMs: options.monotonicMs() }
    },
  }
}

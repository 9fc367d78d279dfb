import { setTimeout as delay } from 'node:timers/promises'

/** How long things may take, in milliseconds of the process, not of `now`. */
export type Pace = {
  /** A wallet that has not answered by then is not waited for, whatever the signal says. */
  readonly answerMs: number
  /** A relay that has not taken the subscription by then is given up. */
  readonly subscribeMs: number
  /** A connection on which nothing came for this long, not even a pong, is dead. */
  readonly pingMs: number
  /** How often a stream looks for what notifications did not tell. */
  readonly sweepMs: number
  /** The first and the longest pause before a relay that failed is tried again. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
}

export const defaultPace: Pace = {
  answerMs: 60_000,
  subscribeMs: 10_000,
  pingMs: 20_000,
  sweepMs: 60_000,
  retryMinMs: 250,
  retryMaxMs: 30_000,
}

/** The pauses between tries of one relay: none at first, then longer and longer. */
export type Backoff = {
  /** Something came of the connection. */
  succeeded(): void
  failed(): void
  /** Until the next try is due. Rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>
}

export function createBackoff({ retryMinMs, retryMaxMs }: Pace): Backoff {
  let failures = 0
  let dueMs = 0
  return {
    succeeded: () => {
      failures = 0
    },
    failed: () => {
      dueMs = performance.now() + Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(failures, 20))
      failures++
    },
    wait: async signal => {
      const leftMs = failures === 0 ? 0 : dueMs - performance.now()
      if (leftMs > 0) await delay(leftMs, undefined, { signal })
    },
  }
}

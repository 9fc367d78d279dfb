import type { Waits } from '../../src/jobs/pause.ts'

/** Whatever ends when a process ends: what waits for it is never called. */
export type Life = { alive: boolean }

/** Simulated time: nothing happens between two events, and equal seeds have equal events. */
export type Timeline = {
  /** True Unix seconds, as the wallet and the customers see them. */
  now(): number
  nowMs(): number
  /** Calls once `delayMs` have passed, if the life it belongs to has not ended by then. */
  after(delayMs: number, life: Life, call: () => void): void
  /** Moves to a time at which what is due is looked at; timers that were set meanwhile wait for the next look. */
  advance(ms: number): Promise<void>
  /** Looks so many times in so many milliseconds, as a machine that is slow would. */
  pass(ms: number, looks: number): Promise<void>
  /** How often was looked. */
  looks(): number
  /** How the jobs of a life wait. */
  waits(life: Life): Waits
}

type Entry = { readonly atMs: number; readonly order: number; readonly life: Life; readonly call: () => void }

/** Begins a timeline. */
export function createTimeline(startSeconds: number): Timeline {
  let nowMs = startSeconds * 1_000
  let order = 0
  let looks = 0
  let entries: Entry[] = []

  const after: Timeline['after'] = (delayMs, life, call) => {
    entries.push({ atMs: nowMs + delayMs, order: order++, life, call })
  }

  const advance = async (ms: number): Promise<void> => {
    nowMs += ms
    looks++
    const due = entries.filter(entry => entry.atMs <= nowMs)
    if (due.length > 0) {
      entries = entries.filter(entry => entry.atMs > nowMs && entry.life.alive)
      due.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    }
    for (const { life, call } of due) {
      if (!life.alive) continue
      call()
      await settled()
    }
  }

  return {
    now: () => Math.floor(nowMs / 1_000),
    nowMs: () => nowMs,
    after,
    advance,
    pass: async (ms, times) => {
      for (let look = 0; look < times; look++) await advance(ms / times)
    },
    looks: () => looks,
    waits: life => ({
      pause: (ms, signal) =>
        new Promise(resolve => {
          if (signal.aborted) return
          after(ms, life, resolve)
        }),
      timeout: ms => {
        const controller = new AbortController()
        after(ms, life, () => controller.abort(new DOMException('too late', 'TimeoutError')))
        return controller.signal
      },
    }),
  }
}

/** Resolves when no promise can go on without something happening. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

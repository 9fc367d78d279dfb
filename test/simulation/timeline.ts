import type { Waits } from '../../src/jobs/pause.ts'

/** Whatever ends when a process ends: what waits for it is never called. */
export type Life = { alive: boolean }

/** What no process is: the wallet, the network, other people. */
export const outsideWorld: Life = { alive: true }

/** Simulated time: nothing happens between two events, and equal seeds have equal events. */
export type Timeline = {
  /** True Unix seconds, as the wallet and the customers see them. */
  now(): number
  nowMs(): number
  /** Calls once `delayMs` have passed, if the life it belongs to has not ended by then. */
  after(delayMs: number, life: Life, call: () => void): void
  /**
   * Lets time pass in so many parts. What comes from outside happens at its time; jobs that wait for a while look around
   * once in each part, as on a machine that is slow, so that a year costs no more than a minute.
   */
  pass(ms: number, parts: number): Promise<void>
  /** How the jobs of a life wait. */
  waits(life: Life): Waits
}

type Entry = { readonly atMs: number; readonly order: number; readonly life: Life; readonly call: () => void }

/**
 * How many promises may follow from one event before the next one comes. A turn of the event loop would let all of them go on,
 * and costs several times as much; a chain that is longer goes on beside the next event, the same way each time.
 */
const promiseHops = 16
const tooLate = new DOMException('too late', 'TimeoutError')

/** Begins a timeline. */
export function createTimeline(startSeconds: number): Timeline {
  let nowMs = startSeconds * 1_000
  let order = 0
  let entries: Entry[] = []
  /** Waits that began in this part, and end in a later one. */
  let resting: Entry[] = []

  const entry = (delayMs: number, life: Life, call: () => void): Entry => ({
    atMs: nowMs + delayMs,
    order: order++,
    life,
    call,
  })

  const after: Timeline['after'] = (delayMs, life, call) => {
    insert(entries, entry(delayMs, life, call))
  }

  const part = async (untilMs: number): Promise<void> => {
    for (const rested of resting) insert(entries, rested)
    resting = []
    for (let next = entries[0]; next !== undefined && next.atMs <= untilMs; next = entries[0]) {
      entries.shift()
      if (!next.life.alive) continue
      nowMs = Math.max(nowMs, next.atMs)
      next.call()
      for (let hop = 0; hop < promiseHops; hop++) await undefined
    }
    await settled()
    nowMs = untilMs
    entries = entries.filter(({ life }) => life.alive)
  }

  return {
    now: () => Math.floor(nowMs / 1_000),
    nowMs: () => nowMs,
    after,
    pass: async (ms, parts) => {
      const beganMs = nowMs
      for (let done = 1; done <= parts; done++) await part(beganMs + Math.floor((ms * done) / parts))
    },
    waits: life => ({
      pause: (ms, signal) =>
        new Promise(resolve => {
          if (signal.aborted) resolve()
          else resting.push(entry(ms, life, resolve))
        }),
      timeout: ms => {
        const controller = new AbortController()
        after(ms, life, () => controller.abort(tooLate))
        return controller.signal
      },
      turn: () => new Promise(resolve => after(0, life, resolve)),
    }),
  }
}

/** Puts an entry behind all that are not later. */
function insert(entries: Entry[], entry: Entry): void {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = entries[middle]
    if (other !== undefined && (other.atMs < entry.atMs || (other.atMs === entry.atMs && other.order < entry.order))) {
      low = middle + 1
    } else high = middle
  }
  entries.splice(low, 0, entry)
}

/** Resolves when no promise can go on without something happening. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

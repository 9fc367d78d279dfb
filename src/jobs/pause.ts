import { timeLimit } from '../adapters/time-limit.ts'

/** How jobs wait: by the machine's timers, or in a time of their own when they are simulated. */
export type Waits = {
  /** Waits, or returns at once when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>
  /** A signal that aborts after so long. */
  timeout(ms: number): AbortSignal
  /** Lets everything else that can go on do so first. */
  turn(): Promise<void>
}

/** Waits by the machine's timers, which do not keep the process alive. */
export const machineWaits: Waits = {
  pause: (ms, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve()
      const wake = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      timer.unref()
      signal.addEventListener('abort', wake)
    }),
  timeout: timeLimit,
  turn: () => new Promise(resolve => setImmediate(resolve)),
}

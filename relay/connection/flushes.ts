import { createPacedQueue, type PacedQueue } from '../paced-queue.ts'

/** Pages of all connections that are to be sent when this turn's work is done, or, if they are many, on the next turns. */
export type Flushes = PacedQueue<() => void>

/** An event for a thousand clients is a thousand writes. */
const budgetMs = 1

/** Makes the list, shared by all connections. */
export function createFlushes(onError: (error: unknown) => void): Flushes {
  return createPacedQueue<() => void>({
    budgetMs,
    handle: flush => {
      try {
        flush()
      } catch (error) {
        onError(error)
      }
    },
    begin: run => process.nextTick(run),
  })
}

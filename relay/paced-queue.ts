import { createPace } from './pace.ts'

/** Things that are dealt with in their order, for so long on a turn of the event loop, and the rest on later ones. */
export type PacedQueue<T> = {
  push(item: T): void
  /** How many wait. */
  length(): number
}

/** Makes the queue. `begin` says when to begin with what comes to an empty queue: at once, unless it says otherwise. */
export function createPacedQueue<T>(options: {
  budgetMs: number
  /** Must not throw. */
  handle(item: T): void
  begin?: (run: () => void) => void
  /** Called when there is nothing more. */
  emptied?: () => void
  nowMs?: () => number
}): PacedQueue<T> {
  const { budgetMs, handle, begin = run => run(), emptied = () => undefined, nowMs } = options
  // Of the turn, not of the call: what comes one by one finds the queue empty each time.
  const isOver = createPace(budgetMs, nowMs)
  let items: (T | undefined)[] = []
  let at = 0
  let isRunning = false

  const run = () => {
    while (at < items.length && !isOver()) {
      const item = items[at]
      // It is let go even if there is always something behind it.
      items[at++] = undefined
      if (item !== undefined) handle(item)
    }
    if (at < items.length) return void setImmediate(run)
    items = []
    at = 0
    isRunning = false
    emptied()
  }

  return {
    push: item => {
      items.push(item)
      if (isRunning) return
      isRunning = true
      begin(run)
    },
    length: () => items.length - at,
  }
}

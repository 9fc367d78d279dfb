import { createPace } from './pace.ts'

/** Those who have something to do take turns with it: one thing each, and then the next, for so long on a turn of the event loop. */
export type Rota = {
  /** Whether something may be done at once: nobody waits, and this turn of the event loop has time. */
  isFree(): boolean
  /** Has `next` called when its turn has come, again and again until it says that there is no more. */
  join(next: () => boolean): void
}

/** Makes the rota. Who joins comes last, so that nobody is kept waiting by how much others have to do. */
export function createRota(budgetMs: number, nowMs: () => number = () => performance.now()): Rota {
  const isOver = createPace(budgetMs, nowMs)
  let line: (() => boolean)[] = []

  const run = () => {
    const endMs = nowMs() + budgetMs
    let done = 0
    // Who is not through comes again behind all others.
    for (let next = line[0]; next !== undefined; next = line[done]) {
      done++
      if (next()) line.push(next)
      if (nowMs() >= endMs) break
    }
    line = line.slice(done)
    if (line.length > 0) setImmediate(run)
  }

  return {
    isFree: () => line.length === 0 && !isOver(),
    join: next => {
      if (line.push(next) === 1) setImmediate(run)
    },
  }
}

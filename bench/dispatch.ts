import { latencyOf } from './latency.ts'
import type { LoadResult } from './load-task.ts'
import { every } from './pace.ts'

const paceMs = 1

/** Hands out requests to lines, each of which has one on its way at a time. */
export type Dispatch<Line> = {
  add(line: Line): void
  /** Tells that the request that `begin` was called for has its answer. */
  answered(line: Line, sinceMs: number): void
  fail(error: Error): void
  /** Resolves when all are answered. */
  run(): Promise<Omit<LoadResult, 'received'>>
}

/**
 * Makes a dispatch of `count` requests; or for so many `seconds`; or at a rate for so long. At a rate, a request counts from
 * when it was due, so that those that wait for a free line are not flattered. `begin` sends the next request.
 */
export function createDispatch<Line>(options: {
  begin(line: Line, sinceMs: number): void
  count: number
  seconds: number | undefined
  perSecond: number | undefined
}): Dispatch<Line> {
  const { begin, count, seconds, perSecond } = options
  const isPaced = seconds !== undefined && perSecond !== undefined
  const total = isPaced ? seconds * perSecond : seconds === undefined ? count : Number.POSITIVE_INFINITY
  const durationsMs: number[] = []
  const waiting: number[] = []
  const idle: Line[] = []
  let begun = 0
  let endMs = Number.POSITIVE_INFINITY
  let finish: (error?: Error) => void = () => undefined

  const start = (line: Line, sinceMs: number) => {
    if (begun >= total || performance.now() >= endMs) return
    begun++
    begin(line, sinceMs)
  }

  const startDue = (due: number) => {
    const nowMs = performance.now()
    for (let index = 0; index < due; index++) {
      const line = idle.pop()
      if (line === undefined) waiting.push(nowMs)
      else start(line, nowMs)
    }
  }

  return {
    add: line => void idle.push(line),
    answered: (line, sinceMs) => {
      const nowMs = performance.now()
      durationsMs.push(nowMs - sinceMs)
      if (isPaced) {
        const due = waiting.shift()
        if (due === undefined) idle.push(line)
        else start(line, due)
      } else {
        start(line, nowMs)
      }
      if (durationsMs.length === begun && (begun >= total || nowMs >= endMs)) finish()
    },
    fail: error => finish(error),
    run: async () => {
      const startMs = performance.now()
      await new Promise<void>((resolve, reject) => {
        finish = error => (error === undefined ? resolve() : reject(error))
        if (isPaced) return every(paceMs, perSecond, total, startDue)
        if (seconds !== undefined) endMs = startMs + seconds * 1_000
        for (const line of idle.splice(0)) start(line, startMs)
      })
      return { ...latencyOf(durationsMs), seconds: (performance.now() - startMs) / 1_000 }
    },
  }
}

import type { Origin } from '../host.ts'
import { createPace } from '../pace.ts'
import type { Submitted } from '../submitted.ts'
import type { ImportShare } from './import.ts'
import type { SyncTally } from './sync-report.ts'

/** Hands events of the other side to the relay, no faster than it may. */
export type Intake = {
  /** Takes one; `settled` is called when it is durable or refused. */
  take(event: unknown, settled: () => void): void
  /** How many are not settled. */
  waiting(): number
}

type Waiting = { readonly event: unknown; readonly settled: () => void; tries: number }

/** Of a turn of the event loop. */
const turnMs = 1
const restMs = 2
const busyRestMs = 50
/** The relay is too busy for an event so often before it is left for the next time. */
const maxTries = 100

/** Makes the intake of events from a URL. What is the storage's fault stops everything. */
export function createIntake(options: {
  url: string
  submit(event: unknown, origin: Origin, done: (outcome: Submitted) => void): void
  load(): { readonly unverified: number; readonly queued: number }
  share: ImportShare
  tally: SyncTally
  /** The disk is full, or broken. */
  onStorageFault(message: string): void
}): Intake {
  const { url, submit, load, share, tally, onStorageFault } = options
  const origin: Origin = { source: 'sync', ip: url, authenticated: new Set() }
  const isOver = createPace(turnMs)
  const queue: Waiting[] = []
  let underWay = 0
  let waiting = 0
  let isScheduled = false
  let restUntilMs = 0

  const isBusy = (): boolean => {
    const { unverified, queued } = load()
    return underWay >= share.events || unverified >= share.unverified || queued - underWay >= share.queued
  }
  const pump = () => {
    isScheduled = false
    while (performance.now() >= restUntilMs && queue.length > 0 && !isOver() && !isBusy()) {
      const next = queue.shift()
      if (next !== undefined) give(next)
    }
    if (queue.length > 0) later(restMs)
  }
  const later = (ms: number) => {
    if (isScheduled) return
    isScheduled = true
    setTimeout(pump, ms)
  }

  const give = (entry: Waiting) => {
    underWay++
    submit(entry.event, origin, outcome => {
      underWay--
      if (outcome.message.startsWith('rate-limited:') && ++entry.tries < maxTries) {
        queue.push(entry)
        restUntilMs = performance.now() + busyRestMs
        return later(busyRestMs)
      }
      count(outcome)
      waiting--
      entry.settled()
      if (queue.length > 0) later(0)
    })
  }
  const count = ({ accepted, message }: Submitted) => {
    if (!accepted) {
      tally.skip('received', message)
      if (message.startsWith('error:')) onStorageFault(message)
    } else if (message.startsWith('duplicate:')) tally.duplicate()
    else tally.received()
  }

  return {
    take: (event, settled) => {
      waiting++
      queue.push({ event, settled, tries: 0 })
      later(0)
    },
    waiting: () => waiting,
  }
}

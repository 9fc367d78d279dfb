import type { EventStore } from '../store/store.ts'
import type { Intake } from './sync-intake.ts'
import type { Remote } from './sync-remote.ts'
import { quoted, type SyncTally } from './sync-report.ts'

/** Asks the other side for events by their ids. */
export type Download = {
  /** `false` when it is here, asked for already, or not to be had. */
  want(id: Buffer): boolean
  /** Resolves when more may be wanted, or the connection has ended. */
  room(): Promise<void>
  /** Resolves when all that was wanted has come or will not. */
  settled(): Promise<void>
}

type Wanted = { readonly id: string; tries: number }

/** Ids in a REQ; relays give 500 events or more. */
const idsPerRequest = 250
const requestsAtOnce = 2
const maxWanted = 20_000
/** One answer may tell of some ten thousand more. */
const maxAsked = 100_000
/** A relay that gives fewer than it was asked for is asked again for the others, as long as it gives any. */
const maxTries = 3

/** Makes the download; `atOnce` is how many events may be under way. */
export function createDownload(options: {
  remote: Remote
  store: Pick<EventStore, 'has'>
  intake: Intake
  tally: SyncTally
  atOnce: number
}): Download {
  const { remote, store, intake, tally, atOnce } = options
  const perRequest = Math.max(1, Math.min(idsPerRequest, Math.floor(atOnce / requestsAtOnce)))
  const wanted: Wanted[] = []
  /** What is wanted, under way, or has come to nothing: the store does not know of these. */
  const asked = new Set<string>()
  const waiting: (() => void)[] = []
  let underWay = 0
  let requests = 0

  const next = () => {
    while (underWay < requestsAtOnce && wanted.length > 0 && remote.isOpen()) {
      underWay++
      void fetch(wanted.splice(0, perRequest)).finally(() => {
        underWay--
        next()
      })
    }
    for (const wake of waiting.splice(0)) wake()
  }

  const fetch = async (batch: Wanted[]): Promise<void> => {
    const missing = new Map(batch.map(entry => [entry.id, entry]))
    const name = `d${requests++}`
    const patience = remote.patience()
    let taken = 0
    let settled = 0
    let closed: string | null = null
    await new Promise<void>(resolve => {
      let isOver = false
      const finish = () => {
        if (isOver && settled === taken) resolve()
      }
      const over = () => {
        isOver = true
        patience.over()
        stopListening()
        stopWaiting()
        finish()
      }
      const stopListening = remote.listen(`subscription ${name}`, ([verb, , value]) => {
        if (verb !== 'EVENT') {
          if (verb === 'CLOSED') closed = quoted(value)
          return over()
        }
        const id = idOf(value)
        // What is not asked for is not even looked at.
        if (id === null || !missing.delete(id)) return remote.stray()
        patience.heard()
        taken++
        intake.take(value, () => {
          settled++
          finish()
        })
      })
      const stopWaiting = remote.onEnd(over)
      const ids = batch.map(({ id }) => id)
      void remote.send(['REQ', name, { ids, limit: ids.length }])
    })
    if (!remote.isOpen()) return
    void remote.send(['CLOSE', name])
    // The oldest give way, so that what cannot be had does not fill memory.
    for (const { id } of batch) {
      if (store.has(id)) asked.delete(id)
    }
    for (const id of asked) {
      if (asked.size <= maxAsked) break
      asked.delete(id)
    }
    for (const entry of missing.values()) {
      if (taken > 0 && ++entry.tries < maxTries) wanted.push(entry)
      else tally.skip('received', closed === null ? 'the other side does not give it' : `the other side: ${closed}`)
    }
  }

  const until = async (isEnough: () => boolean): Promise<void> => {
    while (!isEnough() && (remote.isOpen() || underWay > 0)) await new Promise<void>(resolve => waiting.push(resolve))
  }
  remote.onEnd(next)

  return {
    want: id => {
      const hex = id.toString('hex')
      if (asked.has(hex) || store.has(hex)) return false
      asked.add(hex)
      wanted.push({ id: hex, tries: 0 })
      if (wanted.length >= perRequest) next()
      return true
    },
    room: () => until(() => wanted.length < maxWanted),
    settled: () => {
      next()
      return until(() => wanted.length === 0 && underWay === 0)
    },
  }
}

function idOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('id' in value)) return null
  return typeof value.id === 'string' ? value.id : null
}

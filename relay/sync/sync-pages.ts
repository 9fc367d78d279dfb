import { eventTest, type Filter } from '../query/filter.ts'
import { parseEvent } from '../signatures/verify.ts'
import type { EventStore } from '../store/store.ts'
import type { Intake } from './sync-intake.ts'
import { timesOf } from './sync-reconcile.ts'
import type { Remote } from './sync-remote.ts'
import { quoted, type SyncTally } from './sync-report.ts'
import type { Window } from './sync-windows.ts'

const eventsPerPage = 500
/** Some relays give more than they are asked for. */
const maxEventsPerPage = 5_000
/** While so many wait to be stored, nothing more is read. */
const holdAt = 1_000

type Page = {
  readonly events: number
  readonly news: number
  readonly oldest: number
  /** What the other side says of whether there is more (NIP-67), if it does. */
  readonly hint: 'more' | 'finish' | null
}

/**
 * Fetches all that a filter asks for, page after page from the newest on: for relays without NIP-77. Resolves with the
 * reason when it ended early.
 */
export async function fetchPages(
  window: Window,
  filter: Filter,
  options: {
    remote: Remote
    store: Pick<EventStore, 'has'>
    intake: Intake
    /** As it is sent, without times. */
    wanted: Readonly<Record<string, unknown>>
    limits: Parameters<typeof parseEvent>[1]
    tally: SyncTally
    /** What is newer than this has been fetched. */
    reached(time: number): void
  },
): Promise<string | null> {
  const { remote, tally, reached } = options
  let until = window.until
  for (let number = 0; remote.isOpen(); number++) {
    const page = await fetchPage(
      `p${number}`,
      { ...window, until },
      { ...filter, ...(until === null ? {} : { until }) },
      options,
    )
    if (typeof page === 'string') return page
    if (page.events === 0 || page.hint === 'finish') return null
    // A second that goes on in the next page is asked for again, unless there was nothing else on this one.
    const isStuck = until !== null && page.oldest >= until && page.news === 0
    if (isStuck && page.events >= eventsPerPage) {
      tally.skip('received', 'there are more events in one second than the other side gives at once')
    }
    if (page.oldest <= window.since && isStuck) return null
    until = isStuck ? page.oldest - 1 : page.oldest
    if (until < window.since || until < 0) return null
    reached(until)
  }
  return remote.reason()
}

/** One page, whose events are all durable or refused when it resolves; a reason when there is none to be had. */
function fetchPage(
  name: string,
  window: Window,
  filter: Filter,
  options: Parameters<typeof fetchPages>[2],
): Promise<Page | string> {
  const { remote, store, intake, wanted, limits, tally } = options
  const patience = remote.patience()
  const isAsked = eventTest(filter)
  let [events, news, oldest, settled, taken] = [0, 0, Number.MAX_SAFE_INTEGER, 0, 0]
  let release: (() => void) | null = null

  return new Promise(resolve => {
    let result: { hint: Page['hint'] } | string | null = null
    const finish = () => {
      if (result === null || settled < taken) return
      resolve(typeof result === 'string' ? result : { events, news, oldest, ...result })
    }
    const over = (what: { hint: Page['hint'] } | string) => {
      if (result !== null) return
      result = what
      patience.over()
      stopListening()
      stopWaiting()
      release?.()
      void remote.send(['CLOSE', name])
      finish()
    }
    const take = (value: unknown) => {
      const parsed = parseEvent(value, limits)
      if (!parsed.ok) return tally.skip('received', `invalid: ${parsed.reason}`)
      const { event } = parsed
      if (!isAsked(event)) return remote.stray()
      if (++events > maxEventsPerPage) return remote.end('it sends more than it was asked for')
      patience.heard()
      oldest = Math.min(oldest, event.created_at)
      if (store.has(event.id)) return
      news++
      taken++
      intake.take(value, () => {
        settled++
        if (intake.waiting() < holdAt / 2) {
          release?.()
          release = null
        }
        finish()
      })
      if (intake.waiting() >= holdAt) release ??= remote.hold()
    }
    const stopListening = remote.listen(`subscription ${name}`, ([verb, , value]) => {
      if (verb === 'EVENT') take(value)
      else if (verb === 'CLOSED') over(`the other side: ${quoted(value)}`)
      else over({ hint: hintOf(value) })
    })
    const stopWaiting = remote.onEnd(() => over(remote.reason()))
    void remote.send(['REQ', name, { ...wanted, ...timesOf(window), limit: eventsPerPage }])
  })
}

function hintOf(value: unknown): Page['hint'] {
  if (!Array.isArray(value)) return null
  return value.includes('finish') ? 'finish' : value.includes('more') ? 'more' : null
}

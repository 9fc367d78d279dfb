import { setTimeout as delay } from 'node:timers/promises'
import type { Limits } from '../limits.ts'
import { type Filter, parseFilter } from '../query/filter.ts'
import { visibleTo } from '../query/readers.ts'
import type { Relay } from '../relay.ts'
import type { ImportShare } from './import.ts'
import { createDownload } from './sync-download.ts'
import { createIntake } from './sync-intake.ts'
import { fetchPages } from './sync-pages.ts'
import { createReconciler } from './sync-reconcile.ts'
import { openRemote, type Remote, type SyncTimes, usualTimes } from './sync-remote.ts'
import { createSyncTally, type SyncReport } from './sync-report.ts'
import { createUpload } from './sync-upload.ts'
import { halve, type Window } from './sync-windows.ts'

/** Which way events go. */
export type Direction = 'up' | 'down' | 'both'

/** A synchronisation under way. */
export type Sync = {
  report(): SyncReport
  /** Resolves when it is over, also when it did not come to its end; see `stopped`. */
  readonly done: Promise<SyncReport>
}

/** An operator may ask for more than a client. */
const filterLimits = { maxLimit: Number.MAX_SAFE_INTEGER, maxValues: 1_000, maxTagKeys: 52 }
/** A connection that is lost is made again, unless nothing has come of the last ones. */
const maxFruitless = 5
const maxConnections = 100

/** Checks what to synchronise: a filter (NIP-01) that tells of each event by itself whether it is meant. */
export function syncFilter(
  value: unknown,
): { readonly ok: true; readonly filter: Filter } | { readonly ok: false; readonly reason: string } {
  if (typeof value === 'object' && value !== null && ('limit' in value || 'search' in value)) {
    return { ok: false, reason: 'neither limit nor search can be synchronised' }
  }
  return parseFilter(value, filterLimits)
}

/**
 * Makes a relay and another one agree on what a filter asks for, by reconciliation (NIP-77), else by fetching everything.
 * What comes goes the way of a client's event, with `sync` as its source; what is given is never of restricted kinds. An
 * interrupted one is resumed by another: what has been settled is no difference any more.
 */
export function startSync(options: {
  /** ws: or wss:. It is the operator's word: private addresses too. */
  url: string
  filter: Readonly<Record<string, unknown>>
  direction: Direction
  relay: Pick<Relay, 'store' | 'submit' | 'stats'>
  restrictedKinds: ReadonlySet<number>
  limits: Limits
  share: ImportShare
  now(): number
  signal?: AbortSignal
  times?: SyncTimes
}): Sync {
  const { url, filter: wantedWithTimes, direction, relay, restrictedKinds, limits, share, now, signal } = options
  const { times = usualTimes } = options
  const { store } = relay
  const tally = createSyncTally()
  const { since: _since, until: _until, ...wanted } = wantedWithTimes
  let remote: Remote | null = null
  let isStopped = false
  let isPaging = false
  /** Windows and pages that are done with. */
  let steps = 0

  const stop = (reason: string) => {
    isStopped = true
    tally.stop(reason)
    remote?.end(reason)
  }
  const onAbort = () => stop('it was ended')
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) onAbort()

  /** Works on the windows that are left, the last one first, until there are none or the connection is lost. */
  const work = async (connected: Remote, filter: Filter, windows: Window[]): Promise<void> => {
    const intake = createIntake({ url, ...relay, load: relay.stats, share, tally, onStorageFault: stop })
    const download =
      direction === 'up' ? null : createDownload({ remote: connected, store, intake, tally, atOnce: share.events })
    const upload =
      direction === 'down' ? null : createUpload({ remote: connected, store, restrictedKinds, tally, times })
    const reconcileWindow = createReconciler({
      remote: connected,
      store,
      // Nobody's keys: not even the ids of private events are told.
      visible: visibleTo(restrictedKinds, new Set()),
      wanted,
      maxEvents: limits.maxNegentropyEvents,
      download,
      upload,
      tally,
      now,
    })
    const page = async (window: Window): Promise<void> => {
      tally.method('pages')
      const fault = await fetchPages(window, within(filter, window), {
        remote: connected,
        store,
        intake,
        wanted,
        limits,
        tally,
        reached: time => {
          tally.reached(time)
          steps++
          windows[windows.length - 1] = { ...window, until: time }
        },
      })
      if (fault === null) windows.pop()
      else if (connected.isOpen()) stop(fault)
    }
    let timesClosed = 0
    let progressAtClose = -1
    while (connected.isOpen() && !isStopped) {
      const window = windows.at(-1)
      if (window === undefined) return
      if (isPaging) {
        await page(window)
        continue
      }
      const outcome = await reconcileWindow(window, within(filter, window))
      switch (outcome.kind) {
        case 'done':
          tally.method('negentropy')
          tally.reached(window.since)
          steps++
          windows.pop()
          break
        case 'too big': {
          const halves = halve(window, now())
          if (halves !== null) windows.splice(-1, 1, ...halves)
          else {
            tally.skip('received', 'a second with too many events to reconcile')
            windows.pop()
          }
          break
        }
        case 'closed':
          // While events are fetched it may lose patience; what has come by then is no difference any more.
          timesClosed = progress() > progressAtClose ? 1 : timesClosed + 1
          progressAtClose = progress()
          if (timesClosed > maxFruitless) stop('the other side closes every reconciliation')
          break
        case 'unsupported':
          if (direction === 'both') tally.unsent(outcome.reason)
          if (direction === 'up') stop(`the other side does not know NIP-77: ${outcome.reason}`)
          isPaging = true
          break
        case 'refused':
          stop(`the other side: ${outcome.reason}`)
          break
        case 'lost':
          return
        default: {
          const unknown: never = outcome
          throw new Error(`no such outcome ${JSON.stringify(unknown)}`)
        }
      }
    }
  }

  const run = async (): Promise<SyncReport> => {
    const parsed = syncFilter(wantedWithTimes)
    if (!parsed.ok) stop(`the filter cannot be used: ${parsed.reason}`)
    else await connectAndWork(parsed.filter)
    signal?.removeEventListener('abort', onAbort)
    return tally.report()
  }

  const connectAndWork = async (filter: Filter) => {
    const windows: Window[] = [{ since: filter.since ?? 0, until: filter.until ?? null }]
    let fruitless = 0
    for (let connections = 1; windows.length > 0 && !isStopped; connections++) {
      const before = progress()
      const connected = await openRemote(url, { times, counted: tally.bytes })
      if (isStopped && typeof connected !== 'string') connected.end('it was ended')
      if (isStopped) return
      if (typeof connected !== 'string') {
        remote = connected
        await work(connected, filter, windows)
        if (windows.length === 0 || isStopped) return connected.end('done')
      }
      fruitless = progress() > before ? 0 : fruitless + 1
      const reason = typeof connected === 'string' ? connected : connected.reason()
      // Nobody there at first is a mistake in the URL more often than a moment's absence.
      const isNobody = connections === 1 && typeof connected === 'string'
      if (isNobody || fruitless >= maxFruitless || connections >= maxConnections)
        return stop(`the connection: ${reason}`)
      await delay(times.pauseMs * 2 ** fruitless, undefined, signal === undefined ? {} : { signal }).catch(
        () => undefined,
      )
    }
  }

  const progress = (): number => {
    const { received, sent } = tally.report()
    return received + sent + steps
  }

  return { report: tally.report, done: run() }
}

function within(filter: Filter, { since, until }: Window): Filter {
  const { until: _until, ...rest } = filter
  return { ...rest, since, ...(until === null ? {} : { until }) }
}

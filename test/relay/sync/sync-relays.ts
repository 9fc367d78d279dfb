import type { NostrEvent } from '../../../relay/event.ts'
import { defaultLimits, type Limits } from '../../../relay/limits.ts'
import { openHost } from '../../../relay/open-host.ts'
import { wholeShare } from '../../../relay/sync/import.ts'
import { type Direction, startSync } from '../../../relay/sync/sync.ts'
import type { SyncTimes } from '../../../relay/sync/sync-remote.ts'
import type { SyncReport } from '../../../relay/sync/sync-report.ts'
import type { Served } from '../serve-relay.ts'

/** Patient with the machine, and quick to try again. */
const testTimes: SyncTimes = { answerMs: 10_000, exchangeMs: 60_000, pauseMs: 1 }

/** Synchronises a relay with the one at a URL, to the end. */
export function syncWith(
  served: Pick<Served, 'relay' | 'time'>,
  url: string,
  options: {
    direction?: Direction
    filter?: Record<string, unknown>
    limits?: Partial<Limits>
    times?: Partial<SyncTimes>
    signal?: AbortSignal
  } = {},
): Promise<SyncReport> {
  const { direction = 'both', filter = {}, limits, times, signal } = options
  const { done } = startSync({
    url,
    filter,
    direction,
    relay: served.relay,
    restrictedKinds: openHost.restrictedKinds,
    limits: { ...defaultLimits, ...limits },
    share: wholeShare,
    now: () => served.time,
    times: { ...testTimes, ...times },
    ...(signal === undefined ? {} : { signal }),
  })
  return done
}

/** Stores events in a relay as its own client would; refusals are no matter. */
export function store({ relay }: Pick<Served, 'relay'>, events: readonly NostrEvent[]): Promise<void> {
  return new Promise(resolve => {
    let left = events.length
    if (left === 0) resolve()
    for (const event of events) {
      relay.submit(event, { source: 'import', ip: '', authenticated: new Set() }, () => {
        if (--left === 0) resolve()
      })
    }
  })
}

/** The ids of everything in a relay, in order. */
export function idsIn({ relay }: Pick<Served, 'relay'>): string[] {
  return [...relay.store.databases.ids.getKeys({})].map(key => Buffer.from(key).toString('hex'))
}

import type { NostrEvent } from '../../relay/event.ts'
import { type Filter, parseFilter } from '../../relay/query/filter.ts'
import { openScan, type Scan } from '../../relay/query/query.ts'
import { visibleTo } from '../../relay/query/readers.ts'
import { recordEvent } from '../../relay/store/record.ts'
import type { EventStore } from '../../relay/store/store.ts'
import { startTime } from './authors.ts'

const limits = { maxLimit: 500, maxValues: 1_000, maxTagKeys: 4 }

/** A filter as a client writes it, checked. */
export function filterOf(value: object): Filter {
  const parsed = parseFilter(value, limits)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.filter
}

/** Who asks, and when. */
export type Asking = { restrictedKinds?: ReadonlySet<number>; keys?: ReadonlySet<string>; now?: number }

/** A query as the relay begins it for one filter. */
export function beginScan(
  store: EventStore,
  filter: object,
  asking: Asking = {},
  seen: Set<number> | null = null,
): Scan {
  const { restrictedKinds = new Set(), keys = new Set(), now = startTime } = asking
  const visible = visibleTo(restrictedKinds, keys)
  return openScan(store, filterOf(filter), { now, latest: store.latestSeq(), visible, seen })
}

/** All that a query gives, without a break. */
export function find(store: EventStore, filter: object, asking?: Asking): NostrEvent[] {
  const scan = beginScan(store, filter, asking)
  const found: NostrEvent[] = []
  for (;;) {
    const record = scan.next(() => false)
    if (record === null) return found
    if (record !== undefined) found.push(recordEvent(record))
  }
}

import type { Filter } from '../query/filter.ts'
import type { Scan, Visible } from '../query/query.ts'
import { recordTest } from '../query/query-test.ts'
import { endKey, seqOfKey, startKey } from './keys.ts'
import { type RecordView, recordExpiration, recordId } from './record.ts'
import type { EventStore } from './store.ts'

const maxTime = 2 ** 48 - 2
const pageSize = 512
const stepsBetweenLooks = 32
const noPrefix = Buffer.alloc(0)

/**
 * Begins a walk over all events in order of time, oldest first unless `reverse`, giving those that the filter asks for.
 * Unlike a query it looks at every event between `since` and `until`. Like one it resumes by key.
 */
export function openWalk(
  store: EventStore,
  filter: Filter,
  options: { now: number; visible: Visible; reverse?: boolean },
): Pick<Scan, 'next'> {
  const { now, visible, reverse = false } = options
  const { byTime } = store.databases
  const test = recordTest(filter)
  const ids = filter.ids === undefined ? null : new Set(filter.ids)
  // Keys hold inverted times: forwards is newest first.
  const newest = startKey(noPrefix, Math.min(filter.until ?? maxTime, maxTime))
  const oldest = endKey(noPrefix, filter.since ?? 0)
  const end = reverse ? oldest : newest
  let start: Buffer = reverse ? newest : oldest
  let page: Buffer[] = []
  let at = 0
  let isLast = false
  let left = filter.limit

  const turnPage = (): boolean => {
    const last = page.at(-1)
    if (isLast) return false
    if (last !== undefined) start = last
    page = [...byTime.getKeys({ start, end, exclusiveStart: last !== undefined, reverse: !reverse, limit: pageSize })]
    at = 0
    isLast = page.length < pageSize
    return page.length > 0
  }

  const isAsked = (record: RecordView): boolean => {
    const expiration = recordExpiration(record)
    if (expiration !== 0 && expiration <= now) return false
    return test(record) && (ids === null || ids.has(recordId(record).toString('hex'))) && visible(record)
  }

  return {
    next: isOver => {
      for (let steps = 1; left > 0; steps++) {
        if (steps % stepsBetweenLooks === 0 && isOver()) return undefined
        if (at >= page.length && !turnPage()) return null
        const key = page[at++]
        const seq = key === undefined ? 0 : seqOfKey(key)
        const record = store.record(seq)
        if (record === undefined || !isAsked(record)) continue
        const shown = store.shown(seq, record)
        if (shown === undefined) continue
        left--
        return shown
      }
      return null
    },
  }
}

import { afterAll, describe, expect, it } from 'vitest'
import { createRequests } from '../../../relay/connection/requests.ts'
import { createFairShare } from '../../../relay/fair-share.ts'
import { defaultLimits, type Limits } from '../../../relay/limits.ts'
import { createRelayMetrics } from '../../../relay/metrics/metrics.ts'
import { openHost } from '../../../relay/open-host.ts'
import { mergeCursors } from '../../../relay/query/query-cursors.ts'
import type { Position } from '../../../relay/store/positions.ts'
import { createSubscriptions } from '../../../relay/subscriptions.ts'
import { startTime } from '../authors.ts'
import { filterOf } from '../find.ts'
import { openTemporaryStore } from '../open-temporary.ts'

/** An index in which every prefix has positions without end; counts how many it is asked for. */
function endlessIndex() {
  let held = 0
  const read = (_start: Buffer, _end: Buffer, limit: number): Position[] => {
    held += limit
    return Array.from({ length: limit }, (_, at) => ({ time: 1_000_000 - at, idHigh: 0, idLow: 0, seq: held + at }))
  }
  return { index: { read } as never, held: () => held }
}

describe('a filter of many values', () => {
  it.each([
    [1, 512],
    [10, 4_096],
    [1_000, 4_000],
  ])('of %i holds few positions in memory, however much there is under each', (values, most) => {
    const { index, held } = endlessIndex()
    const prefixes = Array.from({ length: values }, (_, at) => Buffer.from(`prefix ${String(at).padStart(4, '0')}`))
    const chosen = { next: () => ({ done: true, value: { index, prefixes } }), [Symbol.iterator]: () => chosen }
    const endless = { ...filterOf({}), limit: Number.POSITIVE_INFINITY }
    const merging = mergeCursors(endless, chosen as never, { done: 0 })
    while (merging.next().done !== true);
    expect(held()).toBeLessThanOrEqual(most)
  })
})

describe('requests of which none comes to its end', () => {
  const { store, close } = openTemporaryStore()
  afterAll(close)
  const onError = (error: unknown) => {
    throw error
  }

  function open(limits: Partial<Limits> = {}) {
    const metrics = createRelayMetrics()
    const sent: unknown[][] = []
    const send = (message: unknown[]) => void sent.push(message)
    const outlet = { isBehind: () => false, isOpen: () => true, send, flush: () => undefined }
    const requests = createRequests(
      {
        store,
        ip: '198.51.100.1',
        subscriptions: createSubscriptions({ room: createFairShare(1), onError }),
        host: openHost,
        limits: { ...defaultLimits, ...limits },
        metrics,
        turns: () => new Promise(() => undefined),
        now: () => startTime,
        onError,
      },
      { outlet: outlet as never, authenticated: new Set(), sendChallenge: () => undefined, offerAuth: () => undefined },
      () => 0,
    )
    return { requests, metrics, sent }
  }

  it.each(['request', 'countEvents'] as const)('replace each other, and those replaced do not wait: %s', ask => {
    const { requests, metrics } = open()
    for (const id of ['a', 'b', 'c', 'd']) requests.countEvents(id, [{}])
    for (let times = 0; times < 500; times++) requests[ask]('same', [{ kinds: [times] }])
    expect(metrics.queriesUnderWay).toBe(5)
    requests.close('same')
    expect(metrics.queriesUnderWay).toBe(4)
    expect(requests.count()).toBe(4)
  })

  it('are refused when all together list too many values', () => {
    const { requests, sent } = open({ maxSubscribedValues: 60 })
    const kinds = Array.from({ length: 15 }, (_, index) => index)
    requests.countEvents('a', [{ kinds }])
    requests.countEvents('b', [{ kinds }])
    expect(sent).toEqual([['CLOSED', 'b', 'rate-limited: at most 60 filter values on a connection']])
  })
})

import type { NostrEvent } from '../../relay/event.ts'
import type { Connection } from './connection.ts'

const maxPages = 2_000
const pageTimeoutMs = 30_000

/**
 * Asks a relay for all that it has stored for a filter since a time, page by page: relays give the newest first, and no
 * more at once than they like. `event` gets what comes, unchecked, and says at which time it is, or `null` for what was not
 * asked for. Resolves with whether the relay has come to an end, which one that does not answer never does.
 */
export async function catchUp(options: {
  connection: Connection
  filter: object
  since: number
  until: number
  event(value: unknown): number | null
}): Promise<boolean> {
  const { connection, filter, since, event } = options
  let { until } = options
  for (let page = 0; page < maxPages && until >= since; page++) {
    const id = `page-${page}`
    const oldest = await readPage(connection, id, { ...filter, since, until }, value => {
      const time = event(value)
      // What the relay was not asked for must not turn the pages.
      return time === null || time < since || time > until ? null : time
    })
    if (oldest === 'failed') return false
    if (oldest === null) return true
    // The rest of its second may have been cut off; a page that brings nothing older gets no further that way.
    until = oldest < until ? oldest : until - 1
  }
  return true
}

/** The time of the oldest event of a page, `null` for an empty page. */
function readPage(
  connection: Connection,
  id: string,
  filter: object,
  event: (value: unknown) => NostrEvent['created_at'] | null,
): Promise<number | null | 'failed'> {
  return new Promise(resolve => {
    let oldest: number | null = null
    const finish = (outcome: number | null | 'failed') => {
      clearTimeout(timer)
      connection.unsubscribe(id)
      resolve(outcome)
    }
    const timer = setTimeout(() => finish('failed'), pageTimeoutMs)
    timer.unref()
    connection.subscribe(id, filter, {
      event: value => {
        const time = event(value)
        if (time !== null) oldest = Math.min(oldest ?? time, time)
      },
      end: () => finish(oldest),
      closed: () => finish('failed'),
    })
  })
}

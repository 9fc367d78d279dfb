import type { Connection } from './connection.ts'
import type { Backoff } from './settings.ts'

/** A relay that is kept connected for as long as it is wanted. */
export type Link = {
  /** Connects, unless it is connected or about to. */
  want(): void
  /** Ends the connection and does not connect again until it is wanted. */
  leave(): void
  /** Ends a connection that is no good, and connects again later. `why` is told to `down`. */
  fail(why: string): void
  connection(): Connection | null
}

/** How long a connection stands before a relay that ends it is taken for one that works. */
const steadyMs = 30_000

/** Makes a link. The time between attempts doubles from `firstMs` to `maxMs`, and varies by a quarter. */
export function createLink(options: {
  open(up: (connection: Connection) => void, down: (reason: string) => void): { close(why: string): void }
  backoff: Backoff
  up(connection: Connection): void
  /** The connection has ended, or none came about. */
  down(reason: string): void
}): Link {
  const { open, backoff, up, down } = options
  let attempt: { close(why: string): void } | null = null
  let connection: Connection | null = null
  let retry: NodeJS.Timeout | undefined
  let failures = 0
  let isWanted = false
  let upAtMs = 0

  const onDown = (reason: string) => {
    attempt = null
    const wasUp = connection !== null
    connection = null
    if (wasUp && performance.now() - upAtMs >= steadyMs) failures = 0
    down(reason)
    if (isWanted) again()
  }
  const again = () => {
    const waitMs = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures++, 30))
    clearTimeout(retry)
    retry = setTimeout(
      () => {
        retry = undefined
        connect()
      },
      waitMs * (0.75 + Math.random() / 2),
    )
    retry.unref()
  }
  const connect = () => {
    if (!isWanted || attempt !== null) return
    attempt = open(opened => {
      connection = opened
      upAtMs = performance.now()
      up(opened)
    }, onDown)
  }

  return {
    want: () => {
      if (isWanted) return
      isWanted = true
      if (retry === undefined) connect()
    },
    leave: () => {
      isWanted = false
      clearTimeout(retry)
      retry = undefined
      attempt?.close('closed by us')
    },
    fail: why => attempt?.close(why),
    connection: () => connection,
  }
}

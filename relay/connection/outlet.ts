import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Limits } from '../limits.ts'
import { type CloseReason, countRefusal, type RelayMetrics } from '../metrics/metrics.ts'
import type { Backlog } from './backlog.ts'
import type { Flushes } from './flushes.ts'
import { createPageWriter, type Span } from './page.ts'
import type { Reading } from './reading.ts'

/** What goes to a client, and how far behind it is with reading. */
export type Outlet = {
  isOpen(): boolean
  /** Whether more is on its way than a client that reads would leave. */
  isBehind(): boolean
  send(message: readonly unknown[]): void
  /** Adds a message to the page: `start`, then a JSON value and the closing bracket. It leaves at the end of this turn. */
  add(start: Buffer, json: Span): void
  /** The same for a value whose bytes stay as they are. */
  addLasting(start: Buffer, json: Span): void
  isPageFull(): boolean
  flush(): void
  /** Says goodbye, after what was sent before (RFC 6455, section 7.4). */
  end(code: number, reason: string): void
  /** When everything is on its way, or the connection is gone. */
  whenDrained(): Promise<void>
  /** Stops reading from a client that does not read, or it could fill our memory with the answers. */
  holdWhileBehind(): void
  /** Called at intervals, with whether anything was heard since: pings, and ends connections that are gone or do not read. */
  check(wasHeard: boolean): void
  /** Remembers why the connection is being ended, when that is not the client's doing. */
  blame(reason: CloseReason): void
  endedBy(): CloseReason
}

/** Makes the outlet of a websocket and the stream under it. */
export function createOutlet(
  context: {
    socket: WebSocket
    stream: Duplex
    /** Shared by all connections, as is the backlog. */
    flushes: Flushes
    backlog: Backlog
    limits: Limits
    metrics: RelayMetrics
  },
  reading: Reading,
): Outlet {
  const { socket, stream, backlog, limits, metrics } = context
  const pages = createPageWriter(stream)
  let isAlive = true
  let behindSinceMs: number | null = null
  let drained: Promise<void> | null = null
  let isHolding = false
  let isScheduled = false
  let ending: CloseReason = 'client'

  const terminate = (reason: CloseReason) => {
    ending = reason
    socket.terminate()
  }
  const reportUnread = backlog.join(() => terminate('unread-bytes'))
  const reportRead = () => reportUnread(0)
  stream.on('drain', reportRead).on('close', reportRead)

  const isOpen = () => socket.readyState === socket.OPEN
  // Of less than the stream buffers nobody would hear that it has been taken.
  const isBehind = () => stream.writableLength > limits.pauseAtBytes && stream.writableNeedDrain

  /** What is sent on one turn leaves in one write: OKs come by the hundred when a transaction is durable. */
  const flush = () => {
    isScheduled = false
    if (pages.length() === 0) return
    pages.flush()
    if (stream.writableLength > limits.terminateAtBytes) terminate('unread-bytes')
    // Nothing is said of less than the stream buffers, nor when it has been taken.
    else if (stream.writableNeedDrain) reportUnread(stream.writableLength)
  }
  const flushLater = () => {
    if (isScheduled) return
    isScheduled = true
    context.flushes.push(flush)
  }

  /** One listener, however many queries wait. */
  const whenDrained = (): Promise<void> => {
    drained ??= new Promise(resolve => {
      const go = () => {
        stream.off('drain', go).off('close', go)
        drained = null
        metrics.readersPaused--
        behindSinceMs = null
        isAlive = true
        resolve()
      }
      metrics.readersPaused++
      metrics.pauses++
      stream.on('drain', go).on('close', go)
    })
    return drained
  }

  socket.on('pong', () => {
    isAlive = true
  })

  return {
    isOpen,
    isBehind,
    send: message => {
      if (!isOpen()) return
      if (message[0] === 'CLOSED' || message[0] === 'NEG-ERR') countRefusal(metrics.requestsRefused, message[2])
      else if (message[0] === 'NOTICE') metrics.notices++
      pages.lasting(Buffer.from(JSON.stringify(message)), null)
      flushLater()
    },
    add: (start, json) => {
      if (!isOpen()) return
      pages.message(start, json)
      flushLater()
    },
    addLasting: (start, json) => {
      if (!isOpen()) return
      pages.lasting(start, json)
      flushLater()
    },
    isPageFull: pages.isFull,
    flush,
    end: (code, reason) => {
      flush()
      socket.close(code, reason)
    },
    whenDrained,
    holdWhileBehind: () => {
      if (!isBehind() || isHolding) return
      isHolding = true
      reading.pause()
      void whenDrained().then(() => {
        isHolding = false
        reading.resume()
      })
    },
    check: wasHeard => {
      if (!isBehind()) behindSinceMs = null
      else behindSinceMs ??= performance.now()
      if (behindSinceMs !== null) {
        // Its pong would be behind all that it has not read yet.
        if (performance.now() - behindSinceMs >= limits.drainSeconds * 1_000) terminate('unread-time')
        return
      }
      if (!isAlive && !wasHeard) return terminate('no-pong')
      isAlive = false
      socket.ping()
    },
    blame: reason => {
      ending = reason
    },
    endedBy: () => ending,
  }
}

import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Limits } from './limits.ts'
import { createPageWriter } from './page.ts'

/** What goes to a client, and how far behind it is with reading. */
export type Outlet = {
  isOpen(): boolean
  /** Whether more is on its way than a client that reads would leave. */
  isBehind(): boolean
  send(message: readonly unknown[]): void
  /** Adds a message to the page that `flush` sends: `start`, then, unless null, a JSON value and the closing bracket. */
  add(start: string, json: Buffer | null): void
  isPageFull(): boolean
  flush(): void
  /** One live event; ends a connection whose client has left too much unread. */
  sendEvent(prefix: string, json: Buffer): void
  /** When everything is on its way, or the connection is gone. */
  whenDrained(): Promise<void>
  /** Stops reading from a client that does not read, or it could fill our memory with the answers. */
  holdWhileBehind(): void
  /** Called at intervals: pings, and ends connections that are gone or do not read. */
  check(): void
}

/** Makes the outlet of a websocket and the stream under it. */
export function createOutlet({
  socket,
  stream,
  limits,
}: {
  socket: WebSocket
  stream: Duplex
  limits: Limits
}): Outlet {
  const pages = createPageWriter(stream)
  let isAlive = true
  let behindSinceMs: number | null = null
  let drained: Promise<void> | null = null
  let isHolding = false

  const isOpen = () => socket.readyState === socket.OPEN
  const isBehind = () => stream.writableLength > limits.pauseAtBytes

  /** What is sent on one turn leaves in one write: OKs come by the hundred when a transaction is durable. */
  const gather = () => {
    if (stream.writableCorked > 0) return
    stream.cork()
    process.nextTick(() => stream.uncork())
  }

  /** One listener, however many queries wait. */
  const whenDrained = (): Promise<void> => {
    drained ??= new Promise(resolve => {
      const go = () => {
        stream.off('drain', go).off('close', go)
        drained = null
        behindSinceMs = null
        isAlive = true
        resolve()
      }
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
      gather()
      socket.send(JSON.stringify(message))
    },
    add: (start, json) => pages.message(start, json, json !== null),
    isPageFull: pages.isFull,
    flush: pages.flush,
    sendEvent: (prefix, json) => {
      if (!isOpen()) return
      pages.message(prefix, json, false)
      pages.flush()
      if (stream.writableLength > limits.terminateAtBytes) socket.terminate()
    },
    whenDrained,
    holdWhileBehind: () => {
      if (!isBehind() || isHolding) return
      isHolding = true
      socket.pause()
      void whenDrained().then(() => {
        isHolding = false
        socket.resume()
      })
    },
    check: () => {
      if (!isBehind()) behindSinceMs = null
      else behindSinceMs ??= performance.now()
      if (behindSinceMs !== null) {
        // Its pong would be behind all that it has not read yet.
        if (performance.now() - behindSinceMs >= limits.drainSeconds * 1_000) socket.terminate()
        return
      }
      if (!isAlive) return socket.terminate()
      isAlive = false
      socket.ping()
    },
  }
}

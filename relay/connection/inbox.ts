import type { RawData } from 'ws'
import type { Outlet } from './outlet.ts'
import type { Pace } from './pace.ts'
import type { Reading } from './reading.ts'

/** Takes a message of a client. */
export type Inbox = (data: RawData, isBinary: boolean) => void

/**
 * Hands on the messages of a connection in their order, on later turns of the event loop when this one's time is over: one
 * read of a socket may bring hundreds of events, and each costs a verification. Meanwhile nothing more is read from it.
 */
export function createInbox(context: {
  reading: Reading
  outlet: Pick<Outlet, 'holdWhileBehind'>
  /** Shared by all connections. */
  isOver: Pace
  handle: Inbox
}): Inbox {
  const { reading, outlet, isOver, handle } = context
  const waiting: [RawData, boolean][] = []

  const drain = () => {
    while (waiting.length > 0 && !isOver()) {
      const next = waiting.shift()
      if (next !== undefined) handle(...next)
    }
    if (waiting.length > 0) return void setImmediate(drain)
    outlet.holdWhileBehind()
    reading.resume()
  }

  return (data, isBinary) => {
    if (waiting.length === 0 && !isOver()) return handle(data, isBinary)
    waiting.push([data, isBinary])
    if (waiting.length > 1) return
    reading.pause()
    setImmediate(drain)
  }
}

import type { RawData } from 'ws'
import type { RelayMetrics } from '../metrics/metrics.ts'
import type { Rota } from '../rota.ts'
import type { Outlet } from './outlet.ts'
import type { Reading } from './reading.ts'

/** Takes a message of a client. */
export type Inbox = (data: RawData, isBinary: boolean) => void

/**
 * Hands on the messages of a connection in their order: at once where there is time, else in turn with other connections,
 * one message each, since one read of a socket may bring hundreds. Meanwhile nothing more is read from it.
 */
export function createInbox(context: {
  reading: Reading
  outlet: Pick<Outlet, 'holdWhileBehind'>
  /** Whether a message has to wait until something has room, and how it hears of that. */
  mustWait(data: RawData): boolean
  whenRoom(again: () => void): void
  /** Shared by all connections. */
  rota: Rota
  metrics: Pick<RelayMetrics, 'messagesWaiting'>
  handle: Inbox
}): Inbox {
  const { reading, outlet, mustWait, whenRoom, rota, metrics, handle } = context
  const waiting: [RawData, boolean][] = []

  const handleNext = (): boolean => {
    const [next] = waiting
    if (next !== undefined) {
      if (mustWait(next[0])) {
        whenRoom(comeAgain)
        return false
      }
      waiting.shift()
      metrics.messagesWaiting--
      handle(...next)
    }
    if (waiting.length > 0) return true
    outlet.holdWhileBehind()
    reading.resume()
    return false
  }

  const comeAgain = () => rota.join(handleNext)

  return (data, isBinary) => {
    if (waiting.length === 0 && rota.isFree() && !mustWait(data)) return handle(data, isBinary)
    waiting.push([data, isBinary])
    metrics.messagesWaiting++
    if (waiting.length > 1) return
    reading.pause()
    rota.join(handleNext)
  }
}

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
  /** Shared by all connections. */
  rota: Rota
  metrics: Pick<RelayMetrics, 'messagesWaiting'>
  handle: Inbox
}): Inbox {
  const { reading, outlet, rota, metrics, handle } = context
  const waiting: [RawData, boolean][] = []

  const handleNext = (): boolean => {
    const next = waiting.shift()
    if (next !== undefined) {
      metrics.messagesWaiting--
      handle(...next)
    }
    if (waiting.length > 0) return true
    outlet.holdWhileBehind()
    reading.resume()
    return false
  }

  return (data, isBinary) => {
    if (waiting.length === 0 && rota.isFree()) return handle(data, isBinary)
    waiting.push([data, isBinary])
    metrics.messagesWaiting++
    if (waiting.length > 1) return
    reading.pause()
    rota.join(handleNext)
  }
}

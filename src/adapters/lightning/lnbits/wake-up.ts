import WebSocket from 'ws'
import { LightningUnavailable } from '../port.ts'

/** News that something happened in the wallet; what, is asked for. */
export type WakeUp = {
  /**
   * Resolves when there was news since the last call, when that long has passed, or when the signal aborts. Throws
   * `LightningUnavailable` when the connection is lost.
   */
  next(timeoutMs: number): Promise<void>
  close(): void
}

const handshakeMs = 10_000
/** A connection that leaves a ping unanswered until the next one is dead. */
const pingMs = 15_000
const maxMessageBytes = 1_024 ** 2

/**
 * Listens at LNbits' websocket `/api/v1/ws/<invoice key>`. The key is in the address because that is LNbits' protocol;
 * the one address that takes it as a header (`/api/v1/ws/tag/<tag>`, in the newest versions) tells of one tag only.
 */
export async function openWakeUp(url: string, invoiceKey: string, signal: AbortSignal): Promise<WakeUp> {
  const address = new URL(url)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  address.pathname = `${address.pathname.replace(/\/$/, '')}/api/v1/ws/${encodeURIComponent(invoiceKey)}`
  const socket = new WebSocket(address, { handshakeTimeout: handshakeMs, maxPayload: maxMessageBytes })
  let hasNews = false
  let isLost = false
  let isAlive = true
  let wake = () => {}

  const lose = () => {
    isLost = true
    wake()
  }
  const opened = new Promise<void>(resolve => {
    socket.on('open', resolve)
    socket.on('close', () => resolve())
  })
  const onAbort = () => wake()
  socket.on('message', () => {
    hasNews = true
    wake()
  })
  socket.on('pong', () => {
    isAlive = true
  })
  socket.on('close', lose)
  // What the error says may name the address; that the connection is lost is all that matters.
  socket.on('error', lose)
  signal.addEventListener('abort', onAbort)
  const pinging = setInterval(() => {
    if (!isAlive) return socket.terminate()
    isAlive = false
    if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, pingMs)
  pinging.unref()
  const close = () => {
    clearInterval(pinging)
    signal.removeEventListener('abort', onAbort)
    socket.terminate()
  }

  const giveUp = () => socket.terminate()
  signal.addEventListener('abort', giveUp)
  await opened
  signal.removeEventListener('abort', giveUp)
  return {
    next: async timeoutMs => {
      let timer: NodeJS.Timeout | undefined
      if (!hasNews && !isLost && !signal.aborted) {
        await new Promise<void>(resolve => {
          wake = resolve
          timer = setTimeout(resolve, timeoutMs)
        })
      }
      clearTimeout(timer)
      wake = () => {}
      hasNews = false
      if (isLost && !signal.aborted) throw new LightningUnavailable('the connection to LNbits is lost')
    },
    close,
  }
}

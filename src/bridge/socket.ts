import type { LookupFunction } from 'node:net'
import { WebSocket } from 'ws'

/** How a relay is dialled. */
export type Dial = {
  readonly url: string
  /** Which addresses may be connected to; without it, any. */
  readonly lookup: LookupFunction | null
  readonly maxMessageBytes: number
  /** A relay that sends more is read from more slowly. */
  readonly bytesPerSecond: number
  /** Hears why the connection failed or ended, when that is known. */
  fault(reason: string): void
}

/** What NDK uses of a websocket. */
export type Socket = {
  readonly readyState: number
  onopen: (() => void) | null
  onmessage: ((event: { data: string }) => void) | null
  onclose: (() => void) | null
  onerror: ((error: unknown) => void) | null
  send(text: string): void
  close(): void
  addEventListener(): void
  removeEventListener(): void
}

const handshakeMs = 10_000
const pingMs = 30_000
const closeMs = 1_000
/** A relay that does not read what is sent to it. */
const maxUnsentBytes = 8 * 1_048_576

/** Opens a websocket that trusts the other side with nothing: sizes, rates, silence and addresses are bounded. */
export function openSocket({ url, lookup, maxMessageBytes, bytesPerSecond, fault }: Dial): Socket {
  const socket = new WebSocket(url, {
    maxPayload: maxMessageBytes,
    handshakeTimeout: handshakeMs,
    followRedirects: false,
    // What is small when packed may be large when unpacked.
    perMessageDeflate: false,
    ...(lookup === null ? {} : { lookup }),
  })
  let isAlive = true
  const pinging = setInterval(() => {
    if (!isAlive) {
      fault('it does not answer')
      socket.terminate()
    }
    isAlive = false
    if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, pingMs)
  pinging.unref()

  const pace = createPause(socket, bytesPerSecond)
  const facade: Socket = {
    get readyState() {
      return socket.readyState
    },
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: text => {
      if (socket.bufferedAmount > maxUnsentBytes) {
        fault('it does not read')
        socket.terminate()
      } else socket.send(text)
    },
    close: () => {
      socket.close()
      setTimeout(() => socket.terminate(), closeMs).unref()
    },
    // For probes of NDK's own, which our pings leave no reason for.
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }
  socket.on('open', () => facade.onopen?.())
  socket.on('message', (data, isBinary) => {
    isAlive = true
    const text = String(data)
    pace(text.length)
    if (!isBinary) facade.onmessage?.({ data: text })
  })
  socket.on('pong', () => {
    isAlive = true
    // NDK takes a quiet relay for a dead one, and a message that it does not know for life.
    facade.onmessage?.({ data: '["PONG"]' })
  })
  socket.on('error', error => {
    fault(error.message)
    facade.onerror?.(error)
  })
  socket.on('close', () => {
    clearInterval(pinging)
    facade.onclose?.()
  })
  return facade
}

/** Stops reading while more has come than is allowed; a burst of some seconds is. */
function createPause(socket: WebSocket, bytesPerSecond: number): (bytes: number) => void {
  const burst = bytesPerSecond * 8
  let left = burst
  let atMs = performance.now()
  return bytes => {
    const nowMs = performance.now()
    left = Math.min(burst, left + ((nowMs - atMs) / 1_000) * bytesPerSecond) - bytes
    atMs = nowMs
    if (left >= 0 || socket.isPaused) return
    socket.pause()
    setTimeout(() => socket.resume(), (-left / bytesPerSecond) * 1_000).unref()
  }
}

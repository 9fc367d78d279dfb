import { WebSocket } from 'ws'
import type { HttpTarget } from '../http-client.ts'
import { LightningUnavailable } from '../port.ts'

/** Tells that something may have arrived. */
export type Bell = {
  /** Forgets what it has told so far. */
  reset(): void
  /** Resolves when it rings, has rung since the reset, or the signal aborts. Throws `LightningUnavailable` when it broke. */
  rung(signal: AbortSignal): Promise<void>
  close(): void
}

const handshakeTimeoutMs = 10_000
const maxMessageBytes = 64 * 1_024

/**
 * Opens phoenixd's websocket. It rings at every message, and at every `pingSeconds`, since a message can get lost; a
 * connection on which nothing comes back from then to the next one counts as dead.
 */
export async function openBell(target: HttpTarget, pingSeconds: number, signal: AbortSignal): Promise<Bell> {
  const url = new URL(`${target.url.pathname.replace(/\/$/, '')}/websocket`, target.url)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url, {
    headers: target.headers,
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  })
  let hasRung = false
  let isAlive = true
  let isBroken = false
  let wake = () => {}
  const ring = () => {
    hasRung = true
    wake()
  }
  const live = () => {
    isAlive = true
  }
  const fail = () => {
    isBroken = true
    wake()
  }
  socket.on('message', ring).on('message', live).on('pong', live).on('ping', live)
  // Its error would say the same, in words that may quote an answer.
  socket.on('error', fail).on('close', fail)

  const wait = async (isDone: () => boolean, until: AbortSignal) => {
    await new Promise<void>(resolve => {
      wake = resolve
      until.addEventListener('abort', wake)
      if (isDone() || isBroken || until.aborted) resolve()
    })
    until.removeEventListener('abort', wake)
    if (isBroken && !until.aborted) throw new LightningUnavailable('the websocket of phoenixd is broken')
  }
  const close = () => {
    clearInterval(timer)
    socket.terminate()
  }
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate()
    isAlive = false
    if (socket.readyState === WebSocket.OPEN) socket.ping()
    ring()
  }, pingSeconds * 1_000)
  socket.on('open', () => wake())

  try {
    await wait(() => socket.readyState === WebSocket.OPEN, signal)
  } catch (error) {
    close()
    throw error
  }
  return {
    reset: () => {
      hasRung = false
    },
    rung: until => wait(() => hasRung, until),
    close,
  }
}

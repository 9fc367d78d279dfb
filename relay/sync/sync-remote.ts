import { WebSocket } from 'ws'

/** The relay on the other side, which is trusted with nothing. */
export type Remote = {
  /** Sends a message; resolves when the other side has taken most of what was sent before. */
  send(message: readonly unknown[]): Promise<void>
  /** The same for what is JSON already. */
  sendText(text: string): Promise<void>
  /** Hands on the messages of a name, see `nameOf`; the returned function ends that. */
  listen(name: string, handler: (message: readonly unknown[]) => void): () => void
  /** Nothing more is read until the returned function is called. */
  hold(): () => void
  /** Ends the connection, for a reason of ours. */
  end(reason: string): void
  isOpen(): boolean
  /** Why it has ended; while it is open, that is not known. */
  reason(): string
  /** Calls back once, when the connection has ended; the returned function takes that back. */
  onEnd(handler: () => void): () => void
  /** Counts a message that nobody asked for; too many end the connection. */
  stray(): void
  /** Ends the connection unless `heard` is called in time, again and again, or `over` once. */
  patience(): { heard(): void; over(): void }
}

/** How patient to be with the other side. */
export type SyncTimes = {
  /** For the next message of an exchange. */
  readonly answerMs: number
  /** For a whole exchange, though a message may come now and then. */
  readonly exchangeMs: number
  /** Before an event that the other side was too busy for is sent again, and before a lost connection is made again. */
  readonly pauseMs: number
}

export const usualTimes: SyncTimes = { answerMs: 30_000, exchangeMs: 600_000, pauseMs: 1_000 }

/** strfry's largest frame is a million characters of hex. */
const maxMessageBytes = 2_097_152
const handshakeMs = 15_000
const closeMs = 1_000
const maxUnsentBytes = 1_048_576
const unsentLookMs = 10
/** Messages that nobody waits for: some are on their way when a subscription is closed. */
const maxStrayMessages = 10_000

/** Connects to a relay. `counted` hears of bytes. Resolves with the reason when there is no connection to be had. */
export function openRemote(
  url: string,
  options: { times: SyncTimes; counted(bytesIn: number, bytesOut: number): void },
): Promise<Remote | string> {
  const { times, counted } = options
  const socket = new WebSocket(url, {
    maxPayload: maxMessageBytes,
    handshakeTimeout: handshakeMs,
    followRedirects: false,
    // What is small when packed may be large when unpacked.
    perMessageDeflate: false,
  })
  const listeners = new Map<string, (message: readonly unknown[]) => void>()
  let stray = 0
  let holds = 0
  let reason: string | null = null

  const isOpen = () => reason === null && socket.readyState === WebSocket.OPEN
  const end = (why: string) => {
    reason ??= why
    socket.close()
    setTimeout(() => socket.terminate(), closeMs).unref()
  }
  const onEnd = new Set<() => void>()
  socket.once('close', () => {
    reason ??= 'the connection was closed'
    for (const handler of [...onEnd]) handler()
    onEnd.clear()
  })
  socket.on('error', error => {
    reason ??= error.message
  })
  socket.on('message', (data, isBinary) => {
    const text = String(data)
    counted(text.length, 0)
    if (!isOpen()) return
    const message = isBinary ? null : parseArray(text)
    const handler = message === null ? undefined : listeners.get(nameOf(message))
    if (message !== null && handler !== undefined) handler(message)
    else countStray()
  })
  const countStray = () => {
    if (++stray > maxStrayMessages) end('it sends what it was not asked for')
  }

  const sendText = async (text: string): Promise<void> => {
    if (!isOpen()) return
    counted(0, text.length)
    socket.send(text)
    if (socket.bufferedAmount < maxUnsentBytes) return
    const patience = patienceFor('it does not read what it is sent')
    while (isOpen() && socket.bufferedAmount >= maxUnsentBytes) {
      await new Promise(resolve => setTimeout(resolve, unsentLookMs))
    }
    patience.over()
  }
  const patienceFor = (why: string) => {
    const answer = setTimeout(() => end(why), times.answerMs)
    const exchange = setTimeout(() => end('it is too slow'), times.exchangeMs)
    return {
      heard: () => void answer.refresh(),
      over: () => {
        clearTimeout(answer)
        clearTimeout(exchange)
      },
    }
  }

  const remote: Remote = {
    send: message => sendText(JSON.stringify(message)),
    sendText,
    listen: (name, handler) => {
      listeners.set(name, handler)
      return () => void listeners.delete(name)
    },
    hold: () => {
      if (holds++ === 0) socket.pause()
      return () => {
        if (--holds === 0) socket.resume()
      }
    },
    end,
    isOpen,
    reason: () => reason ?? 'the connection is open',
    onEnd: handler => {
      if (socket.readyState === WebSocket.CLOSED) setImmediate(handler)
      else onEnd.add(handler)
      return () => void onEnd.delete(handler)
    },
    stray: countStray,
    patience: () => patienceFor('it does not answer'),
  }
  return new Promise(resolve => {
    socket.once('open', () => resolve(remote))
    remote.onEnd(() => resolve(remote.reason()))
  })
}

/** What a message is about: a reconciliation, the OKs, the notices, or a subscription. */
function nameOf([verb, id]: readonly unknown[]): string {
  switch (verb) {
    case 'NEG-MSG':
    case 'NEG-ERR':
      return `negentropy ${String(id)}`
    case 'EVENT':
    case 'EOSE':
    case 'CLOSED':
      return `subscription ${String(id)}`
    default:
      return String(verb)
  }
}

function parseArray(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

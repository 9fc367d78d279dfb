import type { LookupFunction } from 'node:net'
import type { VerifiedEvent } from 'nostr-tools/pure'
import { type RawData, WebSocket } from 'ws'
import { LightningUnavailable } from '../port.ts'

/** Opens a websocket; throws or fails by itself when the URL is not to be connected to. */
export type Connect = (url: string) => WebSocket

/** One connection to a relay, from opening to its end. */
export type RelayConnection = {
  /** Resolves once the relay has taken the subscription; rejects with `LightningUnavailable` when it ends before. */
  readonly subscribed: Promise<void>
  /** Resolves once it has ended, for whatever reason. */
  readonly ended: Promise<void>
  publish(event: VerifiedEvent): void
  close(): void
}

type Options = {
  readonly url: string
  readonly connect: Connect
  readonly filters: readonly object[]
  readonly subscribeMs: number
  readonly pingMs: number
  /** Without one it may send for ever. */
  readonly budget?: Budget | undefined
  /** Answers the relay's challenge (NIP-42). */
  authenticate(challenge: string): VerifiedEvent
  /** An event of the subscription, as it came; says whether the relay may go on. */
  onEvent(event: unknown): boolean
  /** The relay does not take the event of this id. */
  onRefused(id: string): void
}

/** NIP-44 makes 87,472 characters of the longest text (65,535 bytes); the rest is the event around it. */
const maxMessageBytes = 131_072
/** Events that the relay has neither taken nor refused. */
const maxUnanswered = 256
const subscription = 'nwc'

/** What a relay may send on one connection, which ends when it sends more. */
export type Budget = { readonly bytes: number; readonly messages: number }

/** How `ws` is used by default: bounded, without redirects and compression (what is small packed may be large unpacked). */
export function openWebSocket(url: string, lookup?: LookupFunction, maxPayload = maxMessageBytes): WebSocket {
  const bounds = { maxPayload, handshakeTimeout: 10_000 }
  const resolving = lookup === undefined ? {} : { lookup }
  return new WebSocket(url, { ...bounds, ...resolving, followRedirects: false, perMessageDeflate: false })
}

/** Connects and subscribes, authenticating when the relay asks. The relay is trusted with nothing. */
export function openRelay(options: Options): RelayConnection {
  const { url, connect, filters, subscribeMs, pingMs, budget } = options
  const unanswered = new Map<string, VerifiedEvent>()
  let auth: { id: string; isDone: boolean } | null = null
  let isSubscribed = false
  let isAlive = true
  let succeed: () => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  let finish: () => void = () => undefined
  const subscribed = new Promise<void>((resolve, reject) => {
    succeed = resolve
    fail = reject
  })
  // Whoever waits for it hears of it; nobody may be waiting.
  subscribed.catch(() => undefined)
  const ended = new Promise<void>(resolve => {
    finish = resolve
  })

  let socket: WebSocket
  try {
    socket = connect(url)
  } catch {
    // Errors may name the address, which may be secret or somebody's own.
    fail(new LightningUnavailable('the relay may not be connected to'))
    finish()
    return { subscribed, ended, publish: () => undefined, close: () => undefined }
  }
  const send = (...message: unknown[]) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }
  const subscribe = () => send('REQ', subscription, ...filters)
  const deadline = setTimeout(() => isSubscribed || socket.terminate(), subscribeMs)
  const pinging = setInterval(() => {
    if (!isAlive) return socket.terminate()
    isAlive = false
    if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, pingMs)

  const onOk = (id: unknown, isTaken: unknown, reason: unknown) => {
    if (auth !== null && id === auth.id) {
      if (isTaken !== true) return socket.terminate()
      auth = { id: auth.id, isDone: true }
      subscribe()
      for (const event of unanswered.values()) send('EVENT', event)
      return
    }
    const event = unanswered.get(String(id))
    if (event === undefined) return
    // It is sent again once the relay knows who we are.
    if (isTaken !== true && asksForAuth(reason) && auth?.isDone !== true) return
    unanswered.delete(event.id)
    if (isTaken !== true) options.onRefused(event.id)
  }

  let left = budget
  /** Whether a message may be looked at: what came before a connection's end is still handed over after it. */
  const spend = (bytes: number): boolean => {
    if (left === undefined) return true
    left = { bytes: left.bytes - bytes, messages: left.messages - 1 }
    if (left.bytes >= 0 && left.messages >= 0) return true
    socket.terminate()
    return false
  }

  const onMessage = (message: readonly unknown[]) => {
    const [verb, first, second, third] = message
    if (verb === 'EVENT' && first === subscription && !options.onEvent(second)) socket.terminate()
    else if (verb === 'OK') onOk(first, second, third)
    else if (verb === 'EOSE' && first === subscription) {
      isSubscribed = true
      succeed()
    } else if (verb === 'CLOSED' && first === subscription) {
      if (!asksForAuth(second) || auth?.isDone === true) socket.terminate()
    } else if (verb === 'AUTH' && typeof first === 'string') {
      const event = options.authenticate(first)
      auth = { id: event.id, isDone: false }
      send('AUTH', event)
    }
  }

  socket.on('open', subscribe)
  socket.on('pong', () => {
    isAlive = true
    spend(0)
  })
  // It is answered by `ws` itself.
  socket.on('ping', () => spend(0))
  socket.on('message', (data, isBinary) => {
    isAlive = true
    if (!spend(sizeOf(data))) return
    const text = isBinary ? '' : String(data)
    const message = text.length > maxMessageBytes ? null : readMessage(text)
    // What is no message of NIP-01 comes from something that is no relay.
    if (message === null) socket.terminate()
    else onMessage(message)
  })
  // It is followed by `close`. Its text may name the address.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    clearTimeout(deadline)
    clearInterval(pinging)
    fail(new LightningUnavailable('no relay of the wallet takes the connection'))
    finish()
  })

  return {
    subscribed,
    ended,
    publish: event => {
      if (unanswered.size >= maxUnanswered) unanswered.delete([...unanswered.keys()][0] ?? '')
      unanswered.set(event.id, event)
      send('EVENT', event)
    },
    close: () => socket.terminate(),
  }
}

function sizeOf(data: RawData): number {
  if (Array.isArray(data)) return data.reduce((sum, part) => sum + part.length, 0)
  return data.byteLength
}

function asksForAuth(reason: unknown): boolean {
  return typeof reason === 'string' && reason.startsWith('auth-required:')
}

function readMessage(text: string): readonly unknown[] | null {
  try {
    const message: unknown = JSON.parse(text)
    return Array.isArray(message) ? message : null
  } catch {
    // Not JSON.
    return null
  }
}

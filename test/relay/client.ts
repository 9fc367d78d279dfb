import { type ClientOptions, WebSocket } from 'ws'
import type { NostrEvent } from '../../relay/event.ts'

/** A client that sees everything the relay sends it. */
export type Client = {
  readonly socket: WebSocket
  send(...message: unknown[]): void
  /** The next message, in order. */
  next(): Promise<unknown[]>
  /** Publishes, and resolves with the OK's two fields. */
  publish(event: NostrEvent): Promise<[accepted: unknown, message: unknown]>
  /** Stored events up to EOSE; throws when the relay says anything else. */
  query(...filters: object[]): Promise<NostrEvent[]>
  /** Resolves with the closing code. */
  readonly closed: Promise<number>
  /** Messages that nobody has asked for yet. */
  readonly unread: unknown[][]
}

/** Connects a client. */
export async function connectClient(url: string, options: ClientOptions = {}): Promise<Client> {
  const socket = new WebSocket(url, options)
  const unread: unknown[][] = []
  let wake: () => void = () => undefined
  let queries = 0
  socket.on('message', data => {
    unread.push(JSON.parse(String(data)) as unknown[])
    wake()
  })
  const closed = new Promise<number>(resolve => socket.once('close', resolve))
  void closed.then(() => wake())
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.on('error', () => undefined)

  const next = async (): Promise<unknown[]> => {
    for (;;) {
      const message = unread.shift()
      if (message !== undefined) return message
      if (socket.readyState === socket.CLOSED) throw new Error('the connection is closed')
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  const send = (...message: unknown[]) => socket.send(JSON.stringify(message))
  return {
    socket,
    unread,
    closed,
    send,
    next,
    publish: async event => {
      send('EVENT', event)
      const [verb, id, accepted, message] = await next()
      if (verb !== 'OK' || id !== event.id) throw new Error(`${String(verb)} came for an OK`)
      return [accepted, message]
    },
    query: async (...filters) => {
      const subscription = `q${queries++}`
      send('REQ', subscription, ...filters)
      const events: NostrEvent[] = []
      for (;;) {
        const [verb, id, event] = await next()
        // Something was withheld, for which one might sign in.
        if (verb === 'AUTH') continue
        if (id !== subscription) throw new Error(`${String(verb)} ${String(id)} came in ${subscription}`)
        if (verb === 'EOSE') break
        if (verb !== 'EVENT') throw new Error(`${String(verb)} ${String(event)} came for an EVENT`)
        events.push(event as NostrEvent)
      }
      send('CLOSE', subscription)
      return events
    },
  }
}

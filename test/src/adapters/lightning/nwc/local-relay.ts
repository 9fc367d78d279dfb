import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type Event, type Filter, matchFilters, verifyEvent } from 'nostr-tools'
import { type WebSocket, WebSocketServer } from 'ws'

/** A small relay on loopback: NIP-01, ephemeral and replaceable kinds, NIP-42 when asked for, and it can misbehave. */
export type LocalRelay = {
  readonly url: string
  /** Every message of every client, oldest first. */
  readonly messages: readonly (readonly unknown[])[]
  /** How many connections are open, but the wallet's. */
  connections(): number
  /** Sends an event to whom it concerns, whatever it is. */
  deliver(event: Event): void
  /** Sends a text to every client but the wallet. */
  say(text: string): void
  /** Ends the connection that published the event of this id. */
  cut(eventId: string): void
  /** Ends every connection but the wallet's. */
  disconnect(): void
  /** The next time that notifications are asked for or delivered, the connection ends: before that or after it. */
  failStream(mode: 'unavailable' | 'drop-after'): void
  /** Whoever connects from now on says who it is before anything else (NIP-42). */
  requireAuth(): void
  /** Requests are answered with this reason and go nowhere; `null`: they are taken again. */
  refuse(reason: string | null): void
  /** Takes connections and says nothing. */
  fallSilent(): void
  close(): Promise<void>
}

type Client = {
  readonly socket: WebSocket
  readonly challenge: string
  readonly subscriptions: Map<string, Filter[]>
  readonly published: Set<string>
  isKnown: boolean
}

const requestKind = 23194
const notificationKind = 23197
const isWallet = ({ subscriptions }: Client) =>
  [...subscriptions.values()].flat().some(({ kinds = [] }) => kinds.includes(requestKind))
const isEphemeral = (kind: number) => kind >= 20_000 && kind < 30_000

export async function startRelay(): Promise<LocalRelay> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise(resolve => server.once('listening', resolve))
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const clients = new Set<Client>()
  const stored = new Map<string, Event>()
  const messages: (readonly unknown[])[] = []
  let streamFault: 'unavailable' | 'drop-after' | null = null
  let needsAuth = false
  let refusal: string | null = null
  let isSilent = false

  const send = (client: Client, ...message: unknown[]) => client.socket.send(JSON.stringify(message))
  const takeFault = () => {
    const fault = streamFault
    streamFault = null
    return fault
  }

  const deliver = (event: Event) => {
    for (const client of clients) {
      for (const [name, filters] of client.subscriptions) {
        if (!matchFilters(filters, event)) continue
        const fault = event.kind === notificationKind ? takeFault() : null
        if (fault === 'unavailable') client.socket.terminate()
        else send(client, 'EVENT', name, event)
        if (fault === 'drop-after') client.socket.terminate()
      }
    }
  }

  const take = (client: Client, event: Event) => {
    if (!verifyEvent(event)) return send(client, 'OK', event.id, false, 'invalid: signature')
    if (refusal !== null && event.kind === requestKind) return send(client, 'OK', event.id, false, refusal)
    client.published.add(event.id)
    send(client, 'OK', event.id, true, '')
    if (!isEphemeral(event.kind)) stored.set(`${event.kind}:${event.pubkey}`, event)
    deliver(event)
  }

  const subscribe = (client: Client, name: string, filters: Filter[]) => {
    const isStream = filters.some(({ kinds = [] }) => kinds.includes(notificationKind))
    if (isStream && streamFault === 'unavailable') {
      takeFault()
      return client.socket.terminate()
    }
    client.subscriptions.set(name, filters)
    for (const event of stored.values()) if (matchFilters(filters, event)) send(client, 'EVENT', name, event)
    send(client, 'EOSE', name)
  }

  const authenticate = (client: Client, event: Event) => {
    const tag = (name: string) => event.tags.find(([found]) => found === name)?.[1]
    const isRight =
      verifyEvent(event) && event.kind === 22242 && tag('challenge') === client.challenge && tag('relay') === url
    if (isRight) client.isKnown = true
    send(client, 'OK', event.id, isRight, isRight ? '' : 'restricted: who is this?')
  }

  server.on('connection', socket => {
    const challenge = randomBytes(8).toString('hex')
    const client: Client = { socket, challenge, subscriptions: new Map(), published: new Set(), isKnown: !needsAuth }
    clients.add(client)
    socket.on('close', () => clients.delete(client))
    if (needsAuth) send(client, 'AUTH', challenge)
    socket.on('message', data => {
      const message = JSON.parse(String(data)) as [string, ...unknown[]]
      messages.push(message)
      if (isSilent) return
      const [verb, first, ...rest] = message
      const isStranger = !client.isKnown
      if (verb === 'AUTH') authenticate(client, first as Event)
      else if (verb === 'EVENT' && isStranger) send(client, 'OK', (first as Event).id, false, 'auth-required: who?')
      else if (verb === 'EVENT') take(client, first as Event)
      else if (verb === 'REQ' && isStranger) send(client, 'CLOSED', first, 'auth-required: who?')
      else if (verb === 'REQ') subscribe(client, String(first), rest as Filter[])
      else if (verb === 'CLOSE') client.subscriptions.delete(String(first))
    })
  })

  return {
    url,
    messages,
    connections: () => [...clients].filter(client => !isWallet(client)).length,
    deliver,
    say: text => {
      for (const client of clients) if (!isWallet(client)) client.socket.send(text)
    },
    cut: eventId => {
      for (const client of clients) if (client.published.has(eventId)) client.socket.terminate()
    },
    disconnect: () => {
      for (const client of clients) if (!isWallet(client)) client.socket.terminate()
    },
    failStream: mode => {
      streamFault = mode
    },
    requireAuth: () => {
      needsAuth = true
    },
    refuse: reason => {
      refusal = reason
    },
    fallSilent: () => {
      isSilent = true
    },
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      for (const { socket } of clients) socket.terminate()
      await closed
    },
  }
}

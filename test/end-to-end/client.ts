import { once } from 'node:events'
import { type RawData, WebSocket } from 'ws'
import type { NostrEvent } from '../../relay/event.ts'
import { type Key, sign } from './envelope.ts'

/** A websocket client that can also misbehave. */
export type Client = {
  /** Sends a frame as it is; bytes go in a binary frame unless they are said to be text. */
  raw(frame: string | Buffer, as?: 'text'): void
  /** The next message for which `take` gives something, those already here included. Throws after 5 s. */
  take<T>(what: string, take: (message: unknown[]) => T | undefined): Promise<T>
  /** Sends an EVENT; gives the two fields of its OK. */
  publish(event: NostrEvent): Promise<{ accepted: boolean; message: string }>
  /** What is stored under a filter, or the reason of a CLOSED. */
  request(filter: object): Promise<{ events: NostrEvent[]; closed: string | null }>
  /** Opens a subscription that stays. */
  subscribe(id: string, filter: object): Promise<void>
  /** Signs in (NIP-42) and gives the fields of the OK; `claim` changes what is signed. */
  authenticate(
    key: Key,
    claim?: { relay?: string; challenge?: string; kind?: number },
  ): Promise<{
    accepted: boolean
    message: string
  }>
  isOpen(): boolean
  /** The code with which the server closes the connection. Throws after 5 s. */
  closeCode(): Promise<number>
  close(): void
}

const patienceMs = 5_000

/** Connects to a relay. */
export async function connect(url: string): Promise<Client> {
  const socket = new WebSocket(url)
  const inbox: unknown[][] = []
  const waiting = new Set<() => void>()
  let serial = 0
  let challenge: string | null = null
  let closedWith: number | null = null
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  socket.on('message', (data: RawData) => {
    inbox.push(JSON.parse(data.toString()) as unknown[])
    wake()
  })
  socket.on('close', code => {
    closedWith = code
    wake()
  })
  await once(socket, 'open')
  socket.on('error', () => undefined)

  const until = <T>(what: string, find: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = find()
        if (found === undefined) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve(found)
      }
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`no ${what} within ${patienceMs} ms; here are ${JSON.stringify(inbox).slice(0, 500)}`))
      }, patienceMs)
      waiting.add(look)
      look()
    })

  const take: Client['take'] = (what, takeFrom) =>
    until(what, () => {
      for (const [index, message] of inbox.entries()) {
        const found = takeFrom(message)
        if (found === undefined) continue
        inbox.splice(index, 1)
        return found
      }
      return undefined
    })

  const send = (message: unknown[]) => socket.send(JSON.stringify(message))
  const okOf = (id: string) =>
    take(`OK of ${id}`, message =>
      message[0] === 'OK' && message[1] === id
        ? { accepted: message[2] === true, message: String(message[3]) }
        : undefined,
    )
  const nextEvent = (id: string) =>
    take('stored event', ([verb, subscription, value]): { event?: NostrEvent; closed?: string | null } | undefined => {
      if (subscription !== id) return undefined
      if (verb === 'EVENT') return { event: value as NostrEvent }
      return verb === 'EOSE' ? { closed: null } : verb === 'CLOSED' ? { closed: String(value) } : undefined
    })

  return {
    raw: (frame, as) => socket.send(frame, { binary: as !== 'text' && typeof frame !== 'string' }),
    take,
    publish: event => {
      send(['EVENT', event])
      return okOf(event.id)
    },
    request: async filter => {
      const id = `request-${serial++}`
      send(['REQ', id, filter])
      const events: NostrEvent[] = []
      for (;;) {
        const { event, closed } = await nextEvent(id)
        if (event !== undefined) events.push(event)
        if (closed === undefined) continue
        if (closed === null) send(['CLOSE', id])
        return { events, closed }
      }
    },
    subscribe: async (id, filter) => {
      send(['REQ', id, filter])
      await take(`EOSE of ${id}`, ([verb, of]) => (verb === 'EOSE' && of === id ? true : undefined))
    },
    authenticate: async (key, claim = {}) => {
      if (challenge === null) {
        // The relay asks for authentication only where it is needed.
        send(['REQ', 'restricted', { kinds: [2411], limit: 1 }])
        challenge = await take('challenge', ([verb, text]) => (verb === 'AUTH' ? String(text) : undefined))
      }
      const tags = [
        ['relay', claim.relay ?? url],
        ['challenge', claim.challenge ?? challenge],
      ]
      const event = sign(key, { kind: claim.kind ?? 22_242, tags })
      send(['AUTH', event])
      return okOf(event.id)
    },
    isOpen: () => socket.readyState === socket.OPEN,
    closeCode: () => until('close', () => closedWith ?? undefined),
    close: () => socket.terminate(),
  }
}

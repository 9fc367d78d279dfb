import WebSocket from 'ws'
import type { NostrEvent } from '../../relay/event.ts'
import type { Server } from './server.ts'
import type { Signatory } from './signing.ts'

/** What the relay said of an event. */
export type Acknowledgement = { readonly accepted: boolean; readonly message: string }

/** A websocket to the relay, authenticated, with all results and notices of its signatory coming in. */
export type Client = {
  /** Sends an event; rejects when the connection ends before the OK. */
  publish(event: NostrEvent): Promise<Acknowledgement>
  /** What is stored for a filter; rejects when the connection ends first. */
  find(filter: object): Promise<NostrEvent[]>
  close(): void
}

type Waiter = { resolve(answer: Acknowledgement): void; reject(error: Error): void }

/** Connects, authenticates (NIP-42) and subscribes. `onReply` gets results and notices, those already stored first. */
export async function connectClient(options: {
  server: Pick<Server, 'websocketUrl' | 'servicePublicKey'>
  signatory: Signatory
  /** Unix seconds: older results and notices are left out. */
  since?: number
  onReply?(event: NostrEvent): void
}): Promise<Client> {
  const { server, signatory, since = 0, onReply = () => undefined } = options
  const socket = new WebSocket(server.websocketUrl)
  const waiting = new Map<string, Waiter[]>()
  const searches = new Map<
    string,
    { found: NostrEvent[]; resolve(events: NostrEvent[]): void; reject(error: Error): void }
  >()
  let searchCount = 0
  const replies = { kinds: [2411, 2412], '#p': [signatory.publicKey], since }
  const send = (...message: unknown[]) => socket.send(JSON.stringify(message))

  const expectOk = (id: string, waiter: Waiter) => {
    const others = waiting.get(id)
    if (others === undefined) waiting.set(id, [waiter])
    else others.push(waiter)
  }

  const ready = new Promise<void>((resolve, reject) => {
    socket.on('open', () => send('REQ', 'replies', replies))
    socket.on('error', reject)
    socket.on('close', () => {
      const gone = new Error('the connection has ended')
      reject(gone)
      for (const { reject: fail } of [...waiting.values(), ...searches.values()].flat()) fail(gone)
      waiting.clear()
      searches.clear()
    })
    socket.on('message', data => {
      const [verb, first, ...rest] = JSON.parse(String(data)) as [string, string, ...unknown[]]
      if (verb === 'AUTH') authenticate(first)
      else if (verb === 'OK') {
        // One OK for each time that an event was sent, in their order.
        waiting
          .get(first)
          ?.shift()
          ?.resolve({ accepted: rest[0] === true, message: String(rest[1]) })
      } else if (verb === 'EVENT') {
        const event = rest[0] as NostrEvent
        if (first === 'replies') onReply(event)
        else searches.get(first)?.found.push(event)
      } else if (verb === 'EOSE' && first === 'replies') resolve()
      else if (verb === 'EOSE') finishSearch(first)
    })
  })

  const authenticate = (challenge: string) => {
    const tags = [
      ['relay', server.websocketUrl],
      ['challenge', challenge],
    ]
    const event = signatory.sign({ kind: 22_242, created_at: Math.floor(Date.now() / 1_000), tags, content: '' })
    expectOk(event.id, { resolve: () => send('REQ', 'replies', replies), reject: () => undefined })
    send('AUTH', event)
  }
  const finishSearch = (id: string) => {
    const search = searches.get(id)
    searches.delete(id)
    send('CLOSE', id)
    search?.resolve(search.found)
  }

  await ready
  return {
    publish: event =>
      new Promise((resolve, reject) => {
        if (socket.readyState !== socket.OPEN) return reject(new Error('the connection has ended'))
        expectOk(event.id, { resolve, reject })
        send('EVENT', event)
      }),
    find: filter =>
      new Promise((resolve, reject) => {
        if (socket.readyState !== socket.OPEN) return reject(new Error('the connection has ended'))
        const id = `search-${searchCount++}`
        searches.set(id, { found: [], resolve, reject })
        send('REQ', id, filter)
      }),
    close: () => socket.terminate(),
  }
}

/** Sends a command over HTTP: its result, `'pending'`, or `'refused'`. Rejects when the connection ends first. */
export async function postCommand(
  { httpUrl }: Pick<Server, 'httpUrl'>,
  event: NostrEvent,
  waitSeconds: number,
): Promise<NostrEvent | 'pending' | 'refused'> {
  const response = await fetch(`${httpUrl}/v1/commands?wait=${waitSeconds}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  const body: unknown = await response.json()
  if (response.status === 200) return body as NostrEvent
  return response.status === 202 ? 'pending' : 'refused'
}

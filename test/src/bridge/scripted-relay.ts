import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** What a relay that follows a script does with a message. */
type Script = (message: unknown[], say: (...message: unknown[]) => void, socket: WebSocket) => void

/** A relay that does as a test says. */
export type ScriptedRelay = {
  readonly url: string
  /** All that was said to it. */
  readonly heard: unknown[][]
  connections(): number
  /** How many connections there have been. */
  opened(): number
  script: Script
  close(): Promise<void>
}

/** Serves a scripted relay on loopback; `greet` is done to each connection. */
export async function serveScript(script: Script, greet: (socket: WebSocket) => void = () => undefined) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await new Promise(done => server.once('listening', done))
  const heard: unknown[][] = []
  let opened = 0
  server.on('connection', socket => {
    opened++
    socket.on('error', () => undefined)
    greet(socket)
    socket.on('message', data => {
      const message = JSON.parse(String(data)) as unknown[]
      heard.push(message)
      relay.script(message, (...answer) => socket.send(JSON.stringify(answer)), socket)
    })
  })
  const relay: ScriptedRelay = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    heard,
    connections: () => server.clients.size,
    opened: () => opened,
    script,
    close: async () => {
      for (const socket of server.clients) socket.terminate()
      await new Promise(done => server.close(done))
    },
  }
  return relay
}

/** What a relay does that has nothing and takes everything. */
export const politely: Script = ([verb, id], say) => {
  if (verb === 'REQ') say('EOSE', id)
  if (verb === 'EVENT') say('OK', (id as { id: string }).id, true, '')
}

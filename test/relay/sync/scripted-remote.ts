import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** A relay that does as a test says. */
export type Scripted = { readonly url: string; readonly connections: () => number; close(): Promise<void> }

/** Serves a script: told of each message, with a way to answer. */
export async function serveScript(
  script: (message: unknown[], answer: (...message: unknown[]) => void, socket: WebSocket) => void,
): Promise<Scripted> {
  let connections = 0
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', socket => {
    connections++
    socket.on('error', () => undefined)
    socket.on('message', data => {
      const answer = (...message: unknown[]) => {
        if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
      }
      script(JSON.parse(String(data)) as unknown[], answer, socket)
    })
  })
  await new Promise<void>(resolve => void server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/`,
    connections: () => connections,
    close: () =>
      new Promise(resolve => {
        for (const socket of server.clients) socket.terminate()
        server.close(() => resolve())
      }),
  }
}

import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Message } from './child.ts'

/**
 * The process with a websocket server that checks nothing and keeps nothing: every event goes to every subscription at
 * once. What `ws` itself costs here.
 */
export function runNaiveRelay(): void {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  server.on('connection', socket => {
    const own: string[] = []
    socket.on('message', data => {
      const [verb, value] = JSON.parse(String(data)) as [string, unknown]
      if (verb === 'REQ') {
        own.push(String(value))
        subscribed.set(socket, own)
        socket.send(JSON.stringify(['EOSE', value]))
      } else {
        deliver(value)
        socket.send(JSON.stringify(['OK', (value as { id: string }).id, true, '']))
      }
    })
    socket.on('close', () => subscribed.delete(socket))
  })
  const subscribed = new Map<{ send(message: Buffer, how: { binary: false }): void }, string[]>()

  const deliver = (event: unknown) => {
    const json = JSON.stringify(event)
    const messages = new Map<string, Buffer>()
    for (const [socket, ids] of subscribed) {
      for (const id of ids) {
        const message = messages.get(id) ?? Buffer.from(`["EVENT","${id}",${json}]`)
        messages.set(id, message)
        socket.send(message, { binary: false })
      }
    }
  }

  server.once('listening', () => {
    const { port } = server.address() as AddressInfo
    process.send?.({ type: 'ready', port } satisfies Message)
  })
  process.once('disconnect', () => process.exit())
}

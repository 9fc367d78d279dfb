import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a relay that can be shut, as when the relay is away: its address stays, and nobody answers there. */
export type Gate = {
  readonly url: string
  /** Connections that have been asked for so far. */
  readonly attempts: () => number
  shut(): Promise<void>
  open(): Promise<void>
}

/** Puts a gate before a port of this machine. */
export async function openGate(port: number): Promise<Gate> {
  const sockets = new Set<Socket>()
  let attempts = 0
  const serve = () =>
    createServer(near => {
      attempts++
      const far = connect(port, '127.0.0.1')
      for (const socket of [near, far]) {
        sockets.add(socket)
        socket
          .on('error', () => undefined)
          .on('close', () => {
            sockets.delete(socket)
            near.destroy()
            far.destroy()
          })
      }
      near.pipe(far).pipe(near)
    })
  let server = serve()
  const listen = (at: number) => new Promise<void>(done => void server.listen(at, '127.0.0.1', done))
  await listen(0)
  const own = (server.address() as AddressInfo).port
  return {
    url: `ws://127.0.0.1:${own}/`,
    attempts: () => attempts,
    shut: async () => {
      const closed = new Promise(done => server.close(done))
      for (const socket of sockets) socket.destroy()
      await closed
    },
    open: async () => {
      server = serve()
      await listen(own)
    },
  }
}

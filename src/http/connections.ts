import type { Server } from 'node:http'
import { normalizeAddress } from './network.ts'

/** How many connections a server has open. */
export function openConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

/** Counts connections per address; `enter` says `null` when there is room for one more. */
type Counter = { enter(ip: string): string | null; leave(ip: string): void }

/**
 * Ends connections beyond the bounds as soon as they come, before anything is read from them. Listed proxies bring many
 * clients over few connections, and are bounded in total only.
 */
export function limitConnections(
  server: Server,
  options: {
    maxConnections: number
    perAddress: Counter
    isProxy(address: string): boolean
    /** Hears of each connection that was ended, and by which bound. */
    refused?: (bound: 'address' | 'total') => void
  },
): void {
  const { perAddress, isProxy, refused = () => undefined } = options
  server.maxConnections = options.maxConnections
  server.on('drop', () => refused('total'))
  server.on('connection', socket => {
    const address = normalizeAddress(socket.remoteAddress ?? '')
    if (address === null || isProxy(address)) return
    if (perAddress.enter(address) !== null) {
      refused('address')
      socket.destroy()
      return
    }
    socket.once('close', () => perAddress.leave(address))
  })
}

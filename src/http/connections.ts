import type { Server } from 'node:http'
import { normalizeAddress } from './network.ts'

/** Counts connections per address; `enter` says `null` when there is room for one more. */
type Counter = { enter(ip: string): string | null; leave(ip: string): void }

/**
 * Ends connections beyond the bounds as soon as they come, before anything is read from them. Listed proxies bring many
 * clients over few connections, and are bounded in total only.
 */
export function limitConnections(
  server: Server,
  options: { maxConnections: number; perAddress: Counter; isProxy(address: string): boolean },
): void {
  const { perAddress, isProxy } = options
  server.maxConnections = options.maxConnections
  server.on('connection', socket => {
    const address = normalizeAddress(socket.remoteAddress ?? '')
    if (address === null || isProxy(address)) return
    if (perAddress.enter(address) !== null) {
      socket.destroy()
      return
    }
    socket.once('close', () => perAddress.leave(address))
  })
}

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens, and says where; port 0 takes a free one. Rejects when the port cannot be had. */
export function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve({ host, port: (server.address() as AddressInfo).port })
    })
  })
}

/** Takes no more connections and ends those that idle; requests under way are answered first, for a moment. */
export function stopListening(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 1_000).unref()
  })
}

/** The URLs by which clients know the service: as configured, or on this machine. */
export function publicUrls(
  { publicUrls: configured }: { publicUrls: { http: string | null; websocket: string | null } },
  port: number,
): { http: string; websocket: string } {
  return {
    http: configured.http ?? `http://localhost:${port}`,
    websocket: configured.websocket ?? `ws://localhost:${port}`,
  }
}

/** The URLs that authentication may name (NIP-42): the public one, and where none is configured, this machine's by number. */
export function ownUrls(
  { publicUrls: configured }: { publicUrls: { websocket: string | null } },
  websocket: string,
  port: number,
): string[] {
  return configured.websocket === null ? [websocket, `ws://127.0.0.1:${port}`, `ws://[::1]:${port}`] : [websocket]
}

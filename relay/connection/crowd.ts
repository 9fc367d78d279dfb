import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Limits } from '../limits.ts'
import type { RelayMetrics } from '../metrics/metrics.ts'
import { createBuckets } from '../policies/buckets.ts'
import type { Connection, Traffic } from './connection.ts'
import { createConnectionCounter, networkOf } from './connection-counter.ts'
import { createRounds } from './rounds.ts'

/** All clients on websockets. */
export type Crowd = {
  /** Takes a handshake; refuses with 403, 429 or 503. */
  enter(request: IncomingMessage, socket: Duplex, head: Buffer, ip: string): void
  endIf(isOver: (connection: Connection) => boolean, reason: string): void
  size(): number
  /** Bytes of all that there have been, and what those who are here have not taken yet. */
  traffic(): Traffic
  /** Ends every connection. */
  close(): Promise<void>
}

const maxFragments = 64
const maxBufferedChunks = 1_024

/** Makes it; `open` serves a client. */
export function createCrowd(options: {
  limits: Limits
  metrics: RelayMetrics
  isBlocked(ip: string): boolean
  open(socket: WebSocket, stream: Duplex, ip: string): Connection
}): Crowd {
  const { limits, metrics, isBlocked, open } = options
  const connections = new Set<Connection>()
  const pinging = createRounds<Connection>(limits.pingSeconds * 1_000, connection => connection.check())
  const counter = createConnectionCounter(limits)
  const mayShakeHands = createBuckets({ perSecond: limits.handshakesPerMinute / 60, burst: limits.handshakesBurst })
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxMessageBytes,
    // Each part of a message that has not come in full keeps all that was read with it.
    maxFragments,
    maxBufferedChunks,
    perMessageDeflate: false,
    clientTracking: false,
  })

  const welcome = (socket: WebSocket, stream: Duplex, ip: string) => {
    const connection = open(socket, stream, ip)
    connections.add(connection)
    pinging.add(connection)
    metrics.connections.opened++
    socket.once('close', () => {
      connections.delete(connection)
      pinging.remove(connection)
      const { bytesIn, bytesOut } = connection.traffic()
      metrics.bytesIn += bytesIn
      metrics.bytesOut += bytesOut
      counter.leave(ip)
    })
  }

  const refusalOf = (ip: string): string | null => {
    const comesTooOften = !mayShakeHands(networkOf(ip))
    if (isBlocked(ip)) return '403 Forbidden'
    return comesTooOften ? '429 Too Many Requests' : counter.enter(ip)
  }

  return {
    enter: (request, socket, head, ip) => {
      const refusal = refusalOf(ip)
      if (refusal !== null) {
        const [status] = refusal.split(' ')
        metrics.connections.refused[status === '403' ? 403 : status === '429' ? 429 : 503]++
        // The HTTP server has let go of the socket: a reset would be uncaught, and a peer that never closes would stay.
        socket.on('error', () => undefined)
        socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
        return
      }
      let opened = false
      socket.once('close', () => {
        if (!opened) counter.leave(ip)
      })
      server.handleUpgrade(request, socket, head, websocket => {
        opened = true
        welcome(websocket, socket, ip)
      })
    },
    endIf: (isOver, reason) => {
      for (const connection of connections) if (isOver(connection)) connection.end(reason)
    },
    size: () => connections.size,
    traffic: () => {
      let { bytesIn, bytesOut } = metrics
      let unreadBytes = 0
      for (const connection of connections) {
        const traffic = connection.traffic()
        bytesIn += traffic.bytesIn
        bytesOut += traffic.bytesOut
        unreadBytes += traffic.unreadBytes
      }
      return { bytesIn, bytesOut, unreadBytes }
    },
    close: async () => {
      pinging.stop()
      await new Promise<void>(done => server.close(() => done()))
      await Promise.all([...connections].map(connection => connection.close()))
    },
  }
}

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Why a connection was ended: an answer was not taken for too long, or too much waited for all clients together. */
export type UnreadReason = 'unread-time' | 'unread-bytes'

/** The connections whose clients have to read their answers. */
export type Readers = {
  /** Lets a connection go that is no longer HTTP's: websockets have bounds of their own. */
  forget(socket: Duplex): void
  /** Ends those that do not read. */
  look(): void
}

/**
 * Watches over what waits in memory for the clients of a server: whoever has not taken an answer after `drainSeconds` is
 * ended, and when it is more than `maxUnreadBytes` in all, those for whom the most waits. `look` is to be called about every
 * second; between, a connection adds no more than one answer (see `takeTurns`). `nowMs` is monotonic.
 */
export function watchReaders(
  server: Server,
  options: {
    limits: { readonly drainSeconds: number; readonly maxUnreadBytes: number }
    nowMs(): number
    ended(reason: UnreadReason): void
  },
): Readers {
  const { limits, nowMs, ended } = options
  const sockets = new Set<Socket>()
  /** How much each that is behind had taken, and since when it is no more. */
  const behind = new Map<Socket, { takenBytes: number; sinceMs: number }>()

  const forget = (socket: Socket) => {
    sockets.delete(socket)
    behind.delete(socket)
  }
  const end = (socket: Socket, reason: UnreadReason) => {
    forget(socket)
    socket.destroy()
    ended(reason)
  }
  /** Whether it took nothing for too long. */
  const isStuck = (socket: Socket): boolean => {
    const takenBytes = socket.bytesWritten - socket.writableLength
    const last = behind.get(socket)
    if (last?.takenBytes === takenBytes) return nowMs() - last.sinceMs >= limits.drainSeconds * 1_000
    behind.set(socket, { takenBytes, sinceMs: nowMs() })
    return false
  }

  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => forget(socket))
  })

  return {
    // Node's types say Duplex where it hands a socket over.
    forget: socket => forget(socket as Socket),
    look: () => {
      let unreadBytes = 0
      for (const socket of sockets) {
        if (socket.writableLength === 0) behind.delete(socket)
        else if (isStuck(socket)) end(socket, 'unread-time')
        else unreadBytes += socket.writableLength
      }
      if (unreadBytes <= limits.maxUnreadBytes) return
      for (const socket of [...behind.keys()].sort((a, b) => b.writableLength - a.writableLength)) {
        if (unreadBytes <= limits.maxUnreadBytes) return
        unreadBytes -= socket.writableLength
        end(socket, 'unread-bytes')
      }
    },
  }
}

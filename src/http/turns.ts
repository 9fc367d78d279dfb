import { IncomingMessage, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of a socket that wait while one is handled. Hardly any client sends a request before it has the last answer. */
const maxWaiting = 16

/**
 * Handles the requests of a socket one after the other, and of those that were sent ahead (pipelining) one in each turn of
 * the event loop; who asks when the last answer has been taken is served at once. So what waits for a client that does not
 * read is never more than one answer.
 *
 * A socket with more than `maxWaiting` requests ahead is ended, and `ended` is told. To stop reading instead would be of no
 * use: what was read at once is parsed at once, some 3,600 requests, and what waits takes more memory than its answers.
 */
export function takeTurns(handle: RequestListener, ended: () => void): RequestListener {
  const waiting = new WeakMap<Socket, number>()
  return (request, response) => {
    // Only a response whose turn it is has a socket.
    if (response.socket !== null) return handle(request, response)
    const { socket } = request
    if (socket.destroyed) return
    const count = (waiting.get(socket) ?? 0) + 1
    if (count > maxWaiting) {
      socket.destroy()
      ended()
      return
    }
    waiting.set(socket, count)
    response.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1)
      setImmediate(() => {
        if (!socket.destroyed) handle(request, response)
      })
    })
  }
}

/**
 * Makes a request for node's server (its option `IncomingMessage`). One on a socket that is ended counts as an upgrade, at
 * which the parser stops: the thousands that may be behind it would take 20 us each.
 */
function createMessage(socket: Socket): IncomingMessage {
  const message = new IncomingMessage(socket)
  if (socket.destroyed) Object.defineProperty(message, 'upgrade', { get: () => true, set: () => undefined })
  return message
}

/** Node calls it with `new`. */
export const StoppableMessage = createMessage as unknown as typeof IncomingMessage

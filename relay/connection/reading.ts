import type { WebSocket } from 'ws'

/** Stops the reading of a socket for several reasons at once. Each pause is followed by one resume. */
export type Reading = Pick<WebSocket, 'pause' | 'resume'>

/** Reads from a socket while there is no reason not to. */
export function createReading(socket: Reading): Reading {
  let reasons = 0
  return {
    pause: () => {
      if (reasons++ === 0) socket.pause()
    },
    resume: () => {
      if (--reasons === 0) socket.resume()
    },
  }
}

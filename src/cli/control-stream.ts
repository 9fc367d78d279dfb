import type { Socket } from 'node:net'
import type { ControlReply } from './control-socket.ts'

/** What a long method works with besides its params. */
export type ControlWork = {
  /** What the caller sends after its request, until it has no more. */
  readonly input: AsyncIterable<Uint8Array>
  /** Says how far it is; a caller that does not read misses some of it. */
  tell(progress: unknown): void
  /** Aborted when the caller has gone away. */
  readonly signal: AbortSignal
}

/** Answers a method that takes long. */
export type ControlStream = (params: unknown, work: ControlWork) => Promise<ControlReply>

const lingerMs = 10_000

/**
 * Runs a long method on a connection that is its own from now on, and ends it with the answer; `rest` is what has been read
 * after the request. Resolves when the method is over, also when the caller has gone away.
 */
export async function serveStream(
  socket: Socket,
  rest: Buffer,
  { run, params, report }: { run: ControlStream; params: unknown; report(error: unknown): void },
): Promise<void> {
  const gone = new AbortController()
  const onClose = () => gone.abort()
  socket.on('close', onClose)
  if (rest.length > 0) socket.unshift(rest)
  const tell = (progress: unknown) => {
    if (socket.writable && !socket.writableNeedDrain) socket.write(`${JSON.stringify({ progress })}\n`)
  }
  let reply: ControlReply
  try {
    reply = await run(params, {
      // The answer has to go out when not all was read.
      input: socket.iterator({ destroyOnReturn: false }),
      tell,
      signal: gone.signal,
    })
  } catch (error) {
    if (!gone.signal.aborted) report(error)
    reply = { ok: false, error: 'the service failed; see its log' }
  }
  socket.off('close', onClose)
  if (socket.destroyed) return
  // What is still coming is taken and thrown away: closing on it would take the answer along.
  socket.resume()
  socket.end(`${JSON.stringify(reply)}\n`)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.on('close', () => clearTimeout(timer))
}

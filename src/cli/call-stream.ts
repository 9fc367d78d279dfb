import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { ControlError, isTooLong, tooLongMessage, unreachable } from './control-socket.ts'
import { parseJson, readLines } from './socket-lines.ts'

const maxReplyBytes = 1_048_576
/** The service says how far it is every second. */
const maxSilenceMs = 60_000

const saidSchema = z.union([
  z.object({ progress: z.unknown() }),
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.string() }),
])

/**
 * Asks the service behind a control socket for something that takes long, and sends it `input` no faster than it takes it.
 * Throws a `ControlError` when the service refuses, goes away or falls silent, and what `input` throws.
 */
export function callControlStream(
  path: string,
  method: string,
  params: unknown,
  options: { input?: AsyncIterable<Uint8Array>; progress?(progress: unknown): void } = {},
): Promise<unknown> {
  if (isTooLong(path)) return Promise.reject(new ControlError(tooLongMessage(path)))
  const { input, progress } = options
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer)
      settle()
      socket.destroy()
    }
    const fail = (message: string, cause?: unknown) => end(() => reject(new ControlError(message, { cause })))
    const socket = connect({ path, allowHalfOpen: true })
    const timer = setTimeout(() => fail('the service has fallen silent; it may still act'), maxSilenceMs)
    let isConnected = false
    socket.on('connect', () => {
      isConnected = true
    })
    const wentAway = 'the service went away without an answer; it may have acted'
    socket.on('end', () => fail(wentAway)).on('close', () => fail(wentAway))
    socket.on('error', error => fail(isConnected ? wentAway : unreachable(path, error), error))
    readLines(socket, maxReplyBytes, {
      tooLong: () => fail('the answer of the service is too long'),
      line: line => {
        timer.refresh()
        const said = saidSchema.safeParse(parseJson(line))
        if (!said.success) return fail('the service gave an answer that cannot be read')
        if ('progress' in said.data) return progress?.(said.data.progress)
        const { data } = said
        if (data.ok) end(() => resolve(data.result))
        else fail(data.error)
      },
    })
    socket.write(`${JSON.stringify({ method, params })}\n`)
    send(socket, input).catch(error => end(() => reject(error)))
  })
}

async function send(socket: Socket, input: AsyncIterable<Uint8Array> = none()): Promise<void> {
  const closed = new Promise(resolve => socket.once('close', resolve))
  for await (const chunk of input) {
    if (socket.destroyed) return
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed])
  }
  socket.end()
}

async function* none(): AsyncGenerator<Uint8Array> {}

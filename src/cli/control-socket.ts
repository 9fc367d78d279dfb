import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { checkParams } from '../protocol/faults.ts'
import { type ControlStream, serveStream } from './control-stream.ts'
import { parseJson, readLines } from './socket-lines.ts'

/** An answer of the running service; `error` is one line for the operator, without secrets. */
export type ControlReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: string }

/** Answers one method; takes params as they arrived. */
export type ControlHandler = (params: unknown) => Promise<ControlReply>

/** What the control socket takes from a stranger who got as far as the operator's files. */
export type ControlLimits = {
  readonly maxRequestBytes: number
  readonly maxConnections: number
  /** How long an answer may take; a connection is closed when twice this long goes by without an answer. */
  readonly timeoutMs: number
}

const defaultLimits: ControlLimits = { maxRequestBytes: 65_536, maxConnections: 16, timeoutMs: 30_000 }
const maxReplyBytes = 1_048_576
/** `sun_path` holds 108 bytes on Linux and 104 on macOS, with a zero at the end; Node cuts longer ones without a word. */
const maxPathBytes = 103

const requestSchema = z.strictObject({ method: z.string().max(64), params: z.unknown().optional() })
const replySchema = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.string() }),
])

/** The running service refused, or could not be asked; the message is for the operator. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
}

/** Where the service that uses a data directory listens for its operator. */
export function controlSocketPath(dataDirectory: string): string {
  return join(dataDirectory, 'control.sock')
}

/** A handler whose params are checked first: what does not fit the schema is refused, not run. */
export function controlHandler<Schema extends z.ZodType>(
  schema: Schema,
  run: (params: z.output<Schema>) => Promise<ControlReply>,
): ControlHandler {
  return async params => {
    const checked = checkParams(schema, params)
    if (checked.ok) return run(checked.params)
    return refuse(checked.faults.map(({ path, message }) => `${path}: ${message}`).join('; '))
  }
}

/**
 * Answers newline-delimited JSON requests on a unix socket of mode 600. Replaces the socket of a dead process. Throws
 * when a live one listens there, when the path is something else, and when it is too long for a socket.
 */
export async function createControlServer(options: {
  path: string
  handlers: Readonly<Record<string, ControlHandler>>
  /** Methods that take as long as they take; one at a time. */
  streams?: Readonly<Record<string, ControlStream>>
  limits?: Partial<ControlLimits>
  /** Told of handlers that threw, which is a bug; the caller of the method learns only that. */
  report?: (error: unknown) => void
}): Promise<{ close(): Promise<void> }> {
  const { path, handlers, streams = {}, report = () => undefined } = options
  const limits = { ...defaultLimits, ...options.limits }
  if (isTooLong(path)) throw new Error(tooLongMessage(path))
  await removeStale(path)
  const connections = new Set<Socket>()
  let streaming: Promise<void> | null = null
  const stream: Streaming = (socket, line, takeOver) => {
    const request = requestSchema.safeParse(parseJson(line))
    if (!request.success || !Object.hasOwn(streams, request.data.method)) return 'none'
    const run = streams[request.data.method]
    if (run === undefined) return 'none'
    if (streaming !== null) return 'busy'
    streaming = serveStream(socket, takeOver(), { run, params: request.data.params, report }).finally(() => {
      streaming = null
    })
    return 'streams'
  }
  // What a stream sends may end before its answer comes.
  const server = createServer({ allowHalfOpen: true }, socket => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    serve(socket, limits, stream, line => answer(line, handlers, limits.timeoutMs, report))
  })
  server.maxConnections = limits.maxConnections
  await listen(server, path)
  server.on('error', report)
  return {
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const socket of connections) socket.destroy()
      await closed
      await streaming
    },
  }
}

/** Asks the service behind a control socket. Throws a `ControlError` when it refuses or does not answer in time. */
export function callControl(path: string, method: string, params: unknown, timeoutMs = 40_000): Promise<unknown> {
  if (isTooLong(path)) return Promise.reject(new ControlError(tooLongMessage(path)))
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown) => {
      socket.destroy()
      reject(new ControlError(message, { cause }))
    }
    const socket = connect({ path })
    const timer = setTimeout(() => fail('the service did not answer in time; it may still have acted'), timeoutMs)
    socket.on('close', () => {
      clearTimeout(timer)
      fail('the service went away without an answer; it may have acted')
    })
    socket.on('error', error => fail(unreachable(path, error), error))
    socket.write(`${JSON.stringify({ method, params })}\n`)
    readLines(socket, maxReplyBytes, {
      tooLong: () => fail('the answer of the service is too long'),
      line: line => {
        const reply = replySchema.safeParse(parseJson(line))
        if (!reply.success) return fail('the service gave an answer that cannot be read')
        if (!reply.data.ok) return fail(reply.data.error)
        resolve(reply.data.result)
        socket.destroy()
      },
    })
  })
}

function refuse(error: string): ControlReply {
  return { ok: false, error }
}

function refusal(error: string): string {
  return JSON.stringify(refuse(error))
}

async function answer(
  line: string,
  handlers: Readonly<Record<string, ControlHandler>>,
  timeoutMs: number,
  report: (error: unknown) => void,
): Promise<string> {
  const request = requestSchema.safeParse(parseJson(line))
  if (!request.success) return refusal('the request is not a JSON object with method and params')
  const { method, params } = request.data
  const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined
  if (handler === undefined) return refusal('the service knows no such method')
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>(resolve => {
    timer = setTimeout(() => resolve(refusal('this takes too long; it may still happen')), timeoutMs)
  })
  const work = async () => {
    try {
      return JSON.stringify(await handler(params))
    } catch (error) {
      report(error)
      return refusal('the service failed; see its log')
    }
  }
  const reply = await Promise.race([work(), late])
  clearTimeout(timer)
  return reply
}

/** Begins what a line asks for, if that is a stream; `takeOver` gives what else has been read. */
type Streaming = (socket: Socket, line: string, takeOver: () => Buffer) => 'none' | 'busy' | 'streams'

/** Answers a connection's requests one after the other, in their order. */
function serve(
  socket: Socket,
  limits: ControlLimits,
  stream: Streaming,
  respond: (line: string) => Promise<string>,
): void {
  // Not the socket's own timeout: a byte now and then would put it off for ever.
  const timer = setTimeout(() => socket.destroy(), limits.timeoutMs * 2)
  const onEnd = () => void socket.end()
  socket.on('close', () => clearTimeout(timer)).on('end', onEnd)
  // A client that goes away early is no event: its connection is closed, and that is all.
  socket.on('error', () => socket.destroy())
  readLines(socket, limits.maxRequestBytes, {
    tooLong: () => {
      // What is still coming is taken and thrown away: closing on it would take the answer along.
      socket.resume()
      socket.end(`${refusal(`a request has at most ${limits.maxRequestBytes} bytes`)}\n`)
    },
    line: async (line, takeOver) => {
      const begun = stream(socket, line, takeOver)
      if (begun === 'streams') {
        clearTimeout(timer)
        socket.off('end', onEnd)
        return
      }
      const reply = begun === 'busy' ? refusal('the service is busy with another such request') : await respond(line)
      if (socket.destroyed) return
      socket.write(`${reply}\n`)
      timer.refresh()
    },
  })
}

/** Node binds within `listen`, so the mask holds for exactly this file: at no moment can others connect. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const mask = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.removeListener('error', reject)
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
}

/** Removes a socket that nobody answers. Never anything that is not a socket. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${path} is in the way of the control socket and is not a socket`)
  if (await isAnswered(path)) throw new Error(`another process answers on ${path}`)
  unlinkSync(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path }, () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(error)
    })
  })
}

export function isTooLong(path: string): boolean {
  return Buffer.byteLength(path) > maxPathBytes
}

export function tooLongMessage(path: string): string {
  return `${path} is too long for a socket (${maxPathBytes} bytes): choose a shorter data directory`
}

export function unreachable(path: string, error: NodeJS.ErrnoException): string {
  const nobody = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
  if (nobody) return `nothing answers on ${path}: is the service running with this data directory?`
  return `cannot ask the service on ${path} (${error.code ?? error.message})`
}

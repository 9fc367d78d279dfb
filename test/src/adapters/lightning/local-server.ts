import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

/** A call of a backend's API, as it came in. */
export type Call = {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An answer: a status with JSON or text, or a stream that the handler writes itself. */
export type Reply =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly text: string }
  | { readonly stream: (response: ServerResponse) => void }

/** What goes wrong with the next call of a kind: nothing happens, or it does and the answer is lost; or it comes late. */
export type ServerFault = 'unavailable' | 'drop-after' | { readonly delayMs: number }

/** A local server that speaks a backend's protocol, on loopback. */
export type LocalServer = {
  readonly port: number
  /** The raw server, for websockets. */
  readonly server: ReturnType<typeof createServer>
  /** The next call of that kind goes wrong. */
  fail(kind: string, fault: ServerFault): void
  /** Every call so far, oldest first. */
  readonly calls: readonly Call[]
  /** Ends every connection at once, as a network that breaks does. */
  disconnect(): void
  close(): Promise<void>
}

const maxBodyBytes = 1_024 ** 2

/** Starts a server. `kindOf` names a call for `fail`; what `handle` throws is answered with status 500. */
export async function startLocalServer(options: {
  kindOf(call: Call): string
  handle(call: Call): Promise<Reply> | Reply
  tls?: { key: string; cert: string }
}): Promise<LocalServer> {
  const { kindOf, handle, tls } = options
  const faults = new Map<string, ServerFault>()
  const calls: Call[] = []
  const sockets = new Set<Socket>()

  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const call = await readCall(request)
    calls.push(call)
    const kind = kindOf(call)
    const fault = faults.get(kind)
    faults.delete(kind)
    if (fault === 'unavailable') return request.socket.destroy()
    if (typeof fault === 'object') await new Promise(resolve => setTimeout(resolve, fault.delayMs))
    const reply = await replyOf(handle, call)
    if (fault === 'drop-after') return request.socket.destroy()
    if ('stream' in reply) return reply.stream(response)
    const isJson = 'json' in reply
    response.writeHead(reply.status, { 'content-type': isJson ? 'application/json' : 'text/plain' })
    response.end(isJson ? JSON.stringify(reply.json) : reply.text)
  }

  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const disconnect = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    server,
    fail: (kind, fault) => void faults.set(kind, fault),
    calls,
    disconnect,
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      disconnect()
      await closed
    },
  }
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  let body = ''
  for await (const chunk of request) {
    body += chunk
    if (body.length > maxBodyBytes) throw new Error('a call without end')
  }
  return { method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, body }
}

async function replyOf(handle: (call: Call) => Promise<Reply> | Reply, call: Call): Promise<Reply> {
  try {
    return await handle(call)
  } catch (error) {
    return { status: 500, text: String(error) }
  }
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import { nip05Path, type ResolveNip05, replyToNip05 } from './nip05.ts'
import { internalError, refusal } from './refusal.ts'
import { type Reply, toResponse } from './reply.ts'
import { StoppableMessage, takeTurns } from './turns.ts'

/** Takes a websocket handshake over, or ends the socket. */
export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What the server does itself, before the app sees a request. */
export type ServerDeps = {
  readonly onUpgrade: OnUpgrade
  /** The app's own: lookups are so frequent that the usual ones are answered without building a Request and a Response. */
  readonly resolveNip05: ResolveNip05
  /** The app's own too. */
  onReply(route: string, status: number): void
  onError(error: unknown): void
  /** Counts a request other than a lookup against its address, before it is looked at. */
  mayAsk(request: IncomingMessage): boolean
  /** Hears of each connection that was ended for what its client did. */
  ended(reason: 'pipelined'): void
}

/** Longer than the 60 s for which proxies usually keep a connection, so that the proxy closes first and loses no request. */
const keepAliveTimeoutMs = 65_000
const headersTimeoutMs = 10_000
/** For receiving a request, body included; an answer may take longer. */
const requestTimeoutMs = 30_000
const maxHeaderBytes = 16 * 1024

/** What has no route, since it could not be understood. */
const unreadable = 'unreadable'
/** Nor has this, since nobody looked. */
const rationed = 'rationed'

const badTarget = refusal(400, 'INVALID_REQUEST', 'the request target or the Host header is not valid')
const starting = refusal(503, 'STARTING', 'the service is starting; try again in a moment', { 'retry-after': '1' })
const tooMany = refusal(429, 'RATE_LIMITED', 'too many requests from this address, slow down', { 'retry-after': '10' })

/**
 * An HTTP server with limits on slow and large requests, not yet listening. Until `serveHttp` gives it the app, it answers
 * 503: the port is taken first, since URLs follow from it. What the HTTP parser refuses is readable for web pages too.
 */
export function createHttpServer(
  onReply: ServerDeps['onReply'] = () => undefined,
  ended: ServerDeps['ended'] = () => undefined,
): Server {
  const server = createServer(
    {
      IncomingMessage: StoppableMessage,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: maxHeaderBytes,
      // The app answers a missing Host itself, with CORS headers.
      requireHostHeader: false,
    },
    takeTurns(
      (_request, response) => write(starting, response),
      () => ended('pipelined'),
    ),
  )
  server.maxHeadersCount = 100
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = answerBrokenRequest(error.code, socket)
    if (status !== null) onReply(unreadable, status)
  })
  return server
}

/** Has the server answer with the app from now on, and hand websocket handshakes to `onUpgrade`. */
export function serveHttp(server: Server, app: Hono, deps: ServerDeps): void {
  const { onUpgrade, onReply, onError, mayAsk, ended } = deps
  const respond = (reply: Reply) => {
    onReply(unreadable, reply.status)
    return toResponse(reply)
  }
  const listener = getRequestListener(app.fetch, {
    errorHandler: error => {
      if (error instanceof RequestError) return respond(badTarget)
      // What is thrown inside the app becomes its 500; only what is no Error gets here.
      onError(error)
      return respond(internalError)
    },
  })
  server.removeAllListeners('request')
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (isLookup(request)) return answerLookup(request, response, deps)
    if (mayAsk(request)) return void listener(request, response)
    onReply(rationed, tooMany.status)
    write(tooMany, response)
  }
  server.on(
    'request',
    takeTurns(handle, () => ended('pipelined')),
  )
  server.on('upgrade', (request, socket, head) => {
    // Where the parser was stopped, it says that there is one.
    if (!socket.destroyed) onUpgrade(request, socket, head)
  })
}

function write(reply: Reply, response: ServerResponse): void {
  response.writeHead(reply.status, { ...reply.headers }).end(reply.body)
}

/**
 * The parser gives the bare socket, on which a former response may still be under way: then it is only closed. Says with
 * which status it was answered.
 */
function answerBrokenRequest(code: string | undefined, socket: Duplex): number | null {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return null
  }
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\naccess-control-allow-origin: *\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
  return Number.parseInt(status, 10)
}

/** A plain `GET` in origin form; everything else about the path (HEAD, OPTIONS, other methods) is the app's. */
function isLookup({ method, url }: IncomingMessage): boolean {
  if (method !== 'GET' || url === undefined || !url.startsWith(nip05Path)) return false
  return url.length === nip05Path.length || url[nip05Path.length] === '?'
}

function answerLookup(
  { headers, url = '' }: IncomingMessage,
  response: ServerResponse,
  { resolveNip05, onReply, onError }: ServerDeps,
): void {
  try {
    const lookup = { host: headers.host ?? '', url, ifNoneMatch: headers['if-none-match'] }
    const reply = replyToNip05(resolveNip05, lookup)
    onReply(nip05Path, reply.status)
    response.writeHead(reply.status, reply.headers).end(reply.body)
  } catch (error) {
    onError(error)
    onReply(nip05Path, internalError.status)
    write(internalError, response)
  }
}

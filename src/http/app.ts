import type { IncomingMessage } from 'node:http'
import { type Context, Hono } from 'hono'
import { type ApiCall, type ApiDeps, postCommand, postQuery } from './api.ts'
import { preflight } from './cors.ts'
import { type Check, health, readinessReply } from './health.ts'
import type { Landing } from './landing.ts'
import { type ManagementDeps, postManagement } from './management.ts'
import { type MetricsDeps, metricsPath, metricsReply } from './metrics.ts'
import { nip05Path, type ResolveNip05, replyToNip05 } from './nip05.ts'
import { internalError, refusal } from './refusal.ts'
import { json, type Reply, toResponse } from './reply.ts'
import { createRoot } from './root.ts'
import { postWebhook, type WebhookDeps, webhookPath } from './webhook.ts'

/** What the HTTP front asks of the rest of the service. */
export type HttpDeps = ApiDeps &
  ManagementDeps &
  MetricsDeps &
  WebhookDeps & {
    readonly resolveNip05: ResolveNip05
    /** The relay information document (NIP-11). */
    relayDocument(): object
    /** What the page for browsers says. */
    landing(): Landing
    /** Monotonic. */
    nowMs(): number
    /** Hears of every reply: the path that is served, or `other`, and the status. */
    onReply(route: string, status: number): void
    readiness(): Promise<readonly Check[]>
    /** The methods with the JSON Schemas of their params and results, as announced in the service info event. */
    methods(): object
    /** Told of every exception that is a bug; the client gets a 500 without particulars. */
    onError(error: unknown): void
  }

/** Nobody reads it; the status, which is nginx's, tells those who hang up from what we did wrong. */
const clientClosedRequest = refusal(499, 'CLIENT_CLOSED_REQUEST', 'the request was broken off')

/** A path that is served; GET comes with HEAD, and both with OPTIONS. */
type Route = {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly handle: (c: Context) => Reply | Promise<Reply>
}

/**
 * The HTTP routes without a socket: `app.request('/…')` in tests, `serveHttp(server, app, …)` in production.
 * Every response may be read by any web page and none is a redirect.
 */
export function createHttpApp(deps: HttpDeps): Hono {
  const root = createRoot(deps)
  const methods = json(200, deps.methods())
  const routes: readonly Route[] = [
    { path: nip05Path, method: 'GET', handle: c => lookUp(deps.resolveNip05, c) },
    { path: '/v1/commands', method: 'POST', handle: c => postCommand(deps, callOf(c), c.req.query('wait')) },
    { path: '/v1/queries', method: 'POST', handle: c => postQuery(deps, callOf(c)) },
    { path: '/v1/methods', method: 'GET', handle: () => methods },
    { path: webhookPath, method: 'POST', handle: c => postWebhook(deps, callOf(c)) },
    { path: '/', method: 'GET', handle: c => root(c.req.header('accept')) },
    { path: '/', method: 'POST', handle: c => postManagement(deps, callOf(c)) },
    { path: '/healthz', method: 'GET', handle: health },
    { path: '/readyz', method: 'GET', handle: async () => readinessReply(await deps.readiness()) },
  ]
  const app = new Hono()
  const allowed = new Map<string, string>()
  const respond = (route: string, reply: Reply): Response => {
    deps.onReply(route, reply.status)
    return toResponse(reply)
  }
  for (const { path, method, handle } of routes) {
    const takes = (asked: Route['method']) => routes.some(route => route.path === path && route.method === asked)
    const allow = `${takes('GET') ? 'GET, HEAD, ' : ''}${takes('POST') ? 'POST, ' : ''}OPTIONS`
    allowed.set(path, allow)
    app.on(method, path, async c => respond(path, await handle(c)))
    app.on('OPTIONS', path, () => respond(path, preflight(allow)))
  }
  app.all(metricsPath, async c => {
    const reply = await metricsReply(deps, c.req.method, callOf(c).incoming)
    return reply === null ? c.notFound() : respond(metricsPath, reply)
  })
  app.notFound(c => {
    const allow = allowed.get(c.req.path)
    if (allow === undefined) return respond('other', refusal(404, 'NOT_FOUND', 'nothing is served at this path'))
    return respond(c.req.path, refusal(405, 'METHOD_NOT_ALLOWED', `this path takes ${allow}`, { allow }))
  })
  app.onError((error, c) => {
    const route = allowed.has(c.req.path) ? c.req.path : 'other'
    if (isSenderGone(callOf(c).incoming)) return respond(route, clientClosedRequest)
    deps.onError(error)
    return respond(route, internalError)
  })
  return app
}

/** Whether who sends the request hung up before its end, which fails whatever reads it, and is no fault of ours. */
function isSenderGone(incoming: IncomingMessage | undefined): boolean {
  return incoming?.destroyed === true && !incoming.complete
}

/** The host is taken from the URL, where the server has put the Host header. */
function lookUp(resolve: ResolveNip05, c: Context): Reply {
  const { url } = c.req
  const authority = url.indexOf('//') + 2
  const host = url.slice(authority, url.indexOf('/', authority))
  const reply = replyToNip05(resolve, { host, url, ifNoneMatch: c.req.header('if-none-match') })
  const headers: Record<string, string> = {}
  for (let index = 0; index < reply.headers.length; index += 2) {
    headers[reply.headers[index] ?? ''] = reply.headers[index + 1] ?? ''
  }
  return { status: reply.status, headers, body: reply.body }
}

function callOf(c: Context): ApiCall {
  const env: { incoming?: IncomingMessage } | undefined = c.env
  return { request: c.req.raw, incoming: env?.incoming }
}

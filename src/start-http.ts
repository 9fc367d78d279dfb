import type { Server } from 'node:http'
import type { Logger } from 'pino'
import { createConnectionCounter, networkOf } from '../relay/connection/connection-counter.ts'
import type { Relay } from '../relay/relay.ts'
import type { Config } from './config.ts'
import { createHttpApp } from './http/app.ts'
import { createAddressList, createClientIp, type Peer } from './http/client-ip.ts'
import { limitConnections } from './http/connections.ts'
import type { Check } from './http/health.ts'
import { createInsiderCheck } from './http/insider.ts'
import { listen, publicUrls, stopListening } from './http/listen.ts'
import { watchReaders } from './http/readers.ts'
import { createHttpServer, serveHttp } from './http/server.ts'
import type { TakesWebhook } from './http/webhook.ts'
import type { Scrape } from './metrics/scrape.ts'
import type { ServiceMetrics } from './metrics/service-metrics.ts'
import { listDomains } from './pipeline/announce.ts'
import { declarations } from './pipeline/catalog.ts'
import { createGateway, type ResultWaiters } from './pipeline/gateway.ts'
import { createNip05Resolver } from './pipeline/nip05.ts'
import type { Rations } from './pipeline/rations.ts'
import { describeMethods } from './pipeline/service-info.ts'
import { kinds } from './protocol/kinds.ts'
import type { Environment } from './store/environment.ts'

/** A server that listens, so that a port in use is known of before anything is opened; it answers once it is served. */
export type Listening = {
  readonly server: Server
  readonly address: { readonly host: string; readonly port: number }
  readonly urls: { readonly http: string; readonly websocket: string }
  clientIp(request: Peer | undefined): string
  /** Answers requests from now on. */
  serve(parts: Served): void
  close(): Promise<void>
}

/** What stands behind HTTP. */
type Served = {
  environment: Environment
  service: string
  relay: Relay
  waiters: ResultWaiters
  rations: Rations
  readiness(): Promise<Check[]>
  scrape: Scrape
  webhook: TakesWebhook | null
}

const lookAtReadersEveryMs = 1_000
/** Domains on the page for browsers. */
const maxListed = 100

/** Listens as the configuration says. Rejects when the port cannot be had. */
export async function startListening(options: {
  config: Config
  metrics: ServiceMetrics
  nowMs(): number
  log: Logger
}): Promise<Listening> {
  const { config, metrics, nowMs, log } = options
  const onError = (error: unknown) => log.error({ event: 'http.failed', error })
  const server = createHttpServer(metrics.replies.count, metrics.connectionsEnded.count)
  const isProxy = createAddressList(config.trustedProxies)
  const clientIp = createClientIp(isProxy)
  const { maxConnections, connectionsPerIp } = config.http
  const perAddress = createConnectionCounter({ maxConnections, connectionsPerIp })
  limitConnections(server, { maxConnections, perAddress, isProxy, refused: metrics.connectionsRefused.count })
  const readers = watchReaders(server, { limits: config.http, nowMs, ended: metrics.connectionsEnded.count })
  const lookingAtReaders = setInterval(readers.look, lookAtReadersEveryMs)
  const stopLooking = () => clearInterval(lookingAtReaders)
  const address = await listen(server, config.listen).catch((error: unknown) => {
    stopLooking()
    throw error
  })
  const urls = publicUrls(config, address.port)

  const serve = ({ environment, service, relay, waiters, rations, readiness, scrape, webhook }: Served) => {
    const { reader } = environment
    const resolveNip05 = createNip05Resolver({ reader, servicePublicKey: service, websocketUrl: urls.websocket })
    const findResult = (commandId: string) =>
      relay.find({ kinds: [kinds.result], '#e': [commandId], limit: 1 })[0] ?? null
    const app = createHttpApp({
      resolveNip05,
      gateway: createGateway({ service, submit: relay.submit, waiters, findResult, postsPerIp: rations.postsPerIp }),
      relayDocument: relay.document,
      manage: relay.manage,
      mayPost: ip => rations.postsPerIp(networkOf(ip)),
      methods: () => describeMethods(declarations),
      readiness,
      landing: () => ({ document: relay.document(), urls, domains: listDomains(reader, maxListed) }),
      mayReadMetrics: createInsiderCheck({ ...config.metrics, isProxy, clientIp, publicUrls: config.publicUrls }),
      metricsText: scrape.text,
      webhook,
      onReply: metrics.replies.count,
      nowMs,
      clientIp,
      onError,
    })
    serveHttp(server, app, {
      onUpgrade: (request, socket, head) => {
        readers.forget(socket)
        relay.handleUpgrade(request, socket, head)
      },
      resolveNip05,
      mayAsk: request => rations.requestsPerIp(networkOf(clientIp(request))),
      ended: metrics.connectionsEnded.count,
      onReply: metrics.replies.count,
      onError,
    })
  }

  return {
    server,
    address,
    urls,
    clientIp,
    serve,
    close: async () => {
      await stopListening(server)
      stopLooking()
    },
  }
}

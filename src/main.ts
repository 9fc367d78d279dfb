import { join } from 'node:path'
import type { Logger } from 'pino'
import { createConnectionCounter, networkOf } from '../relay/connection/connection-counter.ts'
import { createRelay } from '../relay/relay.ts'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { createWriter } from '../relay/store/writer.ts'
import { modestShare } from '../relay/sync/import.ts'
import { createDevWallet } from './adapters/lightning/dev-wallet.ts'
import { type Bridge, startBridge } from './bridge/bridge.ts'
import { createOutbound } from './bridge/outbound.ts'
import { isBridging } from './bridge/settings.ts'
import { checkKeys } from './check-keys.ts'
import { clockHandlers } from './cli/clock-handlers.ts'
import { controlSocketPath, createControlServer } from './cli/control-socket.ts'
import { devWalletHandlers } from './cli/dev.ts'
import { countStreams, createRelayWork, relayStreams } from './cli/relay-handlers.ts'
import { syncStream } from './cli/relay-sync-stream.ts'
import type { Config } from './config.ts'
import { makeDataDirectory } from './data-directory.ts'
import { createHttpApp } from './http/app.ts'
import { createAddressList, createClientIp } from './http/client-ip.ts'
import { limitConnections, openConnections } from './http/connections.ts'
import { createInsiderCheck } from './http/insider.ts'
import { listen, ownUrls, publicUrls, stopListening } from './http/listen.ts'
import { watchReaders } from './http/readers.ts'
import { createHttpServer, serveHttp } from './http/server.ts'
import { runDueTimer } from './jobs/due-timer.ts'
import { keepHouse, lastSeen } from './jobs/housekeeping.ts'
import { createInvoiceWorker, lookUpInvoiceWorker } from './jobs/invoices.ts'
import { startJobRunner } from './jobs/runner.ts'
import { followSettlements, sweepRegularly } from './jobs/settlements.ts'
import { createScrape } from './metrics/scrape.ts'
import { createServiceMetrics } from './metrics/service-metrics.ts'
import { operatorsOf } from './operator-key.ts'
import { createHost } from './pipeline/admit.ts'
import { announceService, listDomains } from './pipeline/announce.ts'
import { createApplier } from './pipeline/apply.ts'
import { commandMethods, queryMethods } from './pipeline/catalog.ts'
import { currentSettings } from './pipeline/current-settings.ts'
import { createFactAppender } from './pipeline/facts.ts'
import { createGateway, createResultWaiters } from './pipeline/gateway.ts'
import { createLogClock } from './pipeline/log-clock.ts'
import { createNip05Resolver } from './pipeline/nip05.ts'
import { createRations } from './pipeline/rations.ts'
import { describeMethods } from './pipeline/service-info.ts'
import { createUnpaidHolds } from './pipeline/unpaid-holds.ts'
import { startOperatorsProgram } from './policy-program.ts'
import { kinds } from './protocol/kinds.ts'
import { createSigner } from './protocol/signer.ts'
import { readinessOf } from './readiness.ts'
import { relayFromConfig } from './relay-from-config.ts'
import { loadOrCreateKey } from './service-key.ts'
import { applySettings, settingsFromConfig } from './settings-from-config.ts'
import { watchDisk } from './store/disk.ts'
import { openEnvironment } from './store/environment.ts'
import { lockDirectory } from './store/lock.ts'
import { migrate } from './store/migrations.ts'

/** A running service. */
export type Panda = {
  readonly address: { readonly host: string; readonly port: number }
  readonly urls: { readonly http: string; readonly websocket: string }
  readonly servicePublicKey: string
  /** Which implementation verifies and signs. */
  readonly verifier: string
  readonly wallet: string
  /** What the operator should know about operators' keys, or `null`. */
  readonly operatorNote: string | null
  close(): Promise<void>
}

const sweepEveryMs = 300_000
const announceEveryMs = 10_000
const lookAtReadersEveryMs = 1_000
/** Domains on the page for browsers. */
const maxListed = 100

/**
 * Opens, wires and listens: the composition root, where nothing is decided that is not written elsewhere.
 * Throws with one clear sentence when the directory, the port or the wallet cannot be had.
 */
export async function startPanda(config: Config, { log }: { log: Logger }): Promise<Panda> {
  const closing: (() => unknown)[] = []
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    return { ...(await compose(config, log, closing)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function compose(config: Config, log: Logger, closing: (() => unknown)[]): Promise<Omit<Panda, 'close'>> {
  const onError = (event: string) => (error: unknown) => log.error({ event, error })
  const directory = makeDataDirectory(config.data)
  const lock = lockDirectory(directory)
  if (lock === null) throw new Error(`another process is using the data directory ${config.data}`)
  closing.push(() => lock.release())
  const metrics = createServiceMetrics()
  const server = createHttpServer(metrics.replies.count, metrics.connectionsEnded.count)
  const isProxy = createAddressList(config.trustedProxies)
  const { maxConnections, connectionsPerIp } = config.http
  const perAddress = createConnectionCounter({ maxConnections, connectionsPerIp })
  limitConnections(server, { maxConnections, perAddress, isProxy, refused: metrics.connectionsRefused.count })
  const monotonicMs = () => performance.now()
  const readers = watchReaders(server, {
    limits: config.http,
    nowMs: monotonicMs,
    ended: metrics.connectionsEnded.count,
  })
  const lookingAtReaders = setInterval(readers.look, lookAtReadersEveryMs)
  closing.push(() => clearInterval(lookingAtReaders))
  const { host: address, port } = await listen(server, config.listen)
  closing.push(() => stopListening(server))
  const urls = publicUrls(config, port)

  const secp = await loadSecp256k1()
  const signer = createSigner(secp, loadOrCreateKey(join(directory, 'service.key')).secretKey)
  const environment = openEnvironment({ directory, mapSizeBytes: config.storage.mapSizeBytes })
  closing.push(() => environment.close())
  migrate(environment)
  const disk = watchDisk({
    environment,
    directory,
    limits: config.storage,
    onChange: room => log.warn({ event: 'disk.room', room }),
    onError: onError('disk.failed'),
  })
  closing.push(() => disk.stop())
  await disk.look()
  const writer = createWriter({ root: environment.root, onError: onError('writer.failed'), metrics: metrics.writer })
  closing.push(() => writer.close())

  const onJump = (seconds: number) => log.warn({ event: 'clock.jump', seconds, confirmWith: 'panda clock confirm' })
  const clock = createLogClock({ wallSeconds, monotonicMs, lastSeen: lastSeen(environment), onJump })
  const waiters = createResultWaiters()
  // The runner needs the relay, and the relay's transactions wake the runner.
  let wakeJobs = () => {}
  let bridge: Bridge | null = null
  const outbound = isBridging(config.bridge)
    ? createOutbound({ environment, service: signer.publicKey, now: wallSeconds })
    : null
  const applier = createApplier({
    environment,
    signer,
    now: clock.now,
    report: (error, commandId) => log.error({ event: 'command.failed', commandId, error }),
    published: (events, mayAskForWork) => {
      waiters.published(events)
      if (mayAskForWork) wakeJobs()
      bridge?.wake()
    },
    publishing: outbound?.enqueue,
    counted: metrics.commands.count,
  })
  const rations = createRations(config.rations, monotonicMs, metrics.rations.count)
  const clientIp = createClientIp(isProxy)
  const host = createHost({
    environment,
    signer,
    applier,
    rations,
    unpaidHolds: createUnpaidHolds(environment.reader, config.orders.unpaidHoldsPerIp, () =>
      metrics.rations.count('unpaidHoldsPerIp'),
    ),
    policy: config.relay.policy,
    now: wallSeconds,
    room: disk.room,
    counts: { query: metrics.queries.count, refusal: metrics.admissionRefusals.count },
  })
  const program = startOperatorsProgram(config.relay.program, { log, now: wallSeconds })
  closing.push(() => program?.close())
  const relay = createRelay({
    root: environment.root,
    writer,
    secp,
    host,
    ...relayFromConfig(config, { publicKey: signer.publicKey, host }),
    program,
    isClockTrusted: () => {
      clock.now()
      return clock.unconfirmedJumpSeconds() === null
    },
    urls: ownUrls(config, urls.websocket, port),
    sign: signer.sign,
    management: {
      isOperator: key => currentSettings(environment).operators.includes(key),
      urls: [urls.http],
      changed: fields => log.info({ event: 'relay.managed', ...fields }),
    },
    now: wallSeconds,
    clientIp,
    onIndexing: isUnderWay => log.info({ event: isUnderWay ? 'search.indexing' : 'search.indexed' }),
    metrics: metrics.relay,
    onError: onError('relay.failed'),
  })
  closing.push(() => relay.close())

  const appendFact = createFactAppender({ signer, applier, applyLocally: relay.applyLocally, now: clock.now })
  checkKeys(secp, 'operators', config.operators)
  checkKeys(secp, 'staff', config.staff)
  const operators = operatorsOf(config, directory, secp)
  const settings = settingsFromConfig(config, { websocketUrl: urls.websocket, operators: operators.keys })
  await applySettings(environment, appendFact, settings)
  const announce = () => announceService({ environment, signer, relay, urls, name: config.relay.name, now: clock.now })
  await announce()
  // Operators change domains by command; looking whether the announcement still holds costs two reads.
  const announcing = setInterval(() => void announce().catch(onError('announce.failed')), announceEveryMs)
  closing.push(() => clearInterval(announcing))

  if (outbound !== null) {
    const started = await startBridge({
      config: config.bridge,
      environment,
      secp,
      signer,
      relay,
      outbound,
      ownUrls: ownUrls(config, urls.websocket, port),
      maxMessageBytes: config.relay.limits.maxMessageBytes,
      now: wallSeconds,
      nowMs: monotonicMs,
      onLost: count => log.warn({ event: 'bridge.queue-full', lost: count }),
      onNews: ({ kind, ...fields }) => log[kind === 'back' ? 'info' : 'warn']({ event: `bridge.${kind}`, ...fields }),
      onError: onError('bridge.failed'),
    })
    closing.push(() => started.stop())
    bridge = started
  }

  const stopping = new AbortController()
  const { signal } = stopping
  const wallet = await createDevWallet({
    directory: join(directory, 'dev-wallet'),
    network: config.network,
    now: wallSeconds,
  })
  closing.push(() => wallet.close())
  const runner = startJobRunner({
    environment,
    appendFact,
    workers: { 'create-invoice': createInvoiceWorker(wallet), 'look-up-invoice': lookUpInvoiceWorker(wallet) },
    now: clock.now,
    tryForSeconds: () => config.orders.commandDeadlineSeconds,
    onError: (error, job) => log.warn({ event: 'job.failed', job: job.id, type: job.type, error }),
    counted: metrics.jobs.count,
  })
  const onWalletError = (error: unknown) => log.warn({ event: 'wallet.failed', error })
  const walletJobs = { environment, backend: wallet, appendFact, signal, onError: onWalletError }
  const loops = [
    followSettlements(walletJobs),
    sweepRegularly({ ...walletJobs, now: clock.now, everyMs: sweepEveryMs }),
    runDueTimer({
      environment,
      appendFact,
      clock,
      signal,
      onPostponed: due => log.error({ event: 'due.postponed', ...due }),
      onError: onError('clock.failed'),
    }),
    keepHouse({
      environment,
      applyLocally: relay.applyLocally,
      clock,
      signal,
      onError: onError('housekeeping.failed'),
    }),
  ]
  closing.push(async () => {
    stopping.abort()
    await runner.stop()
    await Promise.all(loops)
  })
  wakeJobs = runner.wake
  runner.wake()

  const resolveNip05 = createNip05Resolver({
    reader: environment.reader,
    servicePublicKey: signer.publicKey,
    websocketUrl: urls.websocket,
  })
  const findResult = (commandId: string) =>
    relay.find({ kinds: [kinds.result], '#e': [commandId], limit: 1 })[0] ?? null
  const readiness = () => readinessOf({ disk, writer, clock, wallet, server })
  const scrape = createScrape(metrics, {
    environment,
    disk,
    clock,
    wallSeconds,
    relay,
    writer,
    checks: readiness,
    openConnections: () => openConnections(server),
    bridge: () => bridge?.state() ?? [],
    onError: onError('metrics.failed'),
  })
  closing.push(scrape.stop)
  const app = createHttpApp({
    resolveNip05,
    gateway: createGateway({
      service: signer.publicKey,
      submit: relay.submit,
      waiters,
      findResult,
      postsPerIp: rations.postsPerIp,
    }),
    relayDocument: relay.document,
    manage: relay.manage,
    mayPost: ip => rations.postsPerIp(networkOf(ip)),
    methods: () => describeMethods([...commandMethods, ...queryMethods].map(method => method.declaration)),
    readiness,
    landing: () => ({ document: relay.document(), urls, domains: listDomains(environment.reader, maxListed) }),
    mayReadMetrics: createInsiderCheck({ ...config.metrics, isProxy, clientIp, publicUrls: config.publicUrls }),
    metricsText: scrape.text,
    onReply: metrics.replies.count,
    nowMs: monotonicMs,
    clientIp,
    onError: onError('http.failed'),
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
    onError: onError('http.failed'),
  })

  const control = await createControlServer({
    path: controlSocketPath(directory),
    handlers: { ...devWalletHandlers(wallet), ...clockHandlers(clock, log) },
    streams: countStreams(
      {
        ...relayStreams(
          createRelayWork(
            { relay, writer, isProtected: host.isProtected },
            {
              maxEventBytes: config.relay.limits.maxEventBytes,
              share: modestShare,
              now: wallSeconds,
              removed: count => {
                metrics.relay.deleted += count
              },
            },
          ),
        ),
        'relay.sync': syncStream(relay, { limits: config.relay.limits, share: modestShare, now: wallSeconds }),
      },
      metrics.tools,
    ),
    report: onError('control.failed'),
  })
  closing.push(() => control.close())

  return {
    address: { host: address, port },
    urls,
    servicePublicKey: signer.publicKey,
    verifier: secp.implementation,
    wallet: wallet.name,
    operatorNote: operators.note,
  }
}

function wallSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}

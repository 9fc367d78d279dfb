import { join } from 'node:path'
import type { Logger } from 'pino'
import { createConnectionCounter } from '../relay/connection-counter.ts'
import { createRelay } from '../relay/relay.ts'
import { loadSecp256k1 } from '../relay/secp256k1-load.ts'
import { createWriter } from '../relay/writer.ts'
import { createDevWallet } from './adapters/lightning/dev-wallet.ts'
import { checkKeys } from './check-keys.ts'
import { clockHandlers } from './cli/clock-handlers.ts'
import { controlSocketPath, createControlServer } from './cli/control-socket.ts'
import { devWalletHandlers } from './cli/dev.ts'
import { packageVersion } from './cli/version.ts'
import type { Config } from './config.ts'
import { makeDataDirectory } from './data-directory.ts'
import { createHttpApp } from './http/app.ts'
import { createClientIp, createProxyList } from './http/client-ip.ts'
import { limitConnections } from './http/connections.ts'
import { listen, ownUrls, publicUrls, stopListening } from './http/listen.ts'
import { createHttpServer, serveHttp } from './http/server.ts'
import { runDueTimer } from './jobs/due-timer.ts'
import { keepHouse, lastSeen } from './jobs/housekeeping.ts'
import { createInvoiceWorker, lookUpInvoiceWorker } from './jobs/invoices.ts'
import { startJobRunner } from './jobs/runner.ts'
import { followSettlements, sweepRegularly } from './jobs/settlements.ts'
import { operatorsOf } from './operator-key.ts'
import { createHost } from './pipeline/admit.ts'
import { announceService } from './pipeline/announce.ts'
import { createApplier } from './pipeline/apply.ts'
import { commandMethods, queryMethods } from './pipeline/catalog.ts'
import { createFactAppender } from './pipeline/facts.ts'
import { createGateway, createResultWaiters } from './pipeline/gateway.ts'
import { createLogClock } from './pipeline/log-clock.ts'
import { createNip05Resolver } from './pipeline/nip05.ts'
import { createRations } from './pipeline/rations.ts'
import { describeMethods } from './pipeline/service-info.ts'
import { createUnpaidHolds } from './pipeline/unpaid-holds.ts'
import { kinds } from './protocol/kinds.ts'
import { createSigner } from './protocol/signer.ts'
import { readinessOf } from './readiness.ts'
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
  const server = createHttpServer()
  const isProxy = createProxyList(config.trustedProxies)
  const { maxConnections, connectionsPerIp } = config.http
  const perAddress = createConnectionCounter({ maxConnections, connectionsPerIp })
  limitConnections(server, { maxConnections, perAddress, isProxy })
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
  const writer = createWriter({ root: environment.root, onError: onError('writer.failed') })
  closing.push(() => writer.close())

  const monotonicMs = () => performance.now()
  const onJump = (seconds: number) => log.warn({ event: 'clock.jump', seconds, confirmWith: 'panda clock confirm' })
  const clock = createLogClock({ wallSeconds, monotonicMs, lastSeen: lastSeen(environment), onJump })
  const waiters = createResultWaiters()
  // The runner needs the relay, and the relay's transactions wake the runner.
  let wakeJobs = () => {}
  const applier = createApplier({
    environment,
    signer,
    now: clock.now,
    report: (error, commandId) => log.error({ event: 'command.failed', commandId, error }),
    published: (events, mayAskForWork) => {
      waiters.published(events)
      if (mayAskForWork) wakeJobs()
    },
  })
  const rations = createRations(config.rations, monotonicMs)
  const clientIp = createClientIp(isProxy)
  const relay = createRelay({
    root: environment.root,
    writer,
    secp,
    host: createHost({
      environment,
      signer,
      applier,
      rations,
      unpaidHolds: createUnpaidHolds(environment.reader, config.orders.unpaidHoldsPerIp),
      policy: config.relay.policy,
      now: wallSeconds,
      room: disk.room,
    }),
    limits: config.relay.limits,
    identity: {
      name: config.relay.name,
      description: config.relay.description,
      contact: config.relay.contact,
      publicKey: signer.publicKey,
      version: packageVersion(),
      restrictedWrites: config.relay.policy !== 'open',
    },
    urls: ownUrls(config, urls.websocket, port),
    now: wallSeconds,
    clientIp,
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
  const app = createHttpApp({
    resolveNip05,
    gateway: createGateway({ submit: relay.submit, waiters, findResult, postsPerIp: rations.postsPerIp }),
    relayDocument: relay.document,
    methods: () => describeMethods([...commandMethods, ...queryMethods].map(method => method.declaration)),
    readiness: () => readinessOf({ disk, writer, clock, wallet, server }),
    clientIp,
    onError: onError('http.failed'),
  })
  serveHttp(server, app, { onUpgrade: relay.handleUpgrade, resolveNip05, onError: onError('http.failed') })

  const control = await createControlServer({
    path: controlSocketPath(directory),
    handlers: { ...devWalletHandlers(wallet), ...clockHandlers(clock, log) },
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

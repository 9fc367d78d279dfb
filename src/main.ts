import { join } from 'node:path'
import type { Logger } from 'pino'
import { createRelay } from '../relay/relay.ts'
import { loadSecp256k1 } from '../relay/signatures/secp256k1-load.ts'
import { createWriter } from '../relay/store/writer.ts'
import { withCircuitBreaker } from './adapters/lightning/circuit-breaker.ts'
import { withKeptCapabilities } from './adapters/lightning/kept-capabilities.ts'
import { createLnurlPay } from './adapters/lnurl-pay/http.ts'
import type { Bridge } from './bridge/bridge.ts'
import { createOutbound } from './bridge/outbound.ts'
import { isPublicAddress } from './bridge/public-address.ts'
import { createPublicLookup } from './bridge/public-lookup.ts'
import { isBridging } from './bridge/settings.ts'
import { checkKeys } from './check-keys.ts'
import type { Config } from './config.ts'
import { createCustomerWallets } from './customer-wallets.ts'
import { makeDataDirectory } from './data-directory.ts'
import { openConnections } from './http/connections.ts'
import { ownUrls } from './http/listen.ts'
import { lastSeen } from './jobs/housekeeping.ts'
import { preimagesOf } from './jobs/preimages.ts'
import { secretsForJobs } from './jobs/secrets.ts'
import { createScrape } from './metrics/scrape.ts'
import { createServiceMetrics } from './metrics/service-metrics.ts'
import { openRates } from './open-rates.ts'
import { openWallet, webhookTo } from './open-wallet.ts'
import { operatorsOf } from './operator-key.ts'
import { createHost } from './pipeline/admit.ts'
import { announceService } from './pipeline/announce.ts'
import { createApplier } from './pipeline/apply.ts'
import { currentSettings } from './pipeline/current-settings.ts'
import { createFactAppender } from './pipeline/facts.ts'
import { createResultWaiters } from './pipeline/gateway.ts'
import { createLogClock } from './pipeline/log-clock.ts'
import { createRations } from './pipeline/rations.ts'
import { createUnpaidHolds } from './pipeline/unpaid-holds.ts'
import { startOperatorsProgram } from './policy-program.ts'
import { window } from './protocol/command.ts'
import { createSigner } from './protocol/signer.ts'
import { readinessOf } from './readiness.ts'
import { relayFromConfig } from './relay-from-config.ts'
import { loadOrCreateKey } from './service-key.ts'
import { applySettings, settingsFromConfig } from './settings-from-config.ts'
import { startLoggedBridge } from './start-bridge.ts'
import { startControl } from './start-control.ts'
import { startListening } from './start-http.ts'
import { type Jobs, startJobs } from './start-jobs.ts'
import { watchDisk } from './store/disk.ts'
import { openEnvironment } from './store/environment.ts'
import { lockDirectory } from './store/lock.ts'
import { migrate } from './store/migrations.ts'
import { openSecrets } from './store/secrets.ts'
import { openWriteGate } from './store/write-gate.ts'

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
  const gate = openWriteGate(directory)
  closing.push(() => gate.close())
  const metrics = createServiceMetrics()
  const monotonicMs = () => performance.now()
  const listening = await startListening({ config, metrics, nowMs: monotonicMs, log })
  closing.push(() => listening.close())
  const { server, address, urls, clientIp } = listening
  const own = ownUrls(config, urls.websocket, address.port)

  const secp = await loadSecp256k1()
  const signer = createSigner(secp, loadOrCreateKey(join(directory, 'service.key')).secretKey)
  await gate.entered()
  const environment = openEnvironment({ directory, mapSizeBytes: config.storage.mapSizeBytes })
  closing.push(() => environment.close())
  closing.push(() => gate.entered())
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
  const writer = createWriter({
    root: environment.root,
    gate,
    onError: onError('writer.failed'),
    metrics: metrics.writer,
  })
  closing.push(() => writer.close())

  const onJump = (seconds: number) => log.warn({ event: 'clock.jump', seconds, confirmWith: 'panda clock confirm' })
  const clock = createLogClock({ wallSeconds, monotonicMs, lastSeen: lastSeen(environment), onJump })
  const waiters = createResultWaiters()
  // Jobs need the relay, and the relay's transactions wake them.
  let jobs: Jobs | null = null
  let bridge: Bridge | null = null
  const outbound = isBridging(config.bridge)
    ? createOutbound({ environment, service: signer.publicKey, now: wallSeconds })
    : null
  const applier = createApplier({
    environment,
    signer,
    now: clock.now,
    report: (error, commandId) => log.error({ event: 'command.failed', commandId, error }),
    published: (events, asksForWork) => {
      waiters.published(events)
      if (asksForWork) jobs?.wake()
      bridge?.wake()
    },
    publishing: outbound?.enqueue,
    counted: metrics.commands.count,
  })
  const secrets = openSecrets({
    environment,
    storeKey: loadOrCreateKey(join(directory, 'secrets.key')).secretKey,
    replaySeconds: window.aheadSeconds + window.behindSeconds,
  })
  if (!secrets.isReadable()) log.error({ event: 'secrets.unreadable', file: 'secrets.key' })
  const rations = createRations(config.rations, monotonicMs, metrics.rations.count)
  const host = createHost({
    environment,
    signer,
    applier,
    rations,
    unpaidHolds: createUnpaidHolds(environment.reader, config.orders.unpaidHoldsPerIp, () =>
      metrics.rations.count('unpaidHoldsPerIp'),
    ),
    secrets,
    policy: config.relay.policy,
    now: wallSeconds,
    room: disk.room,
    counts: { query: metrics.queries.count, refusal: metrics.admissionRefusals.count },
  })
  const program = startOperatorsProgram(config, { log, now: wallSeconds })
  closing.push(() => program?.close())
  const relay = createRelay({
    root: environment.root,
    writer,
    secp,
    host,
    ...relayFromConfig(config, { publicKey: signer.publicKey, host, metrics: metrics.relay }),
    program,
    isClockTrusted: () => {
      clock.now()
      return clock.unconfirmedJumpSeconds() === null
    },
    urls: own,
    sign: signer.sign,
    management: {
      isOperator: key => currentSettings(environment).operators.includes(key),
      urls: [urls.http],
      changed: fields => log.info({ event: 'relay.managed', ...fields }),
    },
    now: wallSeconds,
    clientIp,
    onIndexing: isUnderWay => log.info({ event: isUnderWay ? 'search.indexing' : 'search.indexed' }),
    onError: onError('relay.failed'),
  })
  closing.push(() => relay.close())
  // All databases are there; from here on the writer enters by itself.
  gate.leave()

  const appendFact = createFactAppender({ signer, applier, applyLocally: relay.applyLocally, now: clock.now })
  checkKeys(secp, 'operators', config.operators)
  checkKeys(secp, 'staff', config.staff)
  const operators = operatorsOf(config, directory, secp)
  const settings = settingsFromConfig(config, {
    websocketUrl: urls.websocket,
    operators: operators.keys,
    coupons: currentSettings(environment).coupons,
    time: clock.now(),
  })
  await applySettings(environment, appendFact, settings)
  const announce = () => announceService({ environment, signer, relay, urls, name: config.relay.name, now: clock.now })
  await announce()
  // Operators change domains by command; looking whether the announcement still holds costs two reads.
  const announcing = setInterval(() => void announce().catch(onError('announce.failed')), announceEveryMs)
  closing.push(() => clearInterval(announcing))

  if (outbound !== null) {
    const parts = { config, environment, secp, signer, relay, outbound, ownUrls: own }
    const started = await startLoggedBridge({ ...parts, now: wallSeconds, nowMs: monotonicMs, log })
    closing.push(() => started.stop())
    bridge = started
  }

  const opened = await openWallet(config, { directory, env: process.env, now: wallSeconds })
  const wallet = opened.backend
  closing.push(() => wallet.close())
  const preimageOf = preimagesOf(loadOrCreateKey(join(directory, 'preimage.key')).secretKey)
  const guarded = withCircuitBreaker(wallet, {
    nowMs: monotonicMs,
    changed: isOpen => log.warn({ event: isOpen ? 'wallet.away' : 'wallet.back', wallet: wallet.name }),
  })
  const lightning = withKeptCapabilities(guarded, { nowMs: monotonicMs })
  const started = startJobs({
    config,
    environment,
    wallet: lightning,
    walletId: opened.id,
    askAddress: createLnurlPay({ lookup: createPublicLookup(), isPublicAddress, now: wallSeconds }),
    preimageOf,
    rates: openRates(config, clock.now),
    secrets: secretsForJobs({ secrets, applyLocally: relay.applyLocally, now: wallSeconds }),
    openCustomerWallet: createCustomerWallets({ mayBePrivate: config.bridge.privateCustomerRelays, now: wallSeconds }),
    relay,
    appendFact,
    clock,
    wallSeconds,
    metrics,
    log,
  })
  closing.push(() => started.stop())
  jobs = started

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
  const { takeWebhook } = opened
  const webhook = takeWebhook === null ? null : webhookTo(takeWebhook, started.hint)
  listening.serve({ environment, service: signer.publicKey, relay, waiters, rations, readiness, scrape, webhook })

  const control = await startControl({
    directory,
    config,
    relay,
    writer,
    isProtected: host.isProtected,
    devWallet: opened.dev,
    clock,
    now: wallSeconds,
    metrics,
    log,
  })
  closing.push(() => control.close())

  return {
    address,
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

import type { Relay } from '../../relay/relay.ts'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'
import { createRation } from '../pipeline/ration.ts'
import { kinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import type { Environment } from '../store/environment.ts'
import { createCustomerRelays } from './customer-relays.ts'
import { tooOld } from './delivery.ts'
import { createDestination, type Destination, type Surroundings } from './destination.ts'
import { createDispatcher } from './dispatcher.ts'
import { createMirror } from './mirror.ts'
import { loadNdk } from './ndk.ts'
import type { Outbound } from './outbound.ts'
import { createPublicLookup, type Resolve } from './public-lookup.ts'
import { createReadRelays } from './read-relays.ts'
import { createRefuser } from './refusals.ts'
import { createRelayLists } from './relay-lists.ts'
import { relayKey } from './relay-url.ts'
import { createRouter } from './router.ts'
import { type BridgeConfig, type BridgePace, reachesCustomers, usualPace } from './settings.ts'
import type { BridgeNews } from './standing.ts'

/** How the bridge stands with one other relay. */
export type BridgeState = {
  readonly relay: string
  readonly of: 'operator' | 'customer'
  readonly connected: boolean
  /** Whether all that the relay had for us has been looked at; `null` when nothing is taken in from it. */
  readonly caughtUp: boolean | null
  /** Commands of others that wait here, and events of ours that wait for the relay. */
  readonly waiting: number
  readonly queued: number
  /** Events that were given up: refused for good, or waiting for too long. */
  readonly dropped: number
  readonly lastError: string | null
}

/** Other relays as mirrors. */
export type Bridge = {
  /** Something was published that may have to go out. */
  wake(): void
  state(): BridgeState[]
  stop(): void
}

const tidyAtOnce = 500
const announcedKinds = [kinds.serviceInfo, 31_990]

/** Starts the bridge: loads NDK, connects, and takes up what is queued. Resolves before anything is connected. */
export async function startBridge(options: {
  config: BridgeConfig
  environment: Environment
  secp: Secp256k1
  signer: Signer
  relay: Pick<Relay, 'submit' | 'applyLocally' | 'find'>
  outbound: Outbound
  /** The websocket URLs of this relay, which is no mirror of itself. */
  ownUrls: readonly string[]
  maxMessageBytes: number
  /** Unix seconds. */
  now(): number
  /** Monotonic. */
  nowMs(): number
  /** Parcels were lost because too many wait for a relay. */
  onLost(count: number): void
  onNews(news: BridgeNews): void
  onError(error: unknown): void
  pace?: BridgePace
  resolve?: Resolve
}): Promise<Bridge> {
  const { config, environment, signer, relay, outbound, now, nowMs, pace = usualPace } = options
  const { reader } = environment
  const own = options.ownUrls.map(relayKey)
  const operators = config.relays
    .map(({ url, read, write }) => ({ key: relayKey(url) ?? '', read, write }))
    .filter(({ key }) => key !== '' && !own.includes(key))
  const settled = new Set([...own.filter(key => key !== null), ...operators.map(({ key }) => key)])
  const ration = (count: number, seconds: number) =>
    createRation({ perSecond: count / seconds, burst: Math.max(1, count), nowMs })

  let stopped = false
  const onError = (error: unknown) => {
    // What was under way when everything is closed fails, and is taken up again at the next start.
    if (!stopped) options.onError(error)
  }
  const surroundings: Surroundings = {
    dialNdk: await loadNdk(),
    signer,
    outbound,
    find: eventId => relay.find({ ids: [eventId], limit: 1 })[0],
    write: change =>
      new Promise((resolve, reject) => {
        const apply = () => {
          change()
          return { accepted: true, message: '', store: [], deliver: [] }
        }
        relay.applyLocally(apply, outcome => (outcome.ok ? resolve() : reject(outcome.error)))
      }),
    now,
    keepSeconds: config.keepSeconds,
    okTimeoutMs: pace.okTimeoutMs,
    onError,
  }
  const dial = { maxMessageBytes: options.maxMessageBytes, bytesPerSecond: config.bytesPerSecond }
  const refuse = createRefuser({
    environment,
    signer,
    outbound,
    applyLocally: relay.applyLocally,
    answersPerKey: ration(config.answersPerKeyPerDay, 86_400),
    answersInTotal: ration(config.answersPerDay, 86_400),
    now,
    committed: () => dispatcher.wake(),
    onError,
  })
  const mirrors = operators.map(one =>
    createMirror(one, {
      surroundings,
      dial,
      backoff: pace.operator,
      retry: pace.retry,
      environment,
      submit: relay.submit,
      refuse,
      commandsPerMinute: config.commandsPerRelayPerMinute,
      nowMs,
      holdMs: pace.holdMs,
      steadyMs: pace.steadyMs,
      connected: () => lists.connected(),
      tell: news => {
        // Those that we leave when we stop are not away.
        if (!stopped) options.onNews(news)
      },
    }),
  )

  const lookup = config.privateCustomerRelays ? null : createPublicLookup(options.resolve)
  const customers = reachesCustomers(config)
    ? createCustomerRelays({
        outbound,
        waiting: outbound.waiting().filter(key => !settled.has(key)),
        create: (key, down) =>
          createDestination(key, {
            surroundings,
            dial: { ...dial, lookup },
            backoff: pace.customer,
            retry: pace.customer,
            up: () => undefined,
            down,
            dropped: () => undefined,
          }),
        maxAtOnce: config.maxCustomerRelays,
        idleMs: pace.idleMs,
        backoff: pace.customer,
        everyMs: pace.lookMs,
        nowMs,
      })
    : null

  const readRelays = createReadRelays(relay, environment.transactor)
  const lists = createRelayLists({
    ...surroundings,
    readRelays,
    secp: options.secp,
    maxEventBytes: options.maxMessageBytes,
    sources: () =>
      mirrors.flatMap(({ destination: { key, link }, intake }) => {
        const connection = intake === null ? null : link.connection()
        return connection === null ? [] : [{ key, connection }]
      }),
    queued: () => dispatcher.wake(),
  })

  const byKey = new Map(mirrors.map(({ destination }) => [destination.key, destination]))
  const dispatcher = createDispatcher({
    ...surroundings,
    router: createRouter({
      reader,
      writeTo: operators.filter(({ write }) => write).map(({ key }) => key),
      maxQueued: config.maxQueued,
      settled,
      customers:
        customers === null
          ? null
          : {
              readRelays: customer => readRelays.of(customer).relays,
              published: mirrors.some(({ intake }) => intake !== null) ? lists.published : () => undefined,
              relaysEach: config.relaysPerCustomer,
              mayBePrivate: config.privateCustomerRelays,
              maxQueued: config.maxQueuedPerCustomerRelay,
              ration: ration(config.eventsPerCustomerPerHour, 3_600),
              mayAdd: customers.mayAdd,
            },
    }),
    filled: key => {
      const mirror = byKey.get(key)
      if (mirror === undefined) customers?.wake(key)
      else mirror.delivery.wake()
    },
    lost: options.onLost,
  })

  /** Mirrors follow what the service offers: what they have already they say is a duplicate. */
  let announced = ''
  const announce = () => {
    const events = announcedKinds.flatMap(kind => relay.find({ kinds: [kind], authors: [signer.publicKey], limit: 1 }))
    const ids = events.map(event => event.id).join()
    if (ids === announced) return
    announced = ids
    surroundings.write(() => outbound.enqueue(events)).then(dispatcher.wake, onError)
  }

  /** Where nobody connects, nobody sees that something has waited for too long. */
  const dropOld = () => {
    for (const key of outbound.waiting()) {
      const old = outbound.parcels(key, 0, tidyAtOnce).filter(({ at }) => now() - at > config.keepSeconds)
      if (old.length === 0) continue
      byKey.get(key)?.drop(old.length, tooOld)
      surroundings.write(() => outbound.remove(key, old)).catch(onError)
    }
  }
  const tidying = setInterval(() => {
    announce()
    dropOld()
  }, pace.tidyMs)
  tidying.unref()

  for (const { destination } of mirrors) destination.link.want()
  announce()
  dispatcher.wake()

  const stateOf = ({ key, link, dropped, trouble }: Destination) => ({
    relay: key,
    connected: link.connection() !== null,
    queued: outbound.queued(key),
    dropped,
    lastError: trouble,
  })
  return {
    wake: dispatcher.wake,
    state: () => [
      ...mirrors.map(({ destination, intake }) => ({
        ...stateOf(destination),
        of: 'operator' as const,
        caughtUp: intake?.isCaughtUp() ?? null,
        waiting: intake?.waiting() ?? 0,
      })),
      ...(customers?.each() ?? []).map(destination => ({
        ...stateOf(destination),
        of: 'customer' as const,
        caughtUp: null,
        waiting: 0,
      })),
    ],
    stop: () => {
      stopped = true
      clearInterval(tidying)
      dispatcher.stop()
      for (const mirror of mirrors) mirror.stop()
      customers?.stop()
    },
  }
}

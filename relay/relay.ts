import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RootDatabase } from 'lmdb'
import { type WebSocket, WebSocketServer } from 'ws'
import { createBacklog } from './connection/backlog.ts'
import { type Connection, openConnection, type Traffic } from './connection/connection.ts'
import { createConnectionCounter, networkOf } from './connection/connection-counter.ts'
import { createFlushes } from './connection/flushes.ts'
import { createPace } from './connection/pace.ts'
import { createRounds } from './connection/rounds.ts'
import type { EventTemplate, NostrEvent } from './event.ts'
import type { Applied, Host, Origin } from './host.ts'
import { informationDocument, type RelayIdentity } from './info.ts'
import { createIngester } from './ingest.ts'
import type { Limits } from './limits.ts'
import { createGovernance, type ManagementOptions } from './management/governance.ts'
import type { Management } from './management/management.ts'
import type { MembershipSettings } from './membership/membership.ts'
import { createRelayMetrics, type RelayMetrics } from './metrics/metrics.ts'
import { createNegentropyMemory } from './negentropy/negentropy-memory.ts'
import { openHost } from './open-host.ts'
import { createBuckets } from './policies/buckets.ts'
import type { Policy } from './policies/policy.ts'
import type { PolicyProgram } from './policies/program.ts'
import type { Requirements } from './policies/requirements.ts'
import { parseFilter } from './query/filter.ts'
import { openScan } from './query/query.ts'
import { createTurns } from './query/turns.ts'
import { startIndexing } from './search/search-index.ts'
import type { Secp256k1 } from './signatures/secp256k1.ts'
import { createVerifier } from './signatures/verifier.ts'
import { recordEvent } from './store/record.ts'
import { type RetentionRule, startRetention } from './store/retention.ts'
import { type EventStore, openEventStore } from './store/store.ts'
import type { Outcome, Writer } from './store/writer.ts'
import type { Submitted } from './submitted.ts'
import { createSubscriptions } from './subscriptions.ts'

/** How much a relay has to do now. */
export type RelayStats = {
  readonly connections: number
  readonly subscriptions: number
  /** Tasks of the writer, and events whose signature is to be checked. */
  readonly queued: number
  readonly unverified: number
  /** Events that wait for the word of the policy program. */
  readonly unjudged: number
  /** Events that reconciliations hold in memory. */
  readonly reconciled: number
  /** Whether the index of words is still being made. */
  readonly isIndexing: boolean
}

/** A relay that runs. */
export type Relay = {
  /** Takes a websocket handshake; refuses with 429 or 503 when there are too many. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** The relay information document (NIP-11), from the limits in force. */
  document(): object
  /** Takes an event as a websocket EVENT would. `done` is called once, when what came of it is durable. */
  submit(event: unknown, origin: Origin, done: (outcome: Submitted) => void): void
  /** The application's own append: ahead of ordinary events, all or nothing, delivered once durable. */
  applyLocally(apply: () => Applied, done: (outcome: Outcome<Applied>) => void): void
  /** Stored events that a filter asks for, as the service itself sees them, newest first, at most 500. */
  find(filter: object): NostrEvent[]
  /** The management API (NIP-86), for an HTTP front that takes POST with its content type. */
  readonly manage: Management
  /** Whether a key is a member or an operator (NIP-43). */
  isMember(pubkey: string): boolean
  stats(): RelayStats
  /** What is stored, for the operator's tools. */
  readonly store: EventStore
  /** Bytes of all connections that there have been, and what clients have not taken yet. */
  traffic(): Traffic
  /** Ends every connection and stops the timers. The writer is the caller's. */
  close(): Promise<void>
}

const never = () => false
/** For the messages of all clients on one turn of the event loop. */
const messagesMs = 2
const maxFragments = 64
const maxBufferedChunks = 1_024
const sweepEveryMs = 10_000
const retentionEveryMs = 600_000
/** So many removals take a few milliseconds. */
const sweepAtOnce = 50

/** Makes a relay in an environment that it shares with its application. `now` is in Unix seconds. */
export function createRelay(options: {
  root: RootDatabase
  writer: Writer
  secp: Secp256k1
  /** The application; without one the relay is open. */
  host?: Host
  limits: Limits
  identity: RelayIdentity
  /** What the operator has against ordinary events; `requirements` is what the information document says of it. */
  policy?: Policy | undefined
  requirements?: Requirements
  /** Asked after everything else; it is the caller's to close. */
  program?: PolicyProgram | undefined
  /** The websocket URLs by which clients know this relay; authentication is for these only (NIP-42). */
  urls: readonly string[]
  now(): number
  clientIp(request: IncomingMessage): string
  onError(error: unknown): void
  /** For members only (NIP-43); what it says of them, `sign` signs with the key of the identity. */
  membership?: MembershipSettings | undefined
  sign?: ((template: EventTemplate) => NostrEvent) | undefined
  /** Who may change how the relay works while it does. */
  management?: ManagementOptions | undefined
  /** What is not kept for ever. */
  retention?: readonly RetentionRule[]
  /** Whether `now` may be believed: while it may not, nothing is removed for its age, which could not be undone. */
  isClockTrusted?: () => boolean
  /** Kinds that `search` finds (NIP-50), by default those that it found before; without any it is not offered. */
  searchedKinds?: readonly number[]
  /** Where to count; see `exposeRelay`. */
  metrics?: RelayMetrics
}): Relay {
  const { root, writer, secp, host = openHost, limits, identity, urls, now, clientIp, onError } = options
  const { metrics = createRelayMetrics() } = options
  const store = openEventStore(root, limits.recordCacheBytes)
  const indexing = startIndexing({ store, writer, kinds: options.searchedKinds ?? [...store.searchedKinds()], onError })
  const subscriptions = createSubscriptions()
  const { requirements, program } = options
  const verifier = createVerifier({ secp, onError })
  const find: Relay['find'] = wanted => {
    const parsed = parseFilter(wanted, {
      maxLimit: limits.maxLimit,
      maxValues: limits.maxFilterValues,
      maxTagKeys: 3,
    })
    if (!parsed.ok) throw new Error(parsed.reason)
    const latest = store.latestSeq()
    const scan = openScan(store, parsed.filter, { now: now(), latest, visible: () => true, seen: null })
    const events: NostrEvent[] = []
    for (let found = scan.next(never); found; found = scan.next(never)) events.push(recordEvent(found))
    return events
  }
  const endIf = (isOver: (connection: Connection) => boolean, reason: string) => {
    for (const connection of connections) if (isOver(connection)) connection.end(reason)
  }
  const governance = createGovernance({
    store,
    writer,
    secp,
    host,
    limits,
    identity,
    urls,
    policy: options.policy,
    membership: options.membership,
    management: options.management,
    sign: options.sign,
    find,
    applyLocally: (apply, done) => ingester.applyLocally(apply, done),
    // Once the OK to its request to leave is on its way.
    endConnectionsOf: pubkey =>
      void setImmediate(() => endIf(({ isOf }) => isOf(pubkey), 'restricted: you are no longer a member')),
    endBlocked: () => endIf(({ ip }) => governance.isBlocked(ip), 'blocked: your address is blocked here'),
    removed: count => {
      metrics.removed += count
    },
    now,
    onError,
  })
  const ingester = createIngester({
    store,
    vanishing: governance.vanishing,
    onVanish: governance.wake,
    barred: governance.barred,
    admitFirst: governance.admitFirst,
    subscriptions,
    writer,
    verifier,
    host,
    limits,
    policy: governance.policy,
    program,
    metrics,
    now,
    onError,
  })
  const connections = new Set<Connection>()
  const pinging = createRounds<Connection>(limits.pingSeconds * 1_000, connection => connection.check())
  const turns = createTurns(metrics)
  const isOver = createPace(messagesMs)
  const negentropyMemory = createNegentropyMemory(limits)
  const backlog = createBacklog(limits.maxUnreadBytes)
  const flushes = createFlushes(onError)
  const counter = createConnectionCounter(limits)
  const mayShakeHands = createBuckets({ perSecond: limits.handshakesPerMinute / 60, burst: limits.handshakesBurst })
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxMessageBytes,
    // Each part of a message that has not come in full keeps all that was read with it.
    maxFragments,
    maxBufferedChunks,
    perMessageDeflate: false,
    clientTracking: false,
  })

  const onOpen = (socket: WebSocket, stream: Duplex, ip: string) => {
    const connection = openConnection({
      socket,
      stream,
      ip,
      store,
      subscriptions,
      ingester,
      secp,
      host,
      membership: governance.membership,
      limits,
      metrics,
      urls,
      turns: turns.join(),
      isOver,
      backlog,
      flushes,
      negentropyMemory,
      now,
      onError,
    })
    connections.add(connection)
    pinging.add(connection)
    metrics.connections.opened++
    socket.once('close', () => {
      connections.delete(connection)
      pinging.remove(connection)
      const { bytesIn, bytesOut } = connection.traffic()
      metrics.bytesIn += bytesIn
      metrics.bytesOut += bytesOut
      counter.leave(ip)
    })
  }

  const isClockTrusted = options.isClockTrusted ?? (() => true)
  const sweep = () => {
    // A look costs a read; the writer is asked only when something has expired.
    if (!store.hasExpired(now()) || !isClockTrusted()) return
    writer.submit({
      lane: 'events',
      run: () => store.sweepExpired(now(), sweepAtOnce),
      done: outcome => {
        if (!outcome.ok) return onError(outcome.error)
        metrics.expired += outcome.value
        if (outcome.value === sweepAtOnce) sweep()
      },
    })
  }
  const sweeping = setInterval(() => {
    sweep()
    governance.look()
  }, sweepEveryMs)
  governance.look()
  sweeping.unref()
  const retention = startRetention({
    rules: options.retention ?? [],
    remover: { store, writer, isProtected: host.isProtected, now },
    everyMs: retentionEveryMs,
    mayRemove: isClockTrusted,
    onRemoved: count => {
      metrics.expired += count
    },
    onError,
  })

  return {
    handleUpgrade: (request, socket, head) => {
      const ip = clientIp(request)
      const comesTooOften = !mayShakeHands(networkOf(ip))
      const tooMany = comesTooOften ? '429 Too Many Requests' : null
      const refusal = governance.isBlocked(ip) ? '403 Forbidden' : (tooMany ?? counter.enter(ip))
      if (refusal !== null) {
        const [status] = refusal.split(' ')
        metrics.connections.refused[status === '403' ? 403 : status === '429' ? 429 : 503]++
        // The HTTP server has let go of the socket: a reset would be uncaught, and a peer that never closes would stay.
        socket.on('error', () => undefined)
        socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
        return
      }
      let opened = false
      socket.once('close', () => {
        if (!opened) counter.leave(ip)
      })
      server.handleUpgrade(request, socket, head, websocket => {
        opened = true
        onOpen(websocket, socket, ip)
      })
    },
    document: () =>
      informationDocument(governance.identity(), limits, requirements, host.restrictedKinds, store.searchedKinds()),
    submit: (event, origin, done) => {
      if (origin.source !== 'client' || !governance.isBlocked(origin.ip)) return ingester.submit(event, origin, done)
      done({ accepted: false, message: 'blocked: your address is blocked here', delivered: [] })
    },
    manage: governance.manage,
    isMember: governance.membership.isMember,
    applyLocally: ingester.applyLocally,
    find,
    stats: () => ({
      connections: connections.size,
      subscriptions: subscriptions.count(),
      queued: writer.queued(),
      unverified: verifier.pending(),
      unjudged: program?.waiting() ?? 0,
      reconciled: negentropyMemory.events(),
      isIndexing: indexing.isUnderWay(),
    }),
    store,
    traffic: () => {
      let { bytesIn, bytesOut } = metrics
      let unreadBytes = 0
      for (const connection of connections) {
        const traffic = connection.traffic()
        bytesIn += traffic.bytesIn
        bytesOut += traffic.bytesOut
        unreadBytes += traffic.unreadBytes
      }
      return { bytesIn, bytesOut, unreadBytes }
    },
    close: async () => {
      pinging.stop()
      clearInterval(sweeping)
      governance.stop()
      indexing.stop()
      await retention.stop()
      await new Promise<void>(done => server.close(() => done()))
      await Promise.all([...connections].map(connection => connection.close()))
      await verifier.close()
    },
  }
}

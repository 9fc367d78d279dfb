import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RootDatabase } from 'lmdb'
import { createBacklog } from './connection/backlog.ts'
import { openConnection, type Traffic } from './connection/connection.ts'
import { createCrowd } from './connection/crowd.ts'
import { createFlushes } from './connection/flushes.ts'
import type { EventTemplate, NostrEvent } from './event.ts'
import { createFairShare } from './fair-share.ts'
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
import type { Policy } from './policies/policy.ts'
import type { PolicyProgram, ProgramState } from './policies/program.ts'
import type { Requirements } from './policies/requirements.ts'
import { parseFilter } from './query/filter.ts'
import { openScan } from './query/query.ts'
import { createTurns } from './query/turns.ts'
import { createRota } from './rota.ts'
import { startIndexing } from './search/search-index.ts'
import type { Secp256k1 } from './signatures/secp256k1.ts'
import { createVerifier } from './signatures/verifier.ts'
import { startHousekeeping } from './store/housekeeping.ts'
import { recordEvent } from './store/record.ts'
import type { RetentionRule } from './store/retention.ts'
import { type EventStore, openEventStore } from './store/store.ts'
import type { Outcome, Writer } from './store/writer.ts'
import type { Submitted } from './submitted.ts'
import { createSubscriptions } from './subscriptions.ts'
import { placesInAll } from './under-way.ts'

/** How much a relay has to do now. */
export type RelayStats = {
  readonly connections: number
  readonly subscriptions: number
  /** Tasks of the writer, and events whose signature is to be checked. */
  readonly queued: number
  readonly unverified: number
  /** Events that are still to be handed to live subscriptions. */
  readonly undelivered: number
  /** Events that wait for the word of the policy program. */
  readonly unjudged: number
  /** Events that reconciliations hold in memory. */
  readonly reconciled: number
  /** Whether the index of words is still being made. */
  readonly isIndexing: boolean
  /** Keys that have vanished or are banned and whose events are still being removed. */
  readonly removalsPending: number
  /** `null`: there is none. */
  readonly program: ProgramState | null
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
const messagesMs = 1

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
  /** Told when the index of words begins to be made, or goes on being made, and when it is whole. */
  onIndexing?: (isUnderWay: boolean) => void
  /** Where to count; see `exposeRelay`. */
  metrics?: RelayMetrics
}): Relay {
  const { root, writer, secp, host = openHost, limits, identity, urls, now, clientIp, onError } = options
  const { metrics = createRelayMetrics() } = options
  const store = openEventStore(root, limits.recordCacheBytes, host.isProtected)
  const indexing = startIndexing({ store, writer, kinds: options.searchedKinds ?? [...store.searchedKinds()], onError })
  const { onIndexing = () => undefined } = options
  let isClosing = false
  if (indexing.isUnderWay()) {
    onIndexing(true)
    void indexing.done.then(() => {
      if (!isClosing && !writer.isBroken()) onIndexing(false)
    })
  }
  const room = createFairShare(placesInAll)
  const subscriptions = createSubscriptions({ room, onError })
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
      void setImmediate(() => crowd.endIf(({ isOf }) => isOf(pubkey), 'restricted: you are no longer a member')),
    endBlocked: () => crowd.endIf(({ ip }) => governance.isBlocked(ip), 'blocked: your address is blocked here'),
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
    room,
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
  const turns = createTurns(metrics)
  const rota = createRota(messagesMs)
  const negentropyMemory = createNegentropyMemory(limits)
  const backlog = createBacklog(limits.maxUnreadBytes)
  const flushes = createFlushes(onError)
  const crowd = createCrowd({
    limits,
    metrics,
    isBlocked: governance.isBlocked,
    open: (socket, stream, ip) =>
      openConnection({
        socket,
        stream,
        ip,
        store,
        subscriptions,
        room,
        ingester,
        secp,
        host,
        membership: governance.membership,
        limits,
        metrics,
        urls,
        turns: turns.join(),
        rota,
        backlog,
        flushes,
        negentropyMemory,
        now,
        onError,
      }),
  })

  const housekeeping = startHousekeeping({
    store,
    writer,
    host,
    rules: options.retention ?? [],
    mayRemove: options.isClockTrusted ?? (() => true),
    look: governance.look,
    metrics,
    now,
    onError,
  })

  return {
    handleUpgrade: (request, socket, head) => crowd.enter(request, socket, head, clientIp(request)),
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
      connections: crowd.size(),
      subscriptions: subscriptions.count(),
      queued: writer.queued(),
      unverified: verifier.pending(),
      undelivered: subscriptions.waiting(),
      unjudged: program?.state().waiting ?? 0,
      reconciled: negentropyMemory.events(),
      isIndexing: indexing.isUnderWay(),
      removalsPending: (store.databases.removals.getStats() as { entryCount: number }).entryCount,
      program: program?.state() ?? null,
    }),
    store,
    traffic: crowd.traffic,
    close: async () => {
      isClosing = true
      governance.stop()
      indexing.stop()
      await housekeeping.stop()
      await crowd.close()
      await verifier.close()
    },
  }
}

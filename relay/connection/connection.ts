import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import type { FairShare } from '../fair-share.ts'
import type { Host, Origin } from '../host.ts'
import type { Ingester } from '../ingest.ts'
import type { Limits } from '../limits.ts'
import type { Membership } from '../membership/membership.ts'
import { countMessage, type RelayMetrics } from '../metrics/metrics.ts'
import { createReconciliations, type Reconciliations } from '../negentropy/negentropy.ts'
import type { NegentropyMemory } from '../negentropy/negentropy-memory.ts'
import type { Turns } from '../query/turns.ts'
import type { Rota } from '../rota.ts'
import type { Secp256k1 } from '../signatures/secp256k1.ts'
import type { EventStore } from '../store/store.ts'
import { wrongSignature } from '../submitted.ts'
import type { Subscriptions } from '../subscriptions.ts'
import { placesOfEvent } from '../under-way.ts'
import { createAuthentication } from './authentication.ts'
import type { Backlog } from './backlog.ts'
import { createBucket } from './bucket.ts'
import type { Client } from './client.ts'
import { networkOf } from './connection-counter.ts'
import type { Flushes } from './flushes.ts'
import { createIdleness } from './idleness.ts'
import { createInbox } from './inbox.ts'
import { createInflow } from './inflow.ts'
import { createOutlet } from './outlet.ts'
import { createReading } from './reading.ts'
import { createRequests } from './requests.ts'

/** A client on a websocket. */
export type Connection = {
  /** Called at intervals: pings, and ends connections that are gone or do not read. */
  check(): void
  traffic(): Traffic
  readonly ip: string
  /** Whether this key has authenticated on it. */
  isOf(pubkey: string): boolean
  /** Ends it, and says why. */
  end(reason: string): void
  /** Resolves when the socket is closed, which is forced after half a second. */
  close(): Promise<void>
}

/** Bytes so far; `unreadBytes` are those that the client has not taken yet. */
export type Traffic = { readonly bytesIn: number; readonly bytesOut: number; readonly unreadBytes: number }

/** What a connection works with. */
export type ConnectionContext = {
  socket: WebSocket
  /** The stream under the websocket, for pages of messages in one write. */
  stream: Duplex
  ip: string
  store: EventStore
  subscriptions: Subscriptions
  /** For events that are under way. */
  room: FairShare
  ingester: Ingester
  secp: Secp256k1
  host: Host
  membership: Pick<Membership, 'readFault' | 'invite'>
  limits: Limits
  metrics: RelayMetrics
  urls: readonly string[]
  turns: Turns
  /** Shared by all connections, as is the backlog. */
  rota: Rota
  backlog: Backlog
  flushes: Flushes
  negentropyMemory: NegentropyMemory
  now(): number
  onError(error: unknown): void
}

/** An event of so many bytes counts as one more, and sooner when its words have to be indexed ... */
const bytesPerToken = 2_048
const searchedBytesPerToken = 512
/** ... or one of so many tags, whichever costs more: each tag is a row to write, and to remove one day. */
const tagsPerToken = 20

/** Serves one client until its socket closes. */
export function openConnection(context: ConnectionContext): Connection {
  const { socket, stream, ip, store, room, ingester, limits, metrics, rota, onError } = context
  const network = networkOf(ip)
  const authenticated = new Set<string>()
  const origin: Origin = { source: 'client', ip, authenticated }
  const eventBucket = createBucket({ perSecond: limits.eventsPerSecond, burst: limits.eventsBurst })
  const mistakes = createBucket({ perSecond: 1, burst: limits.maxBadMessages })
  const reading = createReading(socket)
  const inflow = createInflow({ reading, limits })
  const outlet = createOutlet(context, reading)
  const isIdle = createIdleness(limits.idleSeconds)
  const { send } = outlet
  let wasHeard = false

  const onBadMessage = (notice: string) => {
    send(['NOTICE', notice])
    countMistake()
  }

  const countMistake = () => {
    if (mistakes()) return
    outlet.blame('nonsense')
    outlet.end(1008, 'too many invalid messages')
  }

  const { sendChallenge, offerAuth, onAuth } = createAuthentication(context, {
    authenticated,
    send,
    mayTry: () => eventBucket(),
    onBadMessage,
    countMistake,
  })
  const client: Client = { outlet, authenticated, sendChallenge, offerAuth }
  const requests = createRequests(context, client, () => reconciliations?.count() ?? 0)
  /** Few clients reconcile, and what it takes would be a fifth of an idle connection's memory. */
  let reconciliations: Reconciliations | null = null
  const reconcile = () => {
    reconciliations ??= createReconciliations(context, client, requests.count)
    return reconciliations
  }

  const onMessage = (data: RawData, isBinary: boolean) => {
    const message = isBinary ? null : parseArray(data)
    countMessage(metrics, message?.[0])
    if (message === null) return onBadMessage('invalid: a message is a JSON array in a text frame')
    const [verb, ...rest] = message
    if (asking.has(verb) && isSubscriptionId(rest[0]) && !mayAsk(verb, rest[0], rest)) return
    switch (verb) {
      case 'EVENT':
        return onEvent(rest[0], sizeOf(data))
      case 'REQ':
        return isSubscriptionId(rest[0])
          ? requests.request(rest[0], rest.slice(1))
          : onBadMessage('invalid: a subscription id has 1 to 64 characters')
      case 'CLOSE':
        return requests.close(rest[0])
      case 'AUTH':
        return onAuth(rest[0])
      case 'COUNT':
        return isSubscriptionId(rest[0])
          ? requests.countEvents(rest[0], rest.slice(1))
          : onBadMessage('invalid: a subscription id has 1 to 64 characters')
      case 'NEG-OPEN':
        return isSubscriptionId(rest[0])
          ? reconcile().open(rest[0], rest[1], rest[2])
          : onBadMessage('invalid: a subscription id has 1 to 64 characters')
      case 'NEG-MSG':
        return isSubscriptionId(rest[0])
          ? reconcile().message(rest[0], rest[1])
          : onBadMessage('invalid: a subscription id has 1 to 64 characters')
      case 'NEG-CLOSE':
        return reconciliations?.close(rest[0])
      default:
        return onBadMessage('invalid: this message type is not known here')
    }
  }

  /** Whether these keys may ask for this here (NIP-43); an invitation is given at once, as it is stored nowhere. */
  const mayAsk = (verb: unknown, id: string, rest: readonly unknown[]): boolean => {
    const filters = verb === 'NEG-OPEN' ? rest.slice(1, 2) : rest.slice(1)
    const invite = verb === 'REQ' ? context.membership.invite(filters, authenticated) : null
    const fault = typeof invite === 'string' ? invite : context.membership.readFault(filters, authenticated)
    if (fault === null) {
      if (typeof invite === 'object' && invite !== null) send(['EVENT', id, invite])
      return true
    }
    if (verb === 'REQ') requests.close(id)
    if (fault.startsWith('auth-required:')) sendChallenge()
    send([verb === 'NEG-OPEN' ? 'NEG-ERR' : 'CLOSED', id, fault])
    return false
  }

  const onEvent = (value: unknown, bytes: number) => {
    const id = idOf(value)
    if (id === null) return onBadMessage('invalid: an EVENT carries an event with an id of 64 lower-case hex digits')
    const isSearched = store.searchedKinds().has((value as { kind: number }).kind)
    const byBytes = bytes / (isSearched ? searchedBytesPerToken : bytesPerToken)
    const cost = 1 + Math.floor(Math.max(byBytes, tagCount(value) / tagsPerToken))
    if (!eventBucket(cost)) {
      metrics.eventsRefused['rate-limited']++
      return send(['OK', id, false, 'rate-limited: too many events, slow down'])
    }
    ingester.submit(value, origin, ({ accepted, message }) => {
      if (message.startsWith('auth-required:')) sendChallenge()
      send(['OK', id, accepted, message])
      // Checking it has cost more than everything else that can be wrong with an event.
      if (message === wrongSignature) countMistake()
    })
  }

  const inbox = createInbox({
    reading,
    outlet,
    // What nobody hears the answer to may be dropped at once.
    mustWait: data => !room.hasRoom(network, placesOfEvent) && isEvent(data) && outlet.isOpen(),
    whenRoom: room.whenGivenBack,
    rota,
    metrics,
    handle: (data, isBinary) => {
      // After our closing frame the client's may be long in coming; what else it sends does not count.
      if (!outlet.isOpen()) return
      try {
        onMessage(data, isBinary)
      } catch (error) {
        onError(error)
        send(['NOTICE', 'error: the relay failed at this message'])
      }
      outlet.holdWhileBehind()
    },
  })
  socket.on('message', (data, isBinary) => {
    wasHeard = true
    inflow(sizeOf(data))
    inbox(data, isBinary)
  })
  socket.on('ping', data => {
    inflow(data.length)
    // ws has answered with a pong.
    outlet.holdWhileBehind()
  })
  socket.on('pong', data => inflow(data.length))
  // Protocol faults end the connection by ws itself (1002, 1007, 1009); without a listener they would end the process.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith('WS_ERR_')) outlet.blame('protocol')
  })
  socket.once('close', () => {
    metrics.connections.closed[outlet.endedBy()]++
    requests.closeAll()
    reconciliations?.closeAll()
  })

  return {
    check: () => {
      reconciliations?.closeIdle()
      const isUsed = wasHeard || requests.count() + (reconciliations?.count() ?? 0) > 0
      if (isIdle(isUsed) && outlet.isOpen()) {
        outlet.blame('idle')
        return outlet.end(1000, 'nothing was asked for a while')
      }
      outlet.check(wasHeard)
      wasHeard = false
    },
    traffic: () => trafficOf(stream),
    ip,
    isOf: pubkey => authenticated.has(pubkey),
    end: reason => {
      outlet.blame('operator')
      outlet.end(1008, reason)
    },
    close: () =>
      new Promise(resolve => {
        if (socket.readyState === socket.CLOSED) return resolve()
        outlet.blame('stopping')
        socket.once('close', () => resolve())
        outlet.end(1001, 'the relay is stopping')
        setTimeout(() => socket.terminate(), 500).unref()
      }),
  }
}

const eventStart = '["EVENT"'

/** What asks for stored events. */
const asking: ReadonlySet<unknown> = new Set(['REQ', 'COUNT', 'NEG-OPEN'])

/** Sockets count by themselves; what waits in memory is no traffic yet. Other streams tell nothing. */
function trafficOf(stream: Duplex & { bytesRead?: number; bytesWritten?: number }): Traffic {
  const { bytesRead = 0, bytesWritten = 0, writableLength } = stream
  return { bytesIn: bytesRead, bytesOut: Math.max(0, bytesWritten - writableLength), unreadBytes: writableLength }
}

function parseArray(data: RawData): unknown[] | null {
  try {
    const value: unknown = JSON.parse(data.toString())
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** Says so of every EVENT that is written as clients do, without reading it. */
function isEvent(data: RawData): boolean {
  return Buffer.isBuffer(data) && data.toString('latin1', 0, eventStart.length) === eventStart
}

function sizeOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength
}

function isSubscriptionId(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 64
}

/** Of something that may not be an event at all. */
function tagCount(value: unknown): number {
  const { tags } = value as { tags?: unknown }
  return Array.isArray(tags) ? tags.length : 0
}

function idOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('id' in value)) return null
  return typeof value.id === 'string' && /^[0-9a-f]{64}$/.test(value.id) ? value.id : null
}

import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { authFault, newChallenge } from './auth.ts'
import { createBucket } from './bucket.ts'
import { encodeEvent, type NostrEvent } from './event.ts'
import { type Filter, parseFilter } from './filter.ts'
import type { Host, Origin } from './host.ts'
import type { Ingester } from './ingest.ts'
import type { Limits } from './limits.ts'
import { createPageWriter } from './page.ts'
import { openScan, type Visible } from './query.ts'
import { isPartyTo, visibleTo } from './readers.ts'
import type { Secp256k1 } from './secp256k1.ts'
import type { EventStore } from './store.ts'
import type { Subscription, Subscriptions } from './subscriptions.ts'
import type { Turns } from './turns.ts'
import { hasRightId, parseEvent, verifySignature } from './verify.ts'

/** A client on a websocket. */
export type Connection = {
  /** Called at intervals: pings, and ends connections that are gone or do not read. */
  check(): void
  /** Resolves when the socket is closed, which is forced after half a second. */
  close(): Promise<void>
}

/** What a connection works with. */
export type ConnectionContext = {
  socket: WebSocket
  /** The stream under the websocket, for pages of messages in one write. */
  stream: Duplex
  ip: string
  store: EventStore
  subscriptions: Subscriptions
  ingester: Ingester
  secp: Secp256k1
  host: Host
  limits: Limits
  urls: readonly string[]
  /** Shared by all connections. */
  turns: Turns
  now(): number
  onError(error: unknown): void
}

/** A subscription of this connection; `held` are live events that came before the stored ones were all sent. */
type Open = { readonly subscription: Subscription; held: NostrEvent[] | null; closed: boolean }

const sliceMs = 5
const maxHeld = 1_000
/** An event of so many bytes counts as one more, since its tags have to be indexed. */
const bytesPerToken = 2_048

/** Serves one client until its socket closes. */
export function openConnection(context: ConnectionContext): Connection {
  const { socket, stream, ip, store, subscriptions, ingester, secp, host, limits, urls, turns, now, onError } = context
  const authenticated = new Set<string>()
  const origin: Origin = { ip, authenticated }
  const open = new Map<string, Open>()
  const eventBucket = createBucket({ perSecond: limits.eventsPerSecond, burst: limits.eventsBurst })
  const requestBucket = createBucket({ perSecond: limits.requestsPerSecond, burst: limits.requestsBurst })
  const pages = createPageWriter(stream)
  let challenge: string | null = null
  const mistakes = createBucket({ perSecond: 1, burst: limits.maxBadMessages })
  let isAlive = true
  let behindSinceMs: number | null = null
  let drained: Promise<void> | null = null

  const isOpen = () => socket.readyState === socket.OPEN
  const isBehind = () => stream.writableLength > limits.pauseAtBytes

  const send = (message: readonly unknown[]) => {
    if (!isOpen()) return
    gather()
    socket.send(JSON.stringify(message))
  }

  /** What is sent on one turn leaves in one write: OKs come by the hundred when a transaction is durable. */
  const gather = () => {
    if (stream.writableCorked > 0) return
    stream.cork()
    process.nextTick(() => stream.uncork())
  }

  const onMessage = (data: RawData, isBinary: boolean) => {
    const message = isBinary ? null : parseArray(data)
    if (message === null) return onBadMessage('invalid: a message is a JSON array in a text frame')
    const [verb, ...rest] = message
    switch (verb) {
      case 'EVENT':
        return onEvent(rest[0], sizeOf(data))
      case 'REQ':
        return onRequest(rest[0], rest.slice(1))
      case 'CLOSE':
        return closeSubscription(rest[0])
      case 'AUTH':
        return onAuth(rest[0])
      case 'COUNT':
      case 'NEG-OPEN':
        return isSubscriptionId(rest[0])
          ? send(['CLOSED', rest[0], `unsupported: ${verb} is not offered here`])
          : send(['NOTICE', 'invalid: a subscription id has 1 to 64 characters'])
      default:
        return onBadMessage('invalid: this message type is not known here')
    }
  }

  const onBadMessage = (notice: string) => {
    send(['NOTICE', notice])
    if (!mistakes()) socket.close(1008, 'too many invalid messages')
  }

  const onEvent = (value: unknown, bytes: number) => {
    const id = idOf(value)
    if (id === null) return onBadMessage('invalid: an EVENT carries an event with an id of 64 lower-case hex digits')
    const cost = 1 + Math.floor(bytes / bytesPerToken)
    if (!eventBucket(cost)) return send(['OK', id, false, 'rate-limited: too many events, slow down'])
    ingester.submit(value, origin, ({ accepted, message }) => {
      if (message.startsWith('auth-required:')) sendChallenge()
      send(['OK', id, accepted, message])
    })
  }

  const onRequest = (id: unknown, values: readonly unknown[]) => {
    if (!isSubscriptionId(id)) return onBadMessage('invalid: a subscription id has 1 to 64 characters')
    // A REQ with an id that is in use replaces the subscription, whatever becomes of the new one (NIP-01).
    closeSubscription(id)
    if (!requestBucket()) return send(['CLOSED', id, 'rate-limited: too many requests, slow down'])
    if (values.length === 0 || values.length > limits.maxFilters) {
      return send(['CLOSED', id, `invalid: a REQ has 1 to ${limits.maxFilters} filters`])
    }
    const filters: Filter[] = []
    for (const value of values) {
      const parsed = parseFilter(value, {
        maxLimit: limits.maxLimit,
        maxValues: limits.maxFilterValues,
        maxTagKeys: limits.maxFilterTagKeys,
      })
      if (!parsed.ok) return send(['CLOSED', id, `invalid: ${parsed.reason}`])
      filters.push(parsed.filter)
    }
    if (authenticated.size === 0 && filters.every(asksForRestrictedOnly)) {
      sendChallenge()
      return send(['CLOSED', id, 'auth-required: these kinds are for their parties only'])
    }
    if (open.size >= limits.maxSubscriptions) {
      return send(['CLOSED', id, `rate-limited: at most ${limits.maxSubscriptions} subscriptions on a connection`])
    }
    let listed = valuesIn(filters)
    for (const { subscription } of open.values()) listed += valuesIn(subscription.filters)
    if (listed > limits.maxSubscribedValues) {
      return send(['CLOSED', id, `rate-limited: at most ${limits.maxSubscribedValues} filter values on a connection`])
    }
    startSubscription(id, filters)
  }

  const asksForRestrictedOnly = ({ kinds }: Filter) =>
    kinds !== undefined && kinds.length > 0 && kinds.every(kind => host.restrictedKinds.has(kind))

  const startSubscription = (id: string, filters: readonly Filter[]) => {
    const prefix = `["EVENT",${JSON.stringify(id)},`
    const entry: Open = {
      held: [],
      closed: false,
      subscription: {
        filters,
        deliver: (event, json) => {
          if (host.restrictedKinds.has(event.kind) && !isPartyTo(event, authenticated)) return
          if (entry.held !== null && entry.held.length < maxHeld) entry.held.push(event)
          else sendEvent(prefix, json())
        },
      },
    }
    open.set(id, entry)
    subscriptions.add(entry.subscription)
    sendStored(id, entry, prefix).catch((error: unknown) => {
      onError(error)
      send(['CLOSED', id, 'error: the relay failed at this query'])
      closeSubscription(id)
    })
  }

  const sendEvent = (prefix: string, json: Buffer) => {
    if (!isOpen()) return
    pages.message(prefix, json, false)
    pages.flush()
    if (stream.writableLength > limits.terminateAtBytes) socket.terminate()
  }

  /** Sends what is stored, then EOSE, then what came meanwhile; stands still while the client does not read. */
  const sendStored = async (id: string, entry: Open, prefix: string): Promise<void> => {
    const latest = store.latestSeq()
    const visible: Visible = visibleTo(host.restrictedKinds, authenticated)
    const seen = entry.subscription.filters.length > 1 ? new Set<number>() : null
    /** Whether to go on, after what was found is sent and others had their turn. */
    const nextSlice = async (): Promise<boolean> => {
      pages.flush()
      await turns()
      while (isBehind() && isOpen()) await whenDrained()
      endMs = performance.now() + sliceMs
      return !entry.closed && isOpen()
    }
    let endMs = 0
    const isOver = () => performance.now() > endMs
    for (const filter of entry.subscription.filters) {
      if (isOver() && !(await nextSlice())) return
      const scan = openScan(store, filter, { now: now(), latest, visible, seen })
      for (;;) {
        const json = scan.next(isOver)
        if (json === null) break
        if (json !== undefined) {
          pages.message(prefix, json, true)
          if (!pages.isFull() && !isOver()) continue
        }
        if (!(await nextSlice())) return
      }
    }
    pages.message(`["EOSE",${JSON.stringify(id)}]`, null, false)
    pages.flush()
    const held = entry.held ?? []
    entry.held = null
    for (const event of held) sendEvent(prefix, Buffer.from(encodeEvent(event)))
  }

  /** When everything is on its way, or the connection is gone. One listener, however many queries wait. */
  const whenDrained = (): Promise<void> => {
    drained ??= new Promise(resolve => {
      const go = () => {
        stream.off('drain', go).off('close', go)
        drained = null
        behindSinceMs = null
        isAlive = true
        resolve()
      }
      stream.on('drain', go).on('close', go)
    })
    return drained
  }

  /** What a client sends is not read while it does not read the answers, or it could fill our memory with them. */
  const holdWhileBehind = () => {
    if (!isBehind() || socket.isPaused) return
    socket.pause()
    void whenDrained().then(() => socket.resume())
  }

  const closeSubscription = (id: unknown) => {
    const entry = typeof id === 'string' ? open.get(id) : undefined
    if (typeof id !== 'string' || entry === undefined) return
    entry.closed = true
    open.delete(id)
    subscriptions.remove(entry.subscription)
  }

  const sendChallenge = () => {
    challenge ??= newChallenge()
    send(['AUTH', challenge])
  }

  const onAuth = (value: unknown) => {
    const parsed = parseEvent(value, limits)
    if (!parsed.ok) {
      if (parsed.id === null) return onBadMessage(`invalid: ${parsed.reason}`)
      return send(['OK', parsed.id, false, `invalid: ${parsed.reason}`])
    }
    const { event } = parsed
    const refuse = (message: string) => send(['OK', event.id, false, message])
    if (!eventBucket()) return refuse('rate-limited: too many events, slow down')
    const expected = { challenge: challenge ?? '', urls, now: now(), windowSeconds: limits.authWindowSeconds }
    const fault = challenge === null ? 'invalid: no challenge was sent on this connection' : authFault(event, expected)
    if (fault !== null) return refuse(fault)
    if (!hasRightId(event) || verifySignature(event, secp) === null) return refuse('invalid: id or signature is wrong')
    if (authenticated.size >= maxKeys) return refuse(`restricted: at most ${maxKeys} keys on a connection`)
    authenticated.add(event.pubkey)
    send(['OK', event.id, true, ''])
  }

  socket.on('message', (data, isBinary) => {
    // After our closing frame the client's may be long in coming; what else it sends does not count.
    if (!isOpen()) return
    try {
      onMessage(data, isBinary)
    } catch (error) {
      onError(error)
      send(['NOTICE', 'error: the relay failed at this message'])
    }
    holdWhileBehind()
  })
  // ws has answered with a pong.
  socket.on('ping', holdWhileBehind)
  socket.on('pong', () => {
    isAlive = true
  })
  // Protocol faults end the connection by ws itself (1002, 1007, 1009); without a listener they would end the process.
  socket.on('error', () => undefined)
  socket.once('close', () => {
    for (const id of [...open.keys()]) closeSubscription(id)
  })

  return {
    check: () => {
      if (!isBehind()) behindSinceMs = null
      else behindSinceMs ??= performance.now()
      if (behindSinceMs !== null) {
        // Its pong would be behind all that it has not read yet.
        if (performance.now() - behindSinceMs >= limits.drainSeconds * 1_000) socket.terminate()
        return
      }
      if (!isAlive) return socket.terminate()
      isAlive = false
      socket.ping()
    },
    close: () =>
      new Promise(resolve => {
        if (socket.readyState === socket.CLOSED) return resolve()
        socket.once('close', () => resolve())
        socket.close(1001, 'the relay is stopping')
        setTimeout(() => socket.terminate(), 500).unref()
      }),
  }
}

/** How many values filters list, which is what they take of memory. */
function valuesIn(filters: readonly Filter[]): number {
  let count = 0
  for (const { ids, authors, kinds, tags } of filters) {
    for (const list of [ids, authors, kinds, ...tags.values()]) count += list?.length ?? 0
  }
  return count
}

/** How many keys may authenticate on one connection. */
const maxKeys = 32

function parseArray(data: RawData): unknown[] | null {
  try {
    const value: unknown = JSON.parse(data.toString())
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

function sizeOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength
}

function isSubscriptionId(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 64
}

function idOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('id' in value)) return null
  return typeof value.id === 'string' && /^[0-9a-f]{64}$/.test(value.id) ? value.id : null
}

import { createBucket } from '../connection/bucket.ts'
import type { Client } from '../connection/client.ts'
import type { Host } from '../host.ts'
import type { Limits } from '../limits.ts'
import type { RelayMetrics } from '../metrics/metrics.ts'
import { broadness } from '../query/broad.ts'
import { takesTooLong } from '../query/counts.ts'
import { type Filter, parseFilter, weightOf } from '../query/filter.ts'
import { createLine } from '../query/line.ts'
import { visibleTo } from '../query/readers.ts'
import type { Turns } from '../query/turns.ts'
import type { EventStore } from '../store/store.ts'
import { loadVector } from './negentropy-load.ts'
import type { NegentropyMemory } from './negentropy-memory.ts'
import { reconcile, smallestFrame } from './negentropy-reconcile.ts'
import type { Vector } from './negentropy-vector.ts'

/** The reconciliations (NIP-77) of one connection, for which we answer. */
export type Reconciliations = {
  open(id: string, filter: unknown, message: unknown): void
  message(id: string, message: unknown): void
  close(id: unknown): void
  closeAll(): void
  /** Called at intervals: closes those of which nothing was heard for a while. */
  closeIdle(): void
  count(): number
}

/** `vector` is there once it has been loaded; `heldEvents` is what this one takes of the memory for all. */
type Session = {
  vector: Vector | null
  heldEvents: number
  isBusy: boolean
  isClosed: boolean
  lastMs: number
  /** Takes its message out of the line if that has not been begun with. */
  giveUp(): void
}

const sliceMs = 2
/** What strfry sends at most; ours stay below what we would take ourselves. */
const largestFrame = 500_000
/** For the parts of a message that are no frame. */
const envelopeBytes = 1_024
/** Messages that wait for their turn, of one connection. */
const maxWaitingBytes = 1_048_576
/** What a value of a filter takes, of those that wait. */
const bytesPerValue = 64
const hexForm = /^[0-9a-f]+$/i

/** Serves the NEG messages of a connection, one at a time. */
export function createReconciliations(
  context: {
    ip: string
    store: EventStore
    host: Host
    limits: Limits
    /** Shared by all connections, as is the memory. */
    turns: Turns
    negentropyMemory: NegentropyMemory
    metrics: Pick<RelayMetrics, 'reconciliations'>
    now(): number
    onError(error: unknown): void
  },
  { outlet, authenticated, sendChallenge }: Client,
  /** REQs and reconciliations count together. */
  openSubscriptions: () => number,
): Reconciliations {
  const { ip, store, host, limits, turns, negentropyMemory: memory, metrics, now, onError } = context
  const sessions = new Map<string, Session>()
  const bucket = createBucket({ perSecond: limits.requestsPerSecond, burst: limits.requestsBurst })
  const frameBytes = frameLimit(limits)
  let waitingBytes = 0
  const line = createLine(1)

  const refuse = (id: string, message: string, ...more: number[]) => {
    close(id)
    outlet.send(['NEG-ERR', id, message, ...more])
  }

  const open: Reconciliations['open'] = (id, value, hex) => {
    close(id)
    const message = bytesOf(hex)
    if (message === null) return refuse(id, 'invalid: the message is not given in hex')
    if (!bucket()) return refuse(id, 'rate-limited: too many requests, slow down')
    const parsed = parseFilter(value, {
      maxLimit: limits.maxNegentropyEvents + 1,
      maxValues: limits.maxFilterValues,
      maxTagKeys: limits.maxFilterTagKeys,
    })
    if (!parsed.ok) return refuse(id, `${parsed.isUnknown ? 'unsupported' : 'invalid'}: ${parsed.reason}`)
    const broad = broadness(parsed.filter, limits, now())
    if (broad !== null) return refuse(id, broad)
    const { kinds } = parsed.filter
    if (authenticated.size === 0 && kinds?.length && kinds.every(kind => host.restrictedKinds.has(kind))) {
      sendChallenge()
      return refuse(id, 'auth-required: these kinds are for their parties only')
    }
    if (openSubscriptions() + sessions.size >= limits.maxSubscriptions) {
      return refuse(id, `rate-limited: at most ${limits.maxSubscriptions} subscriptions on a connection`)
    }
    const lastMs = performance.now()
    const giveUp = () => undefined
    const session = { vector: null, heldEvents: 0, isBusy: false, isClosed: false, lastMs, giveUp }
    sessions.set(id, session)
    metrics.reconciliations++
    enqueue(id, session, message, parsed.filter)
  }

  /** Each connection has one of its messages worked on: many at once would crowd others out of their turns. */
  const enqueue = (id: string, session: Session, message: Buffer, filter: Filter | null) => {
    const bytes = message.length + (filter === null ? 0 : weightOf([filter]) * bytesPerValue)
    if (waitingBytes + bytes > Math.max(maxWaitingBytes, limits.maxMessageBytes)) {
      return refuse(id, 'rate-limited: too much is waiting to be reconciled')
    }
    session.isBusy = true
    waitingBytes += bytes
    const free = () => {
      waitingBytes -= bytes
    }
    const leave = line.join(() =>
      answer(id, session, message, filter)
        .catch((error: unknown) => {
          onError(error)
          if (!session.isClosed) refuse(id, 'error: the relay failed at this reconciliation')
        })
        .finally(free),
    )
    session.giveUp = () => {
      if (leave()) free()
    }
  }

  const answer = async (id: string, session: Session, message: Buffer, filter: Filter | null) => {
    if (filter !== null) session.vector = await load(id, session, filter)
    const { vector } = session
    if (vector === null || session.isClosed) return
    const reconciled = await workOff(id, session, reconcile(vector, message, { frameBytes, differences: null }))
    if (reconciled === undefined) return
    if (reconciled.kind !== 'next') {
      return refuse(id, `invalid: ${reconciled.kind === 'fault' ? reconciled.reason : 'this is not for us to end'}`)
    }
    while (outlet.isBehind() && outlet.isOpen()) await outlet.whenDrained()
    if (session.isClosed) return
    session.isBusy = false
    session.lastMs = performance.now()
    outlet.send(['NEG-MSG', id, reconciled.message.toString('hex')])
  }

  const load = async (id: string, session: Session, filter: Filter): Promise<Vector | null> => {
    const maxEvents = limits.maxNegentropyEvents
    const loading = loadVector(store, filter, {
      now: now(),
      visible: visibleTo(host.restrictedKinds, authenticated),
      maxEvents,
      take: events => {
        if (!memory.take(ip, events)) return false
        session.heldEvents += events
        return true
      },
      giveBack: events => {
        memory.giveBack(ip, events)
        session.heldEvents -= events
      },
    })
    const loaded = await workOff(id, session, loading)
    if (loaded === undefined) return null
    if (loaded.kind === 'too big') refuse(id, 'blocked: this query is too big', maxEvents)
    if (loaded.kind === 'no room') refuse(id, 'rate-limited: too much is being reconciled now, try again later')
    return loaded.kind === 'vector' ? loaded.vector : null
  }

  /** Does work in slices on turns of its own; `undefined` when the session was closed meanwhile, or takes too long. */
  const workOff = async <T>(id: string, session: Session, work: Generator<void, T>): Promise<T | undefined> => {
    for (let workedMs = 0; workedMs <= limits.querySeconds * 1_000; ) {
      await turns()
      if (session.isClosed || !outlet.isOpen()) return undefined
      const startMs = performance.now()
      do {
        const step = work.next()
        if (step.done) return step.value
      } while (performance.now() < startMs + sliceMs)
      workedMs += performance.now() - startMs
    }
    refuse(id, takesTooLong)
    return undefined
  }

  const close = (id: unknown) => {
    const session = typeof id === 'string' ? sessions.get(id) : undefined
    if (typeof id !== 'string' || session === undefined) return
    sessions.delete(id)
    metrics.reconciliations--
    session.isClosed = true
    session.giveUp()
    session.vector = null
    memory.giveBack(ip, session.heldEvents)
    session.heldEvents = 0
  }

  return {
    open,
    message: (id, hex) => {
      const session = sessions.get(id)
      const message = bytesOf(hex)
      if (!bucket()) return refuse(id, 'rate-limited: too many requests, slow down')
      if (session === undefined) return refuse(id, 'closed: there is no such reconciliation')
      if (message === null) return refuse(id, 'invalid: the message is not given in hex')
      if (session.isBusy) return refuse(id, 'invalid: the answer to the message before is still to come')
      enqueue(id, session, message, null)
    },
    close,
    closeAll: () => {
      for (const id of [...sessions.keys()]) close(id)
    },
    closeIdle: () => {
      const sinceMs = performance.now() - limits.negentropyIdleSeconds * 1_000
      for (const [id, { isBusy, lastMs }] of [...sessions]) {
        if (!isBusy && lastMs < sinceMs) refuse(id, 'closed: you took too long to respond!')
      }
    },
    count: () => sessions.size,
  }
}

/** The largest frame that is sent, which is given in hex. */
function frameLimit({ maxMessageBytes }: Limits): number {
  return Math.max(smallestFrame, Math.min(largestFrame, Math.floor((maxMessageBytes - envelopeBytes) / 2)))
}

function bytesOf(hex: unknown): Buffer | null {
  return typeof hex === 'string' && hex.length % 2 === 0 && hexForm.test(hex) ? Buffer.from(hex, 'hex') : null
}

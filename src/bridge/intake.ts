import { createBucket } from '../../relay/connection/bucket.ts'
import type { NostrEvent } from '../../relay/event.ts'
import type { Origin } from '../../relay/host.ts'
import type { Submitted } from '../../relay/submitted.ts'
import { kinds } from '../protocol/kinds.ts'
import { createBacklog } from './backlog.ts'
import { catchUp } from './catch-up.ts'
import type { Connection } from './connection.ts'
import { isForUs, lookBackSeconds } from './incoming.ts'

/** Commands and queries from one relay on their way in. */
export type Intake = {
  connected(connection: Connection): void
  disconnected(): void
  /** Whether everything that the relay had stored has been looked at, and what is new comes at once. */
  isCaughtUp(): boolean
  waiting(): number
  stop(): void
}

/** A command may be sent up to this long after it was made, and still be executed (`execute-by`); and some slack. */
const overlapSeconds = 86_400 + 600
const noteEveryMs = 60_000
/** How long commands wait for older ones when the relay goes away before it has given them. */
const patienceMs = 60_000
const atOnce = 32
/** When a ration is used up, how long until something is tried again. */
const slowMs = 100
const maxSeenQueries = 10_000
const maxJunk = 1_000
/** A wrong signature is dear, and no honest relay passes it on. */
const forgeryJunk = 50
/** What the service's own refusals look like: a prefix, then a code. */
const codedRefusal = /^[a-z-]+: [A-Z_]+: /
const backlogLimits = { maxEvents: 5_000, maxBytes: 32 * 1_048_576, maxPerAuthor: 120 }

/**
 * Makes the intake from one relay. After every time away it asks for all that may still be executed, and handles it in the
 * order in which it was made; what the service has no room or ration for now is tried again until it has expired.
 */
export function createIntake(options: {
  service: string
  origins: { customers: Origin; strangers: Origin }
  submit(event: unknown, origin: Origin, done: (outcome: Submitted) => void): void
  isKnown(commandId: string): boolean
  isCustomer(author: string): boolean
  /** A command or query was refused for good. */
  refused(event: NostrEvent, message: string): void
  answered(answers: readonly NostrEvent[]): void
  /** Until when all from this relay has been seen, Unix seconds; 0 for never. */
  seenUntil(): number
  noteSeen(until: number): void
  /** Of customers, and as many of strangers: whoever is no customer yet cannot use up what customers have. */
  commandsPerMinute: number
  now(): number
  nowMs(): number
  /** How long a command that came too early, or when the service was busy, is held back with what its author sent after it. */
  holdMs: number
}): Intake {
  const { service, origins, submit, isKnown, isCustomer, refused, answered, seenUntil, noteSeen } = options
  const { commandsPerMinute, now, nowMs, holdMs } = options
  const backlog = createBacklog({ ...backlogLimits, isCustomer })
  const perMinute = (count: number) => createBucket({ perSecond: count / 60, burst: Math.ceil(count / 2), nowMs })
  const rations = { customers: perMinute(commandsPerMinute), strangers: perMinute(commandsPerMinute) }
  /** By author: what an author sent in an order happens in it. */
  const underWay = new Map<string, string>()
  const heldUntilMs = new Map<string, number>()
  const seenQueries = new Set<string>()
  let current: Connection | null = null
  let state: 'away' | 'catching-up' | 'live' = 'away'
  let junk = 0
  let patientUntilMs = 0
  let slow: NodeJS.Timeout | undefined
  let stopped = false

  /** Takes in one event; gives its time when it is what was asked for. */
  const take = (value: unknown, connection: Connection): number | null => {
    if (!isForUs(value, service, now())) {
      // Anybody may address nonsense to us, so some is no fault of the relay.
      foul(1, connection)
      return null
    }
    if (value.kind === kinds.query) takeQuery(value)
    else if (!isKnown(value.id) && underWay.get(value.pubkey) !== value.id) {
      backlog.add(value)
      if (state === 'live') pump()
    }
    return value.created_at
  }

  /** A query waits for nothing, and a relay that sends it twice uses up its author's ration once. */
  const takeQuery = (query: NostrEvent) => {
    if (seenQueries.has(query.id) || !rations[classOf(query.pubkey)]()) return
    remember(seenQueries, query.id)
    submit(query, origins[classOf(query.pubkey)], outcome => {
      if (outcome.accepted) answered(outcome.delivered)
      else if (codedRefusal.test(outcome.message)) refused(query, outcome.message)
      else foul(forgeryJunk, current)
    })
  }

  const foul = (cost: number, connection: Connection | null) => {
    junk += cost
    if (junk > maxJunk) connection?.close('it sends too much that is not for us, or forged')
  }

  const classOf = (author: string) => (isCustomer(author) ? 'customers' : 'strangers')

  const mayBeHandled = (author: string) => {
    if (underWay.has(author) || (heldUntilMs.get(author) ?? 0) > nowMs()) return false
    if (rations[classOf(author)]()) return true
    slow ??= setTimeout(() => {
      slow = undefined
      pump()
    }, slowMs)
    slow.unref()
    return false
  }

  const pump = () => {
    // While catching up, an older command may still come.
    if (stopped || state === 'catching-up' || nowMs() < patientUntilMs) return
    while (underWay.size < atOnce && backlog.size() > 0) {
      const event = backlog.take(mayBeHandled)
      if (event === undefined) break
      handle(event)
    }
    if (state === 'live' && backlog.size() === 0 && underWay.size === 0) askForMissed()
  }

  const handle = (event: NostrEvent) => {
    underWay.set(event.pubkey, event.id)
    submit(event, origins[classOf(event.pubkey)], outcome => {
      underWay.delete(event.pubkey)
      settle(event, outcome)
      setImmediate(pump)
    })
  }

  const settle = (event: NostrEvent, { accepted, message }: Submitted) => {
    if (stopped || accepted) return
    if (!/^(rate-limited|error):/.test(message)) {
      if (codedRefusal.test(message)) refused(event, message)
      else foul(forgeryJunk, current)
      return
    }
    heldUntilMs.set(event.pubkey, nowMs() + holdMs)
    backlog.add(event)
  }

  const askForMissed = () => {
    const since = backlog.takeMissed()
    if (since !== null && current !== null) void readStored(current, since)
  }

  const readStored = async (connection: Connection, since: number) => {
    state = 'catching-up'
    const isComplete = await catchUp({
      connection,
      filter: { kinds: [kinds.command], '#p': [service] },
      since,
      until: now() + 300,
      event: value => take(value, connection),
    })
    if (current !== connection || stopped) return
    // One that does not come to an end is left, to be asked again later.
    if (!isComplete) return connection.close('it does not give what it has stored for us')
    state = 'live'
    note()
    pump()
  }

  const note = () => {
    if (state === 'live' && !stopped) noteSeen(now())
  }

  const ticking = setInterval(() => {
    junk = Math.max(0, junk - maxJunk / 10)
    for (const [author, until] of heldUntilMs) if (until <= nowMs()) heldUntilMs.delete(author)
    pump()
  }, holdMs)
  const noting = setInterval(note, noteEveryMs)
  for (const timer of [ticking, noting]) timer.unref()

  return {
    connected: connection => {
      current = connection
      patientUntilMs = 0
      const time = now()
      const seen = seenUntil()
      const since = Math.max(time - lookBackSeconds, Math.min(seen === 0 ? time : seen, time) - overlapSeconds)
      // What comes from now on is subscribed to before what is there is asked for, so that nothing falls between.
      connection.subscribe('live', liveFilter(service, time), {
        event: value => void take(value, connection),
        end: () => undefined,
        closed: message => connection.close(`it ended our subscription: ${message}`),
      })
      void readStored(connection, since)
    },
    disconnected: () => {
      note()
      current = null
      if (state === 'catching-up') patientUntilMs = nowMs() + patienceMs
      state = 'away'
      pump()
    },
    isCaughtUp: () => state === 'live',
    waiting: () => backlog.size(),
    stop: () => {
      note()
      stopped = true
      clearInterval(ticking)
      clearInterval(noting)
      clearTimeout(slow)
    },
  }
}

/** Whatever is sent from now on, though it was made up to a day ago. */
function liveFilter(service: string, time: number): object {
  return { kinds: [kinds.command, kinds.query], '#p': [service], since: time - overlapSeconds, limit: 1 }
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id)
  if (ids.size <= maxSeenQueries) return
  const [oldest] = ids
  if (oldest !== undefined) ids.delete(oldest)
}

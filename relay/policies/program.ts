import { networkOf } from '../connection/connection-counter.ts'
import type { NostrEvent, VerifiedEvent } from '../event.ts'
import { createFairShare } from '../fair-share.ts'
import type { Origin } from '../host.ts'
import { tooBusy } from '../submitted.ts'
import { type ChildNote, type Pauses, startChild } from './child.ts'

/** What the program decided, or what is decided without it. `shadow` is answered as accepted, and kept nowhere. */
export type Verdict =
  | { readonly action: 'accept' | 'shadow' }
  | { readonly action: 'refuse' /** With its NIP-01 prefix. */; readonly message: string }

/** What an operator should hear of a policy program. */
export type ProgramNote = ChildNote | { readonly what: 'silent' } | { readonly what: 'failed'; readonly error: unknown }

/** How a policy program does. */
export type ProgramState = {
  readonly isUp: boolean
  /** Events that wait for its answer. */
  readonly waiting: number
  /** Events that it did not answer in time, and starts after the first, since the relay began. */
  readonly timeouts: number
  readonly restarts: number
}

/** An operator's own program that has the last word on ordinary events. */
export type PolicyProgram = {
  /** `done` is called once: with what the program says, or with a refusal when it says nothing in time. Ids are not asked twice at once. */
  ask(event: VerifiedEvent, origin: Origin, done: (verdict: Verdict) => void): void
  state(): ProgramState
  /** Ends it; events that wait are refused. */
  close(): Promise<void>
}

type Asked = {
  readonly event: VerifiedEvent
  readonly origin: Origin
  readonly done: (verdict: Verdict) => void
  readonly timer: NodeJS.Timeout
  readonly atMs: number
}

/** Of which one address may have half. */
const usualMaxWaiting = 2_000
/** So many events in a row unanswered, each asked half the timeout or more after the one before, and it hangs ... */
const usualPatience = 3
/** ... or takes long to begin: each restart that has brought no answer doubles that, up to about this time. */
const maxPatienceMs = 60_000

/**
 * Starts a program that speaks the protocol of strfry's plugins: a line of JSON for each event on its standard input, and on
 * its output a line with the event's id and what to do, in any order. Whatever fails, the event is refused (`error:`).
 */
export function startPolicyProgram(options: {
  command: readonly string[]
  timeoutMs: number
  maxWaiting?: number
  env: Readonly<Record<string, string | undefined>>
  /** Unix seconds. */
  now(): number
  pauses?: Pauses
  onNote(note: ProgramNote): void
}): PolicyProgram {
  const { timeoutMs, maxWaiting = usualMaxWaiting, now, onNote } = options
  const waiting = new Map<string, Asked>()
  const room = createFairShare(maxWaiting)
  /** Those of them that its input had no room for yet, in their order. */
  const unsent = new Set<Asked>()
  let patience = usualPatience
  let silences = 0
  /** Only events that were asked from then on may be one more. */
  let countedFromMs = 0
  let [timeouts, starts] = [0, 0]
  let closing = false

  const settle = (asked: Asked, verdict: Verdict) => {
    clearTimeout(asked.timer)
    waiting.delete(asked.event.id)
    room.giveBack(networkOf(asked.origin.ip), 1)
    unsent.delete(asked)
    try {
      asked.done(verdict)
    } catch (error) {
      onNote({ what: 'failed', error })
    }
  }

  const onLine = (line: string) => {
    const answer = parseAnswer(line)
    const asked = answer === null ? undefined : waiting.get(answer.id)
    if (answer === null || asked === undefined) return
    silences = 0
    countedFromMs = nowMs()
    patience = usualPatience
    child.isWell()
    settle(asked, verdictOf(answer))
  }

  const onTimeout = (id: string) => {
    const asked = waiting.get(id)
    if (asked === undefined) return
    timeouts++
    countSilence(asked.atMs)
    settle(asked, refusal('error: the policy program of this relay did not answer in time, try again later'))
  }

  /** Strangers may know an event that it never answers: one says little, and many at once say no more than one. */
  const countSilence = (atMs: number) => {
    if (!child.isRunning() || atMs < countedFromMs) return
    countedFromMs = atMs + timeoutMs / 2
    if (++silences < patience) return
    patience = Math.max(usualPatience, Math.min(maxPatienceMs / (timeoutMs / 2), patience * 2))
    onNote({ what: 'silent' })
    child.restart()
  }

  const send = () => {
    for (const asked of unsent) {
      if (!child.isReady()) return
      unsent.delete(asked)
      child.write(`${JSON.stringify(questionOf(asked.event, asked.origin, now()))}\n`)
    }
  }

  const child = startChild({
    ...options,
    onLine,
    onReady: send,
    onDown: isRestarted => {
      silences = 0
      countedFromMs = nowMs()
      unsent.clear()
      for (const asked of [...waiting.values()]) {
        // The next one is asked again, in the same order, and for no longer than they wait anyway.
        if (isRestarted) unsent.add(asked)
        else settle(asked, refusal(isDown))
      }
    },
    onNote: note => {
      if (note.what === 'started') starts++
      onNote(note)
    },
  })

  return {
    ask: (event, origin, done) => {
      if (closing || !child.isUp()) return done(refusal(isDown))
      const network = networkOf(origin.ip)
      if (!room.hasRoom(network, 1)) return done(refusal(tooBusy))
      room.take(network, 1)
      const timer = setTimeout(onTimeout, timeoutMs, event.id)
      const asked = { event, origin, done, timer, atMs: nowMs() }
      waiting.set(event.id, asked)
      unsent.add(asked)
      send()
    },
    state: () => ({
      isUp: !closing && child.isUp(),
      waiting: waiting.size,
      timeouts,
      restarts: Math.max(0, starts - 1),
    }),
    close: async () => {
      closing = true
      for (const asked of [...waiting.values()]) settle(asked, refusal(isDown))
      await child.close()
    },
  }
}

const nowMs = () => performance.now()
const isDown = 'error: the policy program of this relay does not run now, try again later'

function refusal(message: string): Verdict {
  return { action: 'refuse', message }
}

function questionOf(event: NostrEvent, { ip, source, authenticated }: Origin, receivedAt: number): object {
  const { id, pubkey, created_at, kind, tags, content, sig } = event
  // strfry knows one key for a connection; the author's own says most.
  const [authed] = authenticated.has(pubkey) ? [pubkey] : authenticated
  return {
    type: 'new',
    event: { id, pubkey, created_at, kind, tags, content, sig },
    receivedAt,
    ...sourceOf(ip, source),
    ...(authed === undefined ? {} : { authed }),
  }
}

function sourceOf(ip: string, source: Origin['source']): { sourceType: string; sourceInfo: string } {
  switch (source) {
    case 'client': {
      // An IPv4 address may come as `::ffff:192.0.2.1`.
      const isIp4 = !ip.includes(':') || ip.includes('.')
      return { sourceType: isIp4 ? 'IP4' : 'IP6', sourceInfo: isIp4 ? ip.slice(ip.lastIndexOf(':') + 1) : ip }
    }
    case 'import':
      return { sourceType: 'Import', sourceInfo: ip }
    case 'sync':
      return { sourceType: 'Sync', sourceInfo: ip }
    case 'bridge':
      return { sourceType: 'Stream', sourceInfo: ip }
    default: {
      const unknown: never = source
      throw new Error(`no such source ${String(unknown)}`)
    }
  }
}

type Answer = { readonly id: string; readonly action: unknown; readonly msg: unknown }

function parseAnswer(line: string): Answer | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    const { id, action, msg } = value as Record<string, unknown>
    return typeof id === 'string' ? { id, action, msg } : null
  } catch {
    return null
  }
}

const maxMessageLength = 500
/** NIP-01 and NIP-42. */
const prefix = /^(pow|blocked|rate-limited|invalid|restricted|mute|error|auth-required): /

function verdictOf({ action, msg }: Answer): Verdict {
  if (action === 'accept') return { action: 'accept' }
  if (action === 'shadowReject') return { action: 'shadow' }
  if (action !== 'reject') return refusal('error: the policy program of this relay failed at this event')
  const message = typeof msg === 'string' ? msg.slice(0, maxMessageLength) : ''
  if (message === '') return refusal('blocked: the policy of this relay refuses this event')
  return refusal(prefix.test(message) ? message : `blocked: ${message}`)
}

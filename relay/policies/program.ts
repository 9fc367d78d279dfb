import type { NostrEvent, VerifiedEvent } from '../event.ts'
import type { Origin } from '../host.ts'
import { type ChildNote, type Pauses, startChild } from './child.ts'

/** What the program decided, or what is decided without it. `shadow` is answered as accepted, and kept nowhere. */
export type Verdict =
  | { readonly action: 'accept' | 'shadow' }
  | { readonly action: 'refuse' /** With its NIP-01 prefix. */; readonly message: string }

/** What an operator should hear of a policy program. */
export type ProgramNote = ChildNote | { readonly what: 'silent' } | { readonly what: 'failed'; readonly error: unknown }

/** An operator's own program that has the last word on ordinary events. */
export type PolicyProgram = {
  /** `done` is called once: with what the program says, or with a refusal when it says nothing in time. Ids are not asked twice at once. */
  ask(event: VerifiedEvent, origin: Origin, done: (verdict: Verdict) => void): void
  /** How many events wait for its answer. */
  waiting(): number
  /** Ends it; events that wait are refused. */
  close(): Promise<void>
}

type Asked = {
  readonly event: VerifiedEvent
  readonly origin: Origin
  readonly done: (verdict: Verdict) => void
  readonly timer: NodeJS.Timeout
  /** How many answers there had been by then. */
  readonly answersBefore: number
}

const usualMaxWaiting = 1_000

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
  /** Those of them that its input had no room for yet, in their order. */
  const unsent = new Set<Asked>()
  let answers = 0
  let closing = false

  const settle = (asked: Asked, verdict: Verdict) => {
    clearTimeout(asked.timer)
    waiting.delete(asked.event.id)
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
    answers++
    child.isWell()
    settle(asked, verdictOf(answer))
  }

  const onTimeout = (id: string) => {
    const asked = waiting.get(id)
    if (asked === undefined) return
    // It may take long for one event; one that has answered none in that time hangs.
    if (answers === asked.answersBefore && child.isUp()) {
      onNote({ what: 'silent' })
      child.restart()
    }
    settle(asked, refusal('error: the policy program of this relay did not answer in time, try again later'))
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
    onDown: () => {
      for (const asked of [...waiting.values()]) settle(asked, refusal(isDown))
    },
  })

  return {
    ask: (event, origin, done) => {
      if (closing || !child.isUp()) return done(refusal(isDown))
      if (waiting.size >= maxWaiting) return done(refusal('rate-limited: the relay is too busy now, try again later'))
      const timer = setTimeout(onTimeout, timeoutMs, event.id)
      const asked = { event, origin, done, timer, answersBefore: answers }
      waiting.set(event.id, asked)
      unsent.add(asked)
      send()
    },
    waiting: () => waiting.size,
    close: async () => {
      closing = true
      for (const asked of [...waiting.values()]) settle(asked, refusal(isDown))
      await child.close()
    },
  }
}

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

import type { NostrEvent } from '../../relay/event.ts'
import type { Connection, Published } from './connection.ts'
import type { Outbound, Parcel } from './outbound.ts'
import type { Backoff } from './settings.ts'

/** Sends what waits for one relay. */
export type Delivery = {
  /** There is something to send, or a connection to send it on. */
  wake(): void
  /** Nothing waits, and nothing is under way. */
  isIdle(): boolean
  stop(): void
}

/** Why a parcel is given up that nobody has taken. */
export const tooOld = 'it waited too long'
const atOnce = 16
/** NIP-01 prefixes that another attempt would not change. Others may be the relay's trouble of the moment. */
const finalRefusal = /^(duplicate|blocked|invalid|pow|restricted|mute|replaced|deleted):/

/**
 * Makes the delivery to one relay. A parcel leaves the queue once the relay has it, has refused it for good, or it has
 * waited too long; a crash in between sends it again, which does no harm. What a relay could not take now waits, with what
 * is behind it going on, for a time that doubles.
 */
export function createDelivery(options: {
  relay: string
  outbound: Outbound
  connection(): Connection | null
  find(eventId: string): NostrEvent | undefined
  /** Runs in the writer's transaction; resolves once it is durable. */
  write(change: () => void): Promise<void>
  now(): number
  keepSeconds: number
  backoff: Backoff
  /** The relay leaves events without an answer. */
  silent(): void
  dropped(count: number, why: string): void
  onError(error: unknown): void
}): Delivery {
  const { relay, outbound, connection, find, write, now, keepSeconds, backoff, silent, dropped, onError } = options
  /** The number of the last parcel that was tried since the queue was begun from its front. */
  let tried = 0
  let busy = false
  let again = false
  let stopped = false
  /** The relay wants less at once: nothing new is sent before the next attempt. */
  let slowed = false
  let failures = 0
  let retry: NodeJS.Timeout | undefined

  const retryLater = () => {
    if (retry !== undefined || stopped) return
    const waitMs = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures++, 30))
    retry = setTimeout(() => {
      retry = undefined
      tried = 0
      slowed = false
      wake()
    }, waitMs)
    retry.unref()
  }

  /** Sends one page; says whether to go on with the next. */
  const sendPage = async (to: Connection, page: readonly Parcel[]): Promise<boolean> => {
    const answers = await Promise.all(page.map(parcel => send(to, parcel)))
    const gone = page.filter((_parcel, index) => answers[index]?.isFinal === true)
    if (gone.length > 0) await write(() => outbound.remove(relay, gone))
    for (const answer of answers) if (answer.dropped !== null) dropped(1, answer.dropped)
    if (gone.length === page.length) failures = 0
    else retryLater()
    if (answers.some(answer => answer.unanswered)) {
      silent()
      return false
    }
    tried = page.at(-1)?.number ?? tried
    slowed = answers.some(answer => answer.tooFast)
    return !slowed
  }

  const send = async (to: Connection, { eventId, at }: Parcel) => {
    if (now() - at > keepSeconds) return outcome({ isFinal: true, dropped: tooOld })
    const event = find(eventId)
    // Replaced by a newer one, which has a parcel of its own, or expired.
    if (event === undefined) return outcome({ isFinal: true })
    return outcomeOf(await to.publish(event))
  }

  const run = async () => {
    for (;;) {
      const to = connection()
      if (stopped || slowed || to === null) return
      const page = outbound.parcels(relay, tried, atOnce)
      if (page.length === 0) return
      if (!(await sendPage(to, page))) return
    }
  }

  const wake = () => {
    again = true
    if (busy || stopped) return
    busy = true
    void runWhileAsked()
  }

  const runWhileAsked = async () => {
    try {
      while (again && !stopped) {
        again = false
        await run()
      }
    } catch (error) {
      onError(error)
      retryLater()
    } finally {
      busy = false
    }
  }

  return {
    wake,
    isIdle: () => !busy && outbound.queued(relay) === 0,
    stop: () => {
      stopped = true
      clearTimeout(retry)
    },
  }
}

type Answer = { isFinal: boolean; unanswered: boolean; tooFast: boolean; dropped: string | null }

function outcome(answer: Partial<Answer>): Answer {
  return { isFinal: false, unanswered: false, tooFast: false, dropped: null, ...answer }
}

function outcomeOf(published: Published): Answer {
  switch (published.status) {
    case 'accepted':
      return outcome({ isFinal: true })
    case 'refused': {
      const { message } = published
      if (message.startsWith('rate-limited:')) return outcome({ tooFast: true })
      if (!finalRefusal.test(message)) return outcome({})
      return outcome({ isFinal: true, dropped: message.startsWith('duplicate:') ? null : message })
    }
    case 'unanswered':
      return outcome({ unanswered: true })
    default: {
      const unknown: never = published
      throw new Error(`no such answer ${JSON.stringify(unknown)}`)
    }
  }
}

/** What came of a synchronisation. */
export type SyncReport = {
  /** Events that were given and kept. */
  readonly received: number
  /** Events that were given though they were here; they may have come in meanwhile. */
  readonly duplicates: number
  readonly notReceived: number
  /** Events that the other side took. */
  readonly sent: number
  readonly notSent: number
  /** Why events were not received or sent. */
  readonly reasons: readonly { readonly way: Way; readonly reason: string; readonly count: number }[]
  /** How the differences were found; `pages`: by asking for everything, since the other side has no NIP-77. */
  readonly method: 'negentropy' | 'pages' | null
  /** Messages of reconciliation that were sent, and bytes of all kinds. */
  readonly rounds: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** What it was busy with last: events from this time on, or up to this one, are done with. */
  readonly reached: number | null
  /** What the other side said instead of NIP-77, so that it was given nothing though it was to be, or `null`. */
  readonly unsent: string | null
  /** Why it ended early, or `null`. */
  readonly stopped: string | null
}

export type Way = 'received' | 'sent'

/** Counts what a synchronisation comes to. */
export type SyncTally = {
  received(): void
  duplicate(): void
  sent(): void
  skip(way: Way, reason: string, count?: number): void
  method(method: 'negentropy' | 'pages'): void
  round(): void
  bytes(bytesIn: number, bytesOut: number): void
  reached(time: number | null): void
  unsent(reason: string): void
  stop(reason: string): void
  report(): SyncReport
}

/** Messages of the other side are among the reasons, and it may make up new ones without end. */
const maxReasons = 50
const maxReasonLength = 120
const others = 'other reasons'

/** Makes the tally. */
export function createSyncTally(): SyncTally {
  const reasons = new Map<string, { way: Way; reason: string; count: number }>()
  const counts = { received: 0, duplicates: 0, notReceived: 0, sent: 0, notSent: 0, rounds: 0, bytesIn: 0, bytesOut: 0 }
  let method: SyncReport['method'] = null
  let reached: number | null = null
  let unsent: string | null = null
  let stopped: string | null = null
  return {
    received: () => {
      counts.received++
    },
    duplicate: () => {
      counts.duplicates++
    },
    sent: () => {
      counts.sent++
    },
    skip: (way, reason, count = 1) => {
      if (way === 'received') counts.notReceived += count
      else counts.notSent += count
      const known = `${way} ${reason}`
      const key = reasons.has(known) || reasons.size < maxReasons ? known : `${way} ${others}`
      const entry = reasons.get(key) ?? { way, reason: key === known ? reason : others, count: 0 }
      reasons.set(key, entry)
      entry.count += count
    },
    method: found => {
      method = found
    },
    round: () => {
      counts.rounds++
    },
    bytes: (bytesIn, bytesOut) => {
      counts.bytesIn += bytesIn
      counts.bytesOut += bytesOut
    },
    reached: time => {
      reached = time
    },
    unsent: reason => {
      unsent = reason
    },
    stop: reason => {
      stopped ??= reason
    },
    report: () => ({
      ...counts,
      reasons: [...reasons.values()].map(entry => ({ ...entry })).sort((a, b) => b.count - a.count),
      method,
      reached,
      unsent,
      stopped,
    }),
  }
}

/** What the other side said, as a short line without anything that would steer a terminal. */
export function quoted(text: unknown): string {
  if (typeof text !== 'string') return 'no reason given'
  return text
    .slice(0, maxReasonLength)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, ' ')
    .trim()
}

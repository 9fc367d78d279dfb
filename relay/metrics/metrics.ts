import { Histogram } from 'prom-client'
import type { PolicySettings } from '../policies/settings.ts'

/**
 * What the relay counts, as plain numbers: they are added to for every event, so nothing is looked up by label there.
 * `exposeRelay` reads them when somebody asks.
 */
export type RelayMetrics = {
  /** Events by what became of them; `applied` and `answered` are the application's, `shadowed` went nowhere. */
  readonly events: Record<'stored' | 'duplicate' | 'ephemeral' | 'answered' | 'applied' | 'shadowed', number>
  readonly eventsRefused: ByPrefix
  /** Of these, the ones that the operator's policies or program refused, by which of them did. */
  readonly policyRefusals: Record<PolicySettings['type'] | 'program', number>
  /** AUTH answered OK false. */
  readonly authRefused: ByPrefix
  readonly messages: Record<(typeof verbs)[number], number>
  /** CLOSED and NEG-ERR. */
  readonly requestsRefused: ByPrefix
  /** NOTICEs sent. */
  notices: number
  readonly connections: {
    opened: number
    /** By HTTP status: 429 for an address that has too many, 503 when there are too many in all. */
    readonly refused: { 403: number; 429: number; 503: number }
    readonly closed: Record<CloseReason, number>
  }
  /** Of connections that are closed; those of open ones are with their sockets. */
  bytesIn: number
  bytesOut: number
  /** Live events sent to subscriptions. */
  delivered: number
  /** Stored events sent in answer to queries. */
  sentFromStore: number
  /** Messages that have been read and wait for their turn of the event loop. */
  messagesWaiting: number
  /** Reconciliations (NIP-77) open, loaded or not. */
  reconciliations: number
  queriesUnderWay: number
  /** Of these, how many wait for their turn of the event loop. */
  queriesWaiting: number
  /** From REQ to EOSE, waiting for a client that does not read included. */
  readonly querySeconds: Histogram
  /** Clients that are so far behind with reading that nothing more is sent to them. */
  readersPaused: number
  pauses: number
  /** Bytes of events that wait for the disk. */
  pendingBytes: number
  verifications: number
  badSignatures: number
  /** Events removed because they had expired. */
  expired: number
  /** Events removed because their key has vanished or is banned. */
  removed: number
  /** Events removed for their age (retention). */
  outdated: number
  /** Events removed by the operator's tools. */
  deleted: number
}

/** What the writer counts. */
export type WriterMetrics = {
  readonly tasks: Histogram
  /** Until all tasks of a transaction have run, and from there until it is on the disk. */
  readonly runSeconds: Histogram
  readonly flushSeconds: Histogram
  failures: number
}

/** Why a connection ended: `client` when the relay had no part in it. */
export type CloseReason =
  | 'client'
  | 'nonsense'
  | 'protocol'
  | 'unread-bytes'
  | 'unread-time'
  | 'no-pong'
  | 'idle'
  | 'operator'
  | 'stopping'

/** A count for each prefix of NIP-01, NIP-42 and NIP-77; what begins otherwise is `other`. */
export type ByPrefix = Record<(typeof prefixes)[number], number>

const verbs = ['EVENT', 'REQ', 'CLOSE', 'AUTH', 'COUNT', 'NEG-OPEN', 'NEG-MSG', 'NEG-CLOSE', 'other'] as const
const prefixes = [
  'duplicate',
  'pow',
  'blocked',
  'rate-limited',
  'invalid',
  'restricted',
  'mute',
  'error',
  'auth-required',
  'unsupported',
  'closed',
  'other',
] as const
const reasons: readonly CloseReason[] = [
  'client',
  'nonsense',
  'protocol',
  'unread-bytes',
  'unread-time',
  'no-pong',
  'idle',
  'operator',
  'stopping',
]

/** Makes the counters of a relay, all at zero and known to no registry. */
export function createRelayMetrics(): RelayMetrics {
  return {
    events: { stored: 0, duplicate: 0, ephemeral: 0, answered: 0, applied: 0, shadowed: 0 },
    eventsRefused: zeros(prefixes),
    policyRefusals: {
      'allow-authors': 0,
      'deny-authors': 0,
      'allow-kinds': 0,
      'deny-kinds': 0,
      rate: 0,
      pow: 0,
      members: 0,
      tags: 0,
      words: 0,
      any: 0,
      all: 0,
      program: 0,
    },
    authRefused: zeros(prefixes),
    messages: zeros(verbs),
    requestsRefused: zeros(prefixes),
    notices: 0,
    connections: { opened: 0, refused: { 403: 0, 429: 0, 503: 0 }, closed: zeros(reasons) },
    bytesIn: 0,
    bytesOut: 0,
    delivered: 0,
    sentFromStore: 0,
    messagesWaiting: 0,
    reconciliations: 0,
    queriesUnderWay: 0,
    queriesWaiting: 0,
    querySeconds: histogram('relay_query_seconds', 'From a REQ to its EOSE.', secondsBuckets),
    readersPaused: 0,
    pauses: 0,
    pendingBytes: 0,
    verifications: 0,
    badSignatures: 0,
    expired: 0,
    removed: 0,
    outdated: 0,
    deleted: 0,
  }
}

/** Makes the counters of a writer. */
export function createWriterMetrics(): WriterMetrics {
  return {
    tasks: histogram('relay_writer_tasks', 'Tasks in a transaction.', [1, 3, 10, 30, 100, 300, 1_000]),
    runSeconds: histogram('relay_writer_run_seconds', 'Until all tasks of a transaction have run.', secondsBuckets),
    flushSeconds: histogram('relay_writer_flush_seconds', 'From there until it is on the disk.', secondsBuckets),
    failures: 0,
  }
}

/** Counts a message of a client by its verb. */
export function countMessage({ messages }: RelayMetrics, verb: unknown): void {
  if (typeof verb === 'string' && isKeyOf(messages, verb)) messages[verb]++
  else messages.other++
}

/** Counts a refusal by the machine-readable prefix of its message. */
export function countRefusal(counts: ByPrefix, message: unknown): void {
  const prefix = typeof message === 'string' ? message.slice(0, Math.max(0, message.indexOf(':'))) : ''
  if (isKeyOf(counts, prefix)) counts[prefix]++
  else counts.other++
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

function histogram(name: string, help: string, buckets: number[]): Histogram {
  return new Histogram({ name, help, buckets, registers: [] })
}

function zeros<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map(key => [key, 0])) as Record<Key, number>
}

function isKeyOf<Key extends string>(counts: Record<Key, number>, key: string): key is Key {
  return Object.hasOwn(counts, key)
}

import type { Traffic } from '../connection/connection.ts'
import type { Relay, RelayStats } from '../relay.ts'
import type { Writer } from '../store/writer.ts'
import { byLabel, type Exposition } from './exposition.ts'
import type { RelayMetrics, WriterMetrics } from './metrics.ts'

/** Exposes what a relay and its writer have counted, and how much they have to do now. */
export function exposeRelay(
  exposition: Exposition,
  parts: {
    relay: Pick<Relay, 'stats' | 'traffic'>
    metrics: RelayMetrics
    writer: Pick<Writer, 'queued' | 'isBroken'>
    writerMetrics: WriterMetrics
  },
): void {
  const { relay, metrics, writer, writerMetrics } = parts
  const { connections } = metrics
  const traffic = oncePerScrape(relay.traffic)
  const counter = (name: string, help: string, read: () => number) => exposition.counter({ name, help }, read)
  const gauge = (name: string, help: string, read: () => number) => exposition.gauge({ name, help }, read)
  const counters = (name: string, help: string, label: string, counts: Readonly<Record<string, number>>) =>
    exposition.counter({ name, help, labels: [label] }, () => byLabel(counts))

  counters('relay_events_total', 'Events taken in.', 'outcome', metrics.events)
  counters('relay_events_refused_total', 'Events answered OK false.', 'prefix', metrics.eventsRefused)
  counters('relay_policy_refusals_total', "Of these, by the operator's policies.", 'policy', metrics.policyRefusals)
  counters('relay_auth_refused_total', 'AUTH answered OK false.', 'prefix', metrics.authRefused)
  counters('relay_messages_total', 'Messages of clients.', 'verb', metrics.messages)
  counters('relay_requests_refused_total', 'CLOSED and NEG-ERR.', 'prefix', metrics.requestsRefused)
  counters('relay_connections_refused_total', 'Handshakes refused.', 'status', connections.refused)
  counters('relay_connections_closed_total', 'Websockets closed.', 'reason', connections.closed)
  counter('relay_connections_opened_total', 'Websockets opened.', () => connections.opened)
  counter('relay_bytes_in_total', 'Bytes read from websockets.', () => traffic().bytesIn)
  counter('relay_bytes_out_total', 'Bytes that websockets took.', () => traffic().bytesOut)
  counter('relay_events_delivered_total', 'Live events sent.', () => metrics.delivered)
  counter('relay_events_sent_from_store_total', 'Stored events sent.', () => metrics.sentFromStore)
  counter('relay_reader_pauses_total', 'Times that a client fell behind with reading.', () => metrics.pauses)
  counter('relay_verifications_total', 'Signatures checked.', () => metrics.verifications)
  counter('relay_bad_signatures_total', 'Signatures that were wrong.', () => metrics.badSignatures)
  counter('relay_events_removed_total', 'Events removed for keys that vanished or were banned.', () => metrics.removed)
  counter('relay_events_expired_total', 'Expired events removed.', () => metrics.expired)
  counter('relay_events_outdated_total', 'Events removed by retention.', () => metrics.outdated)
  counter('relay_events_deleted_total', 'Events removed by the tools of the operator.', () => metrics.deleted)
  counter('relay_notices_total', 'NOTICEs sent.', () => metrics.notices)
  counter('relay_writer_failures_total', 'Transactions that failed.', () => writerMetrics.failures)

  gauge('relay_connections', 'Websockets open.', () => relay.stats().connections)
  gauge('relay_subscriptions', 'Subscriptions open.', () => relay.stats().subscriptions)
  gauge('relay_messages_waiting', 'Messages read that wait for their turn.', () => metrics.messagesWaiting)
  gauge('relay_queries_under_way', 'REQs before their EOSE, and COUNTs.', () => metrics.queriesUnderWay)
  gauge('relay_queries_waiting', 'Queries that wait for their turn.', () => metrics.queriesWaiting)
  gauge('relay_readers_paused', 'Clients that are behind with reading.', () => metrics.readersPaused)
  gauge('relay_unread_bytes', 'Bytes that clients have not taken yet.', () => traffic().unreadBytes)
  gauge('relay_pending_bytes', 'Bytes of events that wait for the disk.', () => metrics.pendingBytes)
  gauge('relay_unverified_events', 'Events whose signature is to be checked.', () => relay.stats().unverified)
  gauge(
    'relay_undelivered_events',
    'Events that are still to be handed to live subscriptions.',
    () => relay.stats().undelivered,
  )
  gauge('relay_unjudged_events', 'Events that wait for the policy program.', () => relay.stats().unjudged)
  gauge('relay_reconciliations', 'Reconciliations open.', () => metrics.reconciliations)
  gauge('relay_reconciled_events', 'Events that reconciliations hold in memory.', () => relay.stats().reconciled)
  gauge('relay_search_indexing', '1 while the index of words is being made.', () => (relay.stats().isIndexing ? 1 : 0))
  gauge('relay_removals_pending', 'Keys that vanished or were banned and still have events here.', () => {
    return relay.stats().removalsPending
  })
  gauge('relay_writer_queued', 'Tasks that wait for a transaction.', () => writer.queued())
  gauge('relay_writer_broken', '1 after a sync of the disk has failed, or when what was durable is gone.', () =>
    writer.isBroken() ? 1 : 0,
  )

  exposeProgram(exposition, () => relay.stats().program)
  exposition.histogram(metrics.querySeconds)
  exposition.histogram(writerMetrics.tasks)
  exposition.histogram(writerMetrics.runSeconds)
  exposition.histogram(writerMetrics.flushSeconds)
}

/** Says nothing where there is no policy program. */
function exposeProgram({ counter, gauge }: Exposition, state: () => RelayStats['program']): void {
  const read = (value: (of: NonNullable<RelayStats['program']>) => number) => () => {
    const found = state()
    return found === null ? [] : value(found)
  }
  gauge(
    { name: 'relay_policy_program_up', help: '1 while the policy program runs.' },
    read(({ isUp }) => (isUp ? 1 : 0)),
  )
  counter(
    { name: 'relay_policy_program_restarts_total', help: 'Starts of the policy program after the first.' },
    read(({ restarts }) => restarts),
  )
  counter(
    { name: 'relay_policy_program_timeouts_total', help: 'Events that the policy program left unanswered.' },
    read(({ timeouts }) => timeouts),
  )
}

/** Looking at every connection once is enough: all metrics of a scrape are read on one turn. */
function oncePerScrape(read: () => Traffic): () => Traffic {
  let seen: Traffic | null = null
  return () => {
    if (seen !== null) return seen
    queueMicrotask(() => {
      seen = null
    })
    seen = read()
    return seen
  }
}

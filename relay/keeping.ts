import { wholeSpan } from './connection/page.ts'
import { createDeleting, type Deleted } from './deleting.ts'
import { encodeEvent, kindClass, type NostrEvent } from './event.ts'
import { createFairShare } from './fair-share.ts'
import type { Applied, Host } from './host.ts'
import type { InFlight } from './in-flight.ts'
import type { Limits } from './limits.ts'
import { countRefusal, type RelayMetrics } from './metrics/metrics.ts'
import type { WireEvent } from './signatures/wire-event.ts'
import { type Prepared, prepare } from './store/prepared.ts'
import { type RecordView, recordJson } from './store/record.ts'
import type { EventStore, Stored } from './store/store.ts'
import { vanishKind } from './store/vanished.ts'
import type { Outcome, Writer } from './store/writer.ts'
import { type Done, duplicate, refuse, type Submitted, storageFault, tooBusy } from './submitted.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Vanishing } from './vanish.ts'

/** Writes events and, once they are durable, delivers them. `network` says whose they are, for everybody to have their share. */
export type Keeping = {
  /** Delivers an event that may come in if it is ephemeral, else stores it. */
  keep(wire: WireEvent, network: string, done: Done): void
  /** Has the application do what it does for one of its own events. */
  apply(id: string, network: string, apply: () => Applied, done: Done): void
  applyLocally(apply: () => Applied, done: (outcome: Outcome<Applied>) => void): void
  /** Delivers an event that is kept nowhere. */
  publish(event: NostrEvent, network: string): void
  /** Counts bytes among those that wait for the disk, unless there are too many. */
  reserve(network: string, bytes: number): boolean
  release(network: string, bytes: number): void
}

type StoredEvent = { readonly event: NostrEvent; readonly seq: number; readonly record: RecordView }
/** What a transaction did for an event: the answer, and what is to be delivered. */
type Written = { readonly applied: Applied; readonly stored: readonly StoredEvent[] }

/** An event that is waited for, and what it counts as. */
type Counted = { readonly id: string; readonly network: string; readonly counted: 'applied' | 'stored' }

/** In place of a network's, for what the application does by itself. */
const ownNetwork = ''

/** Makes it, over the one writer. */
export function createKeeping(options: {
  store: EventStore
  subscriptions: Subscriptions
  writer: Writer
  host: Pick<Host, 'isProtected'>
  limits: Limits
  vanishing: Vanishing
  inFlight: InFlight
  /** Why an event may not come in whose author has been banned since it came, or `null`. */
  barred(event: NostrEvent): string | null
  /** Told when a request to vanish is durable. */
  onVanish(): void
  metrics: RelayMetrics
  onError(error: unknown): void
}): Keeping {
  const { store, subscriptions, writer, host, limits, vanishing, inFlight, barred, onVanish, metrics, onError } =
    options
  const deleting = createDeleting({ store, writer, isProtected: host.isProtected, barred })
  const pendingBytes = createFairShare(limits.maxPendingBytes)

  const reserve = (network: string, bytes: number): boolean => {
    if (!pendingBytes.hasRoom(network, bytes)) return false
    pendingBytes.take(network, bytes)
    metrics.pendingBytes = pendingBytes.taken()
    return true
  }

  const release = (network: string, bytes: number) => {
    pendingBytes.giveBack(network, bytes)
    metrics.pendingBytes = pendingBytes.taken()
  }

  const keep = (wire: WireEvent, network: string, done: Done) => {
    const { event } = wire
    if (kindClass(event.kind) === 'ephemeral') {
      if (store.vanished.covers(event, wire.pubkey)) return done(refuse(metrics, messages.vanished))
      publish(event, network)
      metrics.events.ephemeral++
      return done({ accepted: true, message: '', delivered: [] })
    }
    const prepared = prepare(wire, store.searchedKinds())
    const bytes = prepared.record.length
    if (!reserve(network, bytes)) return done(refuse(metrics, tooBusy))
    const what: Counted = { id: event.id, network, counted: 'stored' }
    const written = whenWritten(what, releasing(what, bytes, event.kind === vanishKind, done))
    if (event.kind !== 5) {
      return writer.submit({ lane: 'events', run: () => storeOrdinary(prepared), done: written })
    }
    deleting(prepared, outcome => {
      written(outcome.ok ? { ok: true, value: writtenAs(prepared, outcome.value) } : outcome)
    })
  }

  /** Made apart: what an event was prepared for is let go of while the disk is waited for. */
  const releasing =
    ({ network }: Counted, bytes: number, isVanishing: boolean, done: Done): Done =>
    outcome => {
      release(network, bytes)
      if (isVanishing) onVanish()
      done(outcome)
    }

  const storeOrdinary = (prepared: Prepared): Written => {
    const { event } = prepared
    const put = store.putPrepared(prepared)
    if (put.status === 'stored' && vanishing.isRequest(event)) vanishing.apply(prepared)
    return writtenAs(prepared, put)
  }

  /** What is to be done once the writer is done with an event. */
  const whenWritten = ({ id, network, counted }: Counted, done: Done): ((outcome: Outcome<Written>) => void) => {
    const answer = inFlight.begin(id, done)
    return outcome => {
      if (!outcome.ok) {
        onError(outcome.error)
        return answer(refuse(metrics, storageFault))
      }
      const { accepted, message, deliver } = outcome.value.applied
      countOutcome(metrics, outcome.value.applied, counted)
      try {
        finish(outcome.value, network)
      } finally {
        // A fault after durability changes nothing about the event, and others may wait for its OK.
        answer({ accepted, message, delivered: deliver })
      }
    }
  }

  const putAll = (applied: Applied): Written => {
    const stored: StoredEvent[] = []
    const putEach = (events: readonly NostrEvent[], kept: boolean) => {
      for (const event of events) {
        const put = store.put(event, kept)
        if (put.status === 'stored') stored.push({ event, seq: put.seq, record: put.record })
      }
    }
    putEach(applied.store, true)
    putEach(applied.storeUntilExpired ?? [], false)
    return { applied, stored }
  }

  /** After durability: subscribers first hear of what is stored, then of what is not kept. */
  const finish = ({ applied, stored }: Written, network: string) => {
    store.forgetRemoved()
    for (const { event, seq, record } of stored) {
      store.markDelivered(seq, record)
      subscriptions.publish(event, recordJson(record), network)
    }
    for (const event of applied.deliver) publish(event, network)
    applied.committed?.()
  }

  const publish = (event: NostrEvent, network: string) => {
    if (subscriptions.count() > 0) subscriptions.publish(event, wholeSpan(Buffer.from(encodeEvent(event))), network)
  }

  return {
    keep,
    apply: (id, network, apply, done) => {
      const written = whenWritten({ id, network, counted: 'applied' }, done)
      writer.submit({ lane: 'first', run: () => putAll(apply()), done: written })
    },
    applyLocally: (apply, done) => {
      writer.submit<Written>({
        lane: 'first',
        run: () => putAll(apply()),
        done: outcome => {
          if (!outcome.ok) return done(outcome)
          finish(outcome.value, ownNetwork)
          done({ ok: true, value: outcome.value.applied })
        },
      })
    },
    publish,
    reserve,
    release,
  }
}

/** Counts what came of an event that was not refused on its way. */
export function countOutcome(
  metrics: RelayMetrics,
  { accepted, message }: Pick<Submitted, 'accepted' | 'message'>,
  done: 'applied' | 'stored',
): void {
  if (!accepted) countRefusal(metrics.eventsRefused, message)
  else if (message.startsWith('duplicate:')) metrics.events.duplicate++
  else metrics.events[done]++
}

function writtenAs({ event }: Prepared, put: Deleted): Written {
  const accepted = put.status === 'stored' || put.status === 'duplicate'
  const message = put.status === 'barred' ? put.message : messages[put.status]
  const applied: Applied = { accepted, message, store: [], deliver: [] }
  return { applied, stored: put.status === 'stored' ? [{ event, seq: put.seq, record: put.record }] : [] }
}

const messages = {
  stored: '',
  duplicate,
  superseded: 'invalid: there is a newer version of this event',
  deleted: 'blocked: the author has deleted this event',
  vanished: 'blocked: its author, or whom it is for, has vanished from this relay',
} as const satisfies Record<Stored['status'], string>

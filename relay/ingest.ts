import { submitAfterBlind } from './after-blind.ts'
import { authKind } from './auth.ts'
import { createDeletionsUnderWay } from './deletions-under-way.ts'
import { encodeEvent, kindClass, type NostrEvent, type VerifiedEvent } from './event.ts'
import type { Admission, Applied, Host, Origin } from './host.ts'
import type { Limits } from './limits.ts'
import { countRefusal, type RelayMetrics } from './metrics.ts'
import { wholeSpan } from './page.ts'
import type { Policy } from './policies/policy.ts'
import type { PolicyProgram } from './policies/program.ts'
import { type Prepared, prepare } from './prepared.ts'
import { protectionFault } from './protected.ts'
import { expirationOf, type RecordView, recordJson } from './record.ts'
import type { EventStore, Stored } from './store.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Vanishing } from './vanish.ts'
import { vanishKind } from './vanished.ts'
import type { Verifier } from './verifier.ts'
import { hasRightId, parseEvent } from './verify.ts'
import type { Outcome, Writer } from './writer.ts'

/** What came of an event: the OK's two fields, and what was delivered in answer to it. */
export type Submitted = {
  readonly accepted: boolean
  readonly message: string
  readonly delivered: readonly NostrEvent[]
}

/** The way of an event from the wire to disk and to subscribers. */
export type Ingester = {
  submit(event: unknown, origin: Origin, done: (outcome: Submitted) => void): void
  applyLocally(apply: () => Applied, done: (outcome: Outcome<Applied>) => void): void
}

type Done = (outcome: Submitted) => void
type StoredEvent = { readonly event: NostrEvent; readonly seq: number; readonly record: RecordView }
type Written = { readonly applied: Applied; readonly stored: readonly StoredEvent[] }

/** Events whose signature is still to be checked; a check takes 60 µs. */
const maxUnverified = 8_192
const tooBusy = 'rate-limited: the relay is too busy now, try again later'
/** What the OK of an event says whose signature was checked in vain. */
export const wrongSignature = 'invalid: the signature is not of this author'
const storageFault = 'error: the relay could not store this now, try again later'

/** Makes the ingester. Each stage is cheaper than the next: shape, id, duplicates, signature, host, policies, disk. */
export function createIngester(options: {
  store: EventStore
  subscriptions: Subscriptions
  writer: Writer
  verifier: Verifier
  host: Host
  limits: Limits
  vanishing: Vanishing
  /** Told when a request to vanish is durable. */
  onVanish(): void
  /** What an operator has banned (NIP-86), from wherever it comes: the message to refuse it with, or `null`. */
  barred?: ((event: NostrEvent) => string | null) | undefined
  /** Answers requests to join and to leave (NIP-43), or `undefined` for all other events. */
  admitFirst?: ((event: VerifiedEvent, origin: Origin) => Admission | undefined) | undefined
  policy?: Policy | undefined
  program?: PolicyProgram | undefined
  metrics: RelayMetrics
  now(): number
  onError(error: unknown): void
}): Ingester {
  const {
    store,
    subscriptions,
    writer,
    verifier,
    host,
    limits,
    vanishing,
    onVanish,
    barred = () => null,
    admitFirst = () => undefined,
    policy = takeAll,
    program,
    metrics,
    now,
    onError,
  } = options
  /** Events under way, with all who wait for their OK: a duplicate is answered when the first is durable. */
  const inFlight = new Map<string, Done[]>()
  const deletions = createDeletionsUnderWay()
  let pendingBytes = 0

  const submit: Ingester['submit'] = (value, origin, done) => {
    const parsed = parseEvent(value, limits)
    if (!parsed.ok) return done(refusal(`invalid: ${parsed.reason}`))
    const { event } = parsed
    if (!hasRightId(event)) return done(refusal('invalid: the id is not the hash of this event'))
    const known = knownOutcome(event.id, done)
    if (known !== undefined) return known === 'waits' ? undefined : done(known)
    if (event.kind === authKind) return done(refusal('invalid: authentication goes in AUTH, not in EVENT'))
    if (verifier.pending() >= maxUnverified) return done(refusal(tooBusy))
    metrics.verifications++
    verifier.verify(event, verified => {
      if (verified === null) {
        metrics.badSignatures++
        return done(refusal(wrongSignature))
      }
      // A copy of it may have come in meanwhile; one whose signature is wrong must not stand for it.
      const known = knownOutcome(event.id, done)
      if (known === undefined) dispatch(verified, origin, done)
      else if (known !== 'waits') done(known)
    })
  }

  const knownOutcome = (id: string, done: Done): Submitted | 'waits' | undefined => {
    // What a broken disk holds is not known, and a duplicate of it would be acknowledged without being durable.
    if (writer.isBroken()) return refusal(storageFault)
    const waiting = inFlight.get(id)
    if (waiting !== undefined) {
      waiting.push(({ accepted, message }) => {
        if (accepted) metrics.events.duplicate++
        else countRefusal(metrics.eventsRefused, message)
        done({ accepted, message: accepted && message === '' ? duplicate : message, delivered: [] })
      })
      return 'waits'
    }
    if (store.has(id)) {
      metrics.events.duplicate++
      return { accepted: true, message: duplicate, delivered: [] }
    }
    const dealtWith = host.known(id)
    if (dealtWith === undefined) return undefined
    count(dealtWith, 'applied')
    return { ...dealtWith, delivered: [] }
  }

  const dispatch = (event: VerifiedEvent, origin: Origin, done: Done) => {
    const admission = admitFirst(event, origin) ?? admit(event, origin)
    switch (admission.kind) {
      case 'refuse':
        return done(refusal(admission.message))
      case 'answer':
        for (const answer of admission.deliver) publish(answer)
        metrics.events.answered++
        return done({ accepted: true, message: '', delivered: admission.deliver })
      case 'apply':
        return writer.submit<Written>({
          lane: 'first',
          run: () => putAll(admission.apply()),
          done: whenWritten(event.id, 'applied', done),
        })
      case 'store': {
        // Whoever wants to vanish may say so, whatever there is against its events (NIP-62).
        const isVanishing = vanishing.isRequest(event)
        const bar = isVanishing ? null : barred(event)
        if (bar !== null) return done(refusal(bar))
        if (origin.source === 'import') {
          const unfit = importFault(event)
          return unfit === null ? keep(event, done) : done(refusal(unfit))
        }
        const unfit = origin.source === 'sync' ? syncFault(event, origin) : ordinaryFault(event, origin)
        const fault = unfit ?? (isVanishing ? null : policyFault(event, origin))
        if (fault !== null) return done(refusal(fault))
        if (program === undefined || isVanishing) return keep(event, done)
        return askProgram(program, event, origin, done)
      }
      default: {
        const unknown: never = admission
        throw new Error(`no such admission ${JSON.stringify(unknown)}`)
      }
    }
  }

  /** Delivers an ordinary event if it is ephemeral, else stores it. */
  const keep = (event: VerifiedEvent, done: Done) => {
    if (kindClass(event.kind) === 'ephemeral') {
      if (store.vanished.covers(event, Buffer.from(event.pubkey, 'hex'))) return done(refusal(messages.vanished))
      publish(event)
      metrics.events.ephemeral++
      return done({ accepted: true, message: '', delivered: [] })
    }
    const prepared = prepare(event, store.searchedKinds())
    const bytes = prepared.record.length
    if (!reserve(bytes)) return done(refusal(tooBusy))
    const isPlain = !deletions.mayConcern(event) && store.isPlain(prepared)
    deletions.begin(event)
    const written = whenWritten(event.id, 'stored', outcome => {
      release(bytes)
      deletions.end(event)
      if (event.kind === vanishKind) onVanish()
      done(outcome)
    })
    if (isPlain) writer.submitBlind({ write: () => storedNow(prepared, store.putBlind(prepared)), done: written })
    else if (event.kind === 5 || event.kind === vanishKind) {
      // What came before it is stored before it, though there may be more of that than one transaction takes.
      submitAfterBlind(writer, { lane: 'events', run: () => storeOrdinary(prepared), done: written })
    } else writer.submit({ lane: 'events', run: () => storeOrdinary(prepared), done: written })
  }

  /** Keeps the event if the program agrees. Until it answers, others who send the event wait, and nobody else. */
  const askProgram = (asked: PolicyProgram, event: VerifiedEvent, origin: Origin, done: Done) => {
    const bytes = encodeEvent(event).length
    if (!reserve(bytes)) return done(refusal(tooBusy))
    const waiting = [done]
    inFlight.set(event.id, waiting)
    const answer = (outcome: Submitted) => {
      for (const tell of waiting) tell(outcome)
    }
    asked.ask(event, origin, verdict => {
      release(bytes)
      inFlight.delete(event.id)
      if (verdict.action === 'accept') {
        // It may have been banned while the program thought about it.
        const bar = barred(event)
        return bar === null ? keep(event, answer) : answer(refusal(bar))
      }
      if (verdict.action === 'refuse') return answer(refusal(verdict.message))
      metrics.events.shadowed++
      answer({ accepted: true, message: '', delivered: [] })
    })
  }

  /** Counts an event's bytes among those that wait, unless there are too many. */
  const reserve = (bytes: number): boolean => {
    if (pendingBytes + bytes > limits.maxPendingBytes) return false
    pendingBytes += bytes
    metrics.pendingBytes = pendingBytes
    return true
  }

  const release = (bytes: number) => {
    pendingBytes -= bytes
    metrics.pendingBytes = pendingBytes
  }

  /** The host's word; a fault of the host is answered, so that nobody waits for an OK. */
  const admit = (event: VerifiedEvent, origin: Origin): Admission => {
    try {
      return host.admit(event, origin)
    } catch (error) {
      onError(error)
      return { kind: 'refuse', message: 'error: the relay failed at this event' }
    }
  }

  /** The operator's word; a fault in it is answered like one of the host. */
  const policyFault = (event: VerifiedEvent, origin: Origin): string | null => {
    try {
      return policy(event, origin)
    } catch (error) {
      onError(error)
      return 'error: the relay failed at this event'
    }
  }

  /** What the NIPs ask of an event that the application has no say in. */
  const ordinaryFault = (event: NostrEvent, origin: Origin): string | null => {
    const time = now()
    const expiration = expirationOf(event)
    if (expiration > 0 && expiration <= time) return expired
    if (event.created_at > time + limits.createdAtAheadSeconds) return 'invalid: created_at is too far in the future'
    const isEphemeral = kindClass(event.kind) === 'ephemeral'
    const behindSeconds = isEphemeral ? limits.ephemeralBehindSeconds : limits.createdAtBehindSeconds
    if (event.created_at < time - behindSeconds) return 'invalid: created_at is too long ago'
    return protectionFault(event, origin.authenticated)
  }

  /** What an operator brings in has been let in by a relay before, in its time and from its author. */
  const importFault = (event: NostrEvent): string | null => {
    const expiration = expirationOf(event)
    if (expiration > 0 && expiration <= now()) return expired
    return kindClass(event.kind) === 'ephemeral' ? 'invalid: ephemeral events are not stored' : null
  }

  /** The same for what another relay has taken in, which need not have been its author's to spread. */
  const syncFault = (event: NostrEvent, origin: Origin): string | null =>
    importFault(event) ?? protectionFault(event, origin.authenticated)

  const storeOrdinary = (prepared: Prepared): Written => {
    const { event } = prepared
    const put = store.putPrepared(prepared)
    if (put.status === 'stored' && event.kind === 5) store.applyDeletion(event, host.isProtected)
    if (put.status === 'stored' && vanishing.isRequest(event)) vanishing.apply(prepared)
    return storedNow(prepared, put)
  }

  /** What is to be done once the writer is done with an event. Who sends the same event meanwhile waits for it too. */
  const whenWritten = (
    id: string,
    counted: 'applied' | 'stored',
    done: Done,
  ): ((outcome: Outcome<Written>) => void) => {
    inFlight.set(id, [done])
    const answer = (outcome: Submitted) => {
      const waiting = inFlight.get(id) ?? []
      inFlight.delete(id)
      for (const tell of waiting) tell(outcome)
    }
    return outcome => {
      if (!outcome.ok) {
        onError(outcome.error)
        return answer(refusal(storageFault))
      }
      const { accepted, message } = outcome.value.applied
      count(outcome.value.applied, counted)
      try {
        finish(outcome.value)
      } finally {
        // A fault after durability changes nothing about the event, and others may wait for its OK.
        answer({ accepted, message, delivered: [] })
      }
    }
  }

  const count = ({ accepted, message }: { accepted: boolean; message: string }, done: 'applied' | 'stored') => {
    if (!accepted) countRefusal(metrics.eventsRefused, message)
    else if (message.startsWith('duplicate:')) metrics.events.duplicate++
    else metrics.events[done]++
  }

  const refusal = (message: string): Submitted => {
    countRefusal(metrics.eventsRefused, message)
    return { accepted: false, message, delivered: [] }
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
  const finish = ({ applied, stored }: Written) => {
    store.forgetRemoved()
    for (const { event, seq, record } of stored) {
      store.markDelivered(seq, record)
      subscriptions.publish(event, recordJson(record))
    }
    for (const event of applied.deliver) publish(event)
    applied.committed?.()
  }

  /** An event that is kept nowhere. */
  const publish = (event: NostrEvent) => {
    if (subscriptions.count() > 0) subscriptions.publish(event, wholeSpan(Buffer.from(encodeEvent(event))))
  }

  return {
    submit,
    applyLocally: (apply, done) => {
      writer.submit<Written>({
        lane: 'first',
        run: () => putAll(apply()),
        done: outcome => {
          if (!outcome.ok) return done(outcome)
          finish(outcome.value)
          done({ ok: true, value: outcome.value.applied })
        },
      })
    },
  }
}

const takeAll: Policy = () => null

const duplicate = 'duplicate: this event is here already'
const expired = 'invalid: this event has expired'

function storedNow({ event }: Prepared, put: Stored): Written {
  const accepted = put.status === 'stored' || put.status === 'duplicate'
  const applied: Applied = { accepted, message: messages[put.status], store: [], deliver: [] }
  return { applied, stored: put.status === 'stored' ? [{ event, seq: put.seq, record: put.record }] : [] }
}

const messages = {
  stored: '',
  duplicate,
  superseded: 'invalid: there is a newer version of this event',
  deleted: 'blocked: the author has deleted this event',
  vanished: 'blocked: its author, or whom it is for, has vanished from this relay',
} as const satisfies Record<Stored['status'], string>

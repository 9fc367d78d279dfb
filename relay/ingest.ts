import { createAcceptance } from './acceptance.ts'
import { authKind } from './auth.ts'
import { networkOf } from './connection/connection-counter.ts'
import type { NostrEvent, VerifiedEvent } from './event.ts'
import type { FairShare } from './fair-share.ts'
import type { Admission, Applied, Host, Origin } from './host.ts'
import { createInFlight } from './in-flight.ts'
import { countOutcome, createKeeping } from './keeping.ts'
import type { Limits } from './limits.ts'
import { countRefusal, type RelayMetrics } from './metrics/metrics.ts'
import type { Policy } from './policies/policy.ts'
import type { PolicyProgram } from './policies/program.ts'
import { protectionFault } from './protected.ts'
import type { Verifier } from './signatures/verifier.ts'
import { parseEvent } from './signatures/verify.ts'
import { type WireEvent, wireEvent } from './signatures/wire-event.ts'
import type { EventStore } from './store/store.ts'
import type { Outcome, Writer } from './store/writer.ts'
import { type Done, duplicate, refuse, type Submitted, storageFault, tooBusy, wrongSignature } from './submitted.ts'
import type { Subscriptions } from './subscriptions.ts'
import { placesOfEvent } from './under-way.ts'
import type { Vanishing } from './vanish.ts'

/** The way of an event from the wire to disk and to subscribers. */
export type Ingester = {
  submit(event: unknown, origin: Origin, done: Done): void
  applyLocally(apply: () => Applied, done: (outcome: Outcome<Applied>) => void): void
}

/** What an event takes of the room for those that are under way. */
type Held = { places: number }

/** Where an event came from, and whose share of everything it takes. */
type From = { readonly origin: Origin; readonly network: string; readonly held: Held }

/** Makes the ingester. Each stage is cheaper than the next: shape, id, duplicates, signature, host, policies, disk. */
export function createIngester(options: {
  store: EventStore
  subscriptions: Subscriptions
  /** For events that are under way. */
  room: FairShare
  writer: Writer
  verifier: Verifier
  host: Host
  limits: Limits
  vanishing: Vanishing
  /** Told when a request to vanish is durable. */
  onVanish(): void
  /** What an operator has banned (NIP-86), from wherever it comes: the message to refuse it with, or `null`. */
  barred?: ((event: NostrEvent) => string | null) | undefined
  /** The relay's own word on its own kinds, asked before the host's. */
  admitFirst?: ((event: VerifiedEvent, origin: Origin) => Admission | undefined) | undefined
  policy?: Policy | undefined
  program?: PolicyProgram | undefined
  metrics: RelayMetrics
  now(): number
  onError(error: unknown): void
}): Ingester {
  const {
    store,
    room,
    writer,
    verifier,
    host,
    limits,
    vanishing,
    barred = none,
    policy = none,
    program,
    metrics,
  } = options
  const { admitFirst = () => undefined, now, onError } = options
  const inFlight = createInFlight()
  const keeping = createKeeping({ ...options, inFlight, barred })
  const faultOf = createAcceptance({ limits, vanishing, barred, policy, now })
  const refusal = (message: string) => refuse(metrics, message)

  const submit: Ingester['submit'] = (value, origin, done) => {
    const parsed = parseEvent(value, limits)
    if (!parsed.ok) return done(refusal(`invalid: ${parsed.reason}`))
    const wire = wireEvent(parsed.event)
    if (wire === null) return done(refusal('invalid: the id is not the hash of this event'))
    // An import tells of every line what is wrong with it: what is here already may be given with a wrong signature.
    if (origin.source !== 'import' && isKnown(wire, done)) return
    if (wire.event.kind === authKind) return done(refusal('invalid: authentication goes in AUTH, not in EVENT'))
    const network = networkOf(origin.ip)
    // What is imported or fetched is a bounded number at a time anyway.
    const held: Held = { places: origin.source === 'client' ? placesOfEvent : 1 }
    if (!room.hasRoom(network, held.places)) return done(refusal(tooBusy))
    room.take(network, held.places)
    verify(wire, { origin, network, held }, givingBack(network, held, done))
  }

  /** What is delivered has taken its own by then. Made apart, to hold on to nothing else while the disk is waited for. */
  const givingBack =
    (network: string, held: Held, done: Done): Done =>
    outcome => {
      room.giveBack(network, held.places)
      done(outcome)
    }

  /** Enough for what is not on its way to the disk as an ordinary event. */
  const keepOnePlace = ({ network, held }: From) => {
    room.giveBack(network, held.places - 1)
    held.places = 1
  }

  const verify = (wire: WireEvent, from: From, settle: Done) => {
    metrics.verifications++
    verifier.verify(wire, verified => {
      if (verified === null) {
        metrics.badSignatures++
        return settle(refusal(wrongSignature))
      }
      // A copy of it may have come in meanwhile; one whose signature is wrong must not stand for it.
      if (!isKnown(wire, settle)) dispatch(verified, from, settle)
    })
  }

  /** Answers for an event that is here, under way, or has been dealt with; `false` for a new one. */
  const isKnown = ({ event, id }: WireEvent, done: Done): boolean => {
    const known = knownOutcome(event, id, done)
    if (known === undefined) return false
    if (known !== 'waits') done(known)
    return true
  }

  const knownOutcome = (event: NostrEvent, id: Buffer, done: Done): Submitted | 'waits' | undefined => {
    // What a broken disk holds is not known, and a duplicate of it would be acknowledged without being durable.
    if (writer.isBroken()) return refusal(storageFault)
    const join = ({ accepted, message }: Submitted) => {
      if (accepted) metrics.events.duplicate++
      else countRefusal(metrics.eventsRefused, message)
      done({ accepted, message: accepted && message === '' ? duplicate : message, delivered: [] })
    }
    if (inFlight.join(event.id, join)) return 'waits'
    if (isStored(id)) {
      metrics.events.duplicate++
      return { accepted: true, message: duplicate, delivered: [] }
    }
    const dealtWith = host.known(event)
    if (dealtWith === undefined) return undefined
    countOutcome(metrics, dealtWith, 'applied')
    return { ...dealtWith, delivered: [] }
  }

  /** Whether it is here to stay: of one that waits for its removal, nobody is told that it is here. */
  const isStored = (id: Buffer): boolean => {
    const seq = store.seqOf(id)
    const record = seq === undefined ? undefined : store.record(seq)
    return seq !== undefined && record !== undefined && store.shown(seq, record) !== undefined
  }

  const dispatch = (wire: WireEvent<VerifiedEvent>, from: From, done: Done) => {
    const { event } = wire
    const { origin, network } = from
    // Ahead of the application, which takes what it is asked from the author's rations. An import was let in before.
    const protection = origin.source === 'import' ? null : protectionFault(event, origin.authenticated)
    if (protection !== null) return done(refusal(protection))
    const admission = admitFirst(event, origin) ?? guarded(() => host.admit(event, origin), refused)
    switch (admission.kind) {
      case 'refuse':
        return done(refusal(admission.message))
      case 'answer':
        for (const answer of admission.deliver) keeping.publish(answer, network)
        metrics.events.answered++
        return done({ accepted: true, message: '', delivered: admission.deliver })
      case 'apply':
        keepOnePlace(from)
        return keeping.apply(event.id, network, admission.apply, done)
      case 'store': {
        const fault = guarded(() => faultOf(event, origin) ?? admission.charge?.() ?? null, failed)
        if (fault !== null) return done(refusal(fault))
        const isExempt = program === undefined || origin.source === 'import' || vanishing.isRequest(event)
        if (isExempt) return keeping.keep(wire, network, done)
        keepOnePlace(from)
        return askProgram(program, wire, from, done)
      }
      default: {
        const unknown: never = admission
        throw new Error(`no such admission ${JSON.stringify(unknown)}`)
      }
    }
  }

  /** Keeps the event if the program agrees. Until it answers, others who send the event wait, and nobody else. */
  const askProgram = (asked: PolicyProgram, wire: WireEvent<VerifiedEvent>, { origin, network }: From, done: Done) => {
    const { event, json } = wire
    const bytes = json.length
    if (!keeping.reserve(network, bytes)) return done(refusal(tooBusy))
    const answer = inFlight.begin(event.id, done)
    asked.ask(event, origin, verdict => {
      keeping.release(network, bytes)
      if (verdict.action === 'accept') {
        // It may have been banned while the program thought about it.
        const bar = barred(event)
        return bar === null ? keeping.keep(wire, network, answer) : answer(refusal(bar))
      }
      if (verdict.action === 'refuse') {
        metrics.policyRefusals.program++
        return answer(refusal(verdict.message))
      }
      metrics.events.shadowed++
      answer({ accepted: true, message: '', delivered: [] })
    })
  }

  /** The word of the application or of the operator; a fault in it is answered, so that nobody waits for an OK. */
  const guarded = <T>(ask: () => T, otherwise: T): T => {
    try {
      return ask()
    } catch (error) {
      onError(error)
      return otherwise
    }
  }

  return { submit, applyLocally: keeping.applyLocally }
}

const none = () => null
const failed = 'error: the relay failed at this event'
const refused: Admission = { kind: 'refuse', message: failed }
